"""Stream a file to a bare gRPC server, or from it, hashing what comes. Arguments: up or down, port, file."""

import sys
import time

import grpc
from blake3 import blake3
from report import report

CHUNK = 512 << 10


def chunks():
    with open(sys.argv[3], "rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            yield chunk


with grpc.insecure_channel(f"127.0.0.1:{sys.argv[2]}") as channel:
    grpc.channel_ready_future(channel).result(10)
    began = time.perf_counter()
    if sys.argv[1] == "up":
        channel.stream_unary("/bare/Up")(chunks())
    else:
        hasher = blake3()
        for chunk in channel.unary_stream("/bare/Down")(b""):
            hasher.update(chunk)
    report(took_s=time.perf_counter() - began)
