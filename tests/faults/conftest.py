from in_process_server import serve, served

__all__ = ["serve", "served"]
