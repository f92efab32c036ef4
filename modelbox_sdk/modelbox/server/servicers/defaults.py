"""What an absent field stands for."""

from __future__ import annotations

from typing import Any

DEFAULT_NAMESPACE = "default"
UNKNOWN_OWNER = "unknown"


def namespace_of(request: Any) -> str:
    """The namespace that a request names."""
    return request.namespace or DEFAULT_NAMESPACE


def namespace_or_all(request: Any) -> str | None:
    """The namespace that a request is about; None for all."""
    return None if request.all_namespaces else namespace_of(request)


def owner_of(request: Any) -> str:
    """The owner that a request names."""
    return request.owner or UNKNOWN_OWNER


def optional(request: Any, field: str) -> Any:
    """The value of an optional field; None where it is absent."""
    return getattr(request, field) if request.HasField(field) else None
