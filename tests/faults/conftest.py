from in_process_server import serve, served
from troubled_server import name, server, shared_server, spool

__all__ = ["name", "serve", "served", "server", "shared_server", "spool"]
