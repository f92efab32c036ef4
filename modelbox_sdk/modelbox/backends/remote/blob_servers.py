"""Which servers take transfers."""

from __future__ import annotations

from collections.abc import Callable

from modelbox.backends.remote.address import ServerAddress, parse_address
from modelbox.backends.remote.calls import Calls
from modelbox.wire import service_pb2 as pb


class TransferCalls:
    """The calls of the server that takes transfers: the one that is asked, or one that it names.

    Args:
        calls: Those of the server that is asked, once.
        address: Where that is.
        connect: Makes the calls of other servers.
    """

    def __init__(self, calls: Calls, address: ServerAddress, connect: Callable[[ServerAddress], Calls]) -> None:
        self._asked = calls
        self._address = address
        self._connect = connect
        self._calls: Calls | None = None

    def get(self) -> Calls:
        """The calls to make transfers with."""
        calls = self._calls
        if calls is None:  # several threads may find that, and ask: nothing is connected before it is used
            named = self._asked.unary("GetServerInfo", pb.GetServerInfoRequest()).blob_servers
            calls = self._calls = self._connect(self._among(named)) if named else self._asked
        return calls

    def close(self) -> None:
        """Release the connections that were made here. Idempotent."""
        made, self._calls = self._calls, None
        if made is not None and made is not self._asked:
            made.channel.close()

    def _among(self, named: list[str]) -> ServerAddress:
        return parse_address(f"{'grpcs' if self._address.secure else 'grpc'}://{','.join(named)}")
