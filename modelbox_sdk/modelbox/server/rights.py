"""What a caller may do."""

from __future__ import annotations

from dataclasses import dataclass

from modelbox.errors import PermissionDeniedError

EVERYWHERE = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The rights of one caller.

    Attributes:
        name: Whose they are.
        namespaces: Where they hold; ``("*",)`` for everywhere.
        may_write: Whether it may change what it can read.
    """

    name: str
    namespaces: tuple[str, ...]
    may_write: bool

    @property
    def is_everywhere(self) -> bool:
        """Whether they hold in all namespaces, also those to come."""
        return EVERYWHERE in self.namespaces

    def may_read(self, namespace: str) -> bool:
        """Whether it may read what is in a namespace."""
        return self.is_everywhere or namespace in self.namespaces

    def require_read(self, namespace: str) -> None:
        """Check that it may read what is in a namespace.

        Raises:
            PermissionDeniedError: It may not. Whether there is such a namespace makes no difference.
        """
        if not self.may_read(namespace):
            raise PermissionDeniedError(f"the token {self.name!r} has no rights on the namespace {namespace!r}")

    def require_write(self, namespace: str) -> None:
        """Check that it may change what is in a namespace.

        Raises:
            PermissionDeniedError: It may not.
        """
        self.require_read(namespace)
        self._require_writing(f"the namespace {namespace!r}")

    def require_everything(self, what: str, *, write: bool = False) -> None:
        """Check that its rights hold everywhere, as what concerns the whole store needs.

        Raises:
            PermissionDeniedError: They do not.
        """
        if not self.is_everywhere:
            held = ", ".join(map(repr, self.namespaces))
            raise PermissionDeniedError(f"{what} needs rights on all namespaces; the token {self.name!r} has them on {held}")
        if write:
            self._require_writing("the store")

    def _require_writing(self, what: str) -> None:
        if not self.may_write:
            raise PermissionDeniedError(f"the token {self.name!r} may read {what}, and not write to it")
