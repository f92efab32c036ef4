"""A connection to object storage that breaks in the middle of an answer."""

from __future__ import annotations

import socket
import threading

import pytest

from modelbox.errors import UnavailableError
from modelbox.stores.files import ObjectFiles

CONTENT = b"0123456789"


class BreakingServer:
    """Answers every request with the content, and cuts the first few answers short."""

    def __init__(self, broken: int) -> None:
        self.answered = 0
        self._broken = broken
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                request = b""
                while b"\r\n\r\n" not in request and (data := connection.recv(65536)):
                    request += data
                self.answered += 1
                body = CONTENT[: 5 if self.answered <= self._broken else None]
                connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10\r\n\r\n" + body)


@pytest.mark.parametrize("broken", [0, 2, 100])
def test_a_read_that_breaks_is_begun_again(monkeypatch: pytest.MonkeyPatch, broken: int) -> None:
    for name, value in {"ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    server = BreakingServer(broken)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
    files = ObjectFiles("s3://bucket/prefix")
    try:
        if broken < 3:
            assert files.read("file") == CONTENT
            assert server.answered == broken + 1
        else:
            with pytest.raises(UnavailableError, match="s3://bucket/prefix/file"):
                files.read("file")
            assert server.answered == 3
    finally:
        files.close()
        server.close()
