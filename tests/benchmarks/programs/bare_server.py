"""A grpcio server with nothing behind it: it answers every GetObject with one message from memory.

Arguments: the message in hexadecimal digits. Prints its port, and serves until its input ends.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

from modelbox.wire import service_pb2 as pb
from modelbox.wire import service_pb2_grpc


class Servicer(service_pb2_grpc.ModelStoreServicer):
    def __init__(self, response):
        self._response = response

    def GetObject(self, request, context):  # noqa: N802
        return self._response


server = grpc.server(ThreadPoolExecutor(16))
service_pb2_grpc.add_ModelStoreServicer_to_server(Servicer(pb.GetObjectResponse.FromString(bytes.fromhex(sys.argv[1]))), server)
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
sys.stdin.read()
server.stop(0)
