"""Ids are derived from identities, so that the same object has the same id in every store."""

from __future__ import annotations

import hashlib
import json
import os

from modelbox.records import ObjectType


def derive_id(kind: ObjectType, *identity: str) -> str:
    """32 hexadecimal digits of SHA-256 over the JSON list of the kind and the parts of the identity.

    JSON keeps the parts apart: ("ab", "c") and ("a", "bc") differ.
    """
    text = json.dumps([str(kind), *identity], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def new_uid() -> str:
    """A name for a new life of an object."""
    return os.urandom(8).hex()
