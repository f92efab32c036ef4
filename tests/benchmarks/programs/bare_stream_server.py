"""A grpcio server with nothing behind it: it hashes a stream that comes, and sends a file. Arguments: the file.

Prints its port, and serves until its input ends.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from blake3 import blake3

CHUNK = 512 << 10


def up(chunks, context):
    hasher = blake3()
    for chunk in chunks:
        hasher.update(chunk)
    return hasher.hexdigest().encode()


def down(request, context):
    with open(sys.argv[1], "rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            yield chunk


class Handlers(grpc.GenericRpcHandler):
    def service(self, details):
        if details.method == "/bare/Up":
            return grpc.stream_unary_rpc_method_handler(up)
        return grpc.unary_stream_rpc_method_handler(down)


server = grpc.server(ThreadPoolExecutor(2), handlers=[Handlers()])
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
sys.stdin.read()
server.stop(0)
