"""The standard services that tools ask a gRPC server for: its health, and what it offers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from modelbox.server.grpc_server import ModelBoxServer
from modelbox.wire import service_pb2 as pb

SERVICE: str = pb.DESCRIPTOR.services_by_name["ModelStore"].full_name


def offer_standard_services(server: ModelBoxServer) -> None:
    """Add health and reflection to a server that is not started yet; it is healthy until it begins to stop."""
    # A watcher of health holds no thread this way; the pool only serves new watchers.
    pool = ThreadPoolExecutor(1, thread_name_prefix="modelbox-health")
    standing = health.HealthServicer(experimental_non_blocking=True, experimental_thread_pool=pool)
    health_pb2_grpc.add_HealthServicer_to_server(standing, server.grpc)
    for name in ("", SERVICE):
        standing.set(name, health_pb2.HealthCheckResponse.SERVING)
    server.at_stop(standing.enter_graceful_shutdown)
    reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), server.grpc)
