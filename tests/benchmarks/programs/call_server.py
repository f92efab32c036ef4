"""Call GetObject again and again over some connections at once. Arguments: port, id, connections, seconds.

Frame by frame: a client of grpc would take as much of the machine as the server that is measured.
"""

import selectors
import struct
import sys
import time
from pathlib import Path

from report import report

sys.path.append(str(Path(__file__).parents[2]))
from modelbox.wire import service_pb2 as pb
from raw_http2 import DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, RawConnection, frame, headers, message

port, id, connections, seconds = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
HEAD = headers("/modelbox.ModelStore/GetObject")
REQUEST = message(pb.GetObjectRequest(id=id).SerializeToString())


class Caller(RawConnection):
    """One call after the other."""

    def __init__(self):
        super().__init__(port, PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 20)))
        self.grant(1 << 30)
        self.stream = -1
        self.answers = 0

    def call(self):
        self.stream += 2
        self.socket.sendall(frame(HEADERS, END_HEADERS, self.stream, HEAD) + frame(DATA, END_STREAM, self.stream, REQUEST))

    def go_on(self):
        for kind, flags, payload in self.frames():
            if kind == DATA:
                self.answers += 1
            elif flags & END_STREAM:
                assert b"grpc-status\x010" in payload or self.answers, payload
                self.call()


callers = [Caller() for _ in range(connections)]
selector = selectors.DefaultSelector()
for caller in callers:
    selector.register(caller.socket, selectors.EVENT_READ, caller)
    caller.call()
began = time.perf_counter()
while time.perf_counter() - began < seconds:
    for key, _ in selector.select(1.0):
        key.data.go_on()
took_s = time.perf_counter() - began
answers = [caller.answers for caller in callers]
assert min(answers) > 0, "a connection got no answer"
report(rate=sum(answers) / took_s)
