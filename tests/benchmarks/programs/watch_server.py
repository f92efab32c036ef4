"""Watch a server over many connections. Arguments: port, connections, last known change.

Prints "ready" once each has been told its position. Then, for each line of input, what came since the last: for each change, the
moments at which the watchers had it.
"""

import json
import selectors
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
from modelbox.wire import service_pb2 as pb
from raw_http2 import DATA, RawCall

port, count, since = map(int, sys.argv[1:])
request = pb.WatchChangesRequest(since=since).SerializeToString()
selector = selectors.DefaultSelector()
watching = [RawCall(port, "WatchChanges", request) for _ in range(count)]
for call in watching:
    selector.register(call.socket, selectors.EVENT_READ, call)
unread = dict.fromkeys(watching, b"")
told = set()
arrived = defaultdict(list)
asked = threading.Semaphore(0)


def listen():
    for _ in sys.stdin:
        asked.release()


def messages(call):
    for kind, _, payload in call.frames():
        assert kind != 3, "the server gave a watcher up"
        if kind == DATA:
            unread[call] += payload
    while len(unread[call]) >= 5 and len(unread[call]) >= (end := 5 + int.from_bytes(unread[call][1:5])):
        yield pb.WatchChangesResponse.FromString(unread[call][5:end])
        unread[call] = unread[call][end:]


threading.Thread(target=listen, daemon=True).start()
ready = False
while True:
    for key, _ in selector.select(0.05):
        for response in messages(key.data):
            told.add(key.data)
            for change in response.changes:
                arrived[change.seq].append(time.monotonic_ns())
    if not ready and len(told) == count:
        ready = True
        print("ready", flush=True)
    if asked.acquire(blocking=False):
        print(json.dumps(arrived), flush=True)
        arrived.clear()
