"""The bytes of a journal file.

::

    file    = header header record* zero*           both headers are the same 64 bytes, so that one flipped bit loses nothing
    record  = crc32:u32 size:u32 kind:u32 series:u32 logged_us:i64 body padding      starts at, and is padded to, 8 bytes

Numbers are in the byte order of the machine: a journal is read where it was written, and `BYTE_ORDER` in the header refuses others.
``size`` counts the whole record. The checksum covers everything after itself and starts from the file's own seed, so that no bytes
that a user logs can pass for a record. A record is appended by one copy; one that a kill tore fails its checksum.

==========  ===============================================================================================
kind        body
==========  ===============================================================================================
SERIES      JSON: [series, object_id, uid, [key, ...]]; scalars and other values refer to it by its number
SCALARS     step:i64, a double for each key
SCALARS_AT  step:i64 wallclock_us:i64, a double for each key
TEXT, BLOB  step:i64 wallclock_us:i64 length:u64, bytes; the series has one key
EVENT       JSON: {object_id, uid, sequence, name, source, wallclock_us, metadata}
CUT         sequence:u64; what came since the last cut of the file is the writer's batch of that number
==========  ===============================================================================================

SERIES and CUT are written twice in a row: losing one of them to a flipped bit would cost more than itself.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from zlib import crc32

MAGIC = b"MBXJRNL\x01"
FORMAT_VERSION = 1
BYTE_ORDER = 0x01020304
STORE_NAME = "store"
"""A file beside the folders of the writers that says where all of this is to be delivered, where the place does not tell."""
SUFFIX = ".journal"

SERIES = 1
SCALARS = 2
SCALARS_AT = 3
TEXT = 4
BLOB = 5
EVENT = 6
CUT = 7
KINDS = frozenset(range(SERIES, CUT + 1))

HEADER = struct.Struct("=8sIIIIQ32s")
HEADER_SIZE = 2 * HEADER.size
HEAD = struct.Struct("=IIIIq")
HEAD_SIZE = HEAD.size
SMALLEST_RECORD = HEAD_SIZE + 8

pack_prefix = struct.Struct("=III").pack
join_head = struct.Struct("=I12s").pack
pack_time = struct.Struct("=q").pack
pack_other = struct.Struct("=qqqQ").pack
pack_cut = struct.Struct("=qQ").pack


class Header(NamedTuple):
    """What a file says about itself.

    Attributes:
        version: Of the format.
        number: Position of the file among the writer's files, from 1.
        first_sequence: Number of the first batch in the file.
        writer: Who wrote it.
    """

    version: int
    number: int
    first_sequence: int
    writer: str


class Shape(NamedTuple):
    """How the scalars of one series are packed.

    Attributes:
        pack: Packs logged_us, step and the values.
        seed: Where the checksum of such a record starts: that of the prefix.
        prefix: Size, kind and series.
        series: Number of the series in the file.
        keys: Number of its keys.
    """

    pack: Callable[..., bytes]
    seed: int
    prefix: bytes
    series: int
    keys: int


def file_name(number: int) -> str:
    """The name of a writer's file; names sort in the order of writing."""
    return f"{number:08d}{SUFFIX}"


def seed_of(writer: str, number: int) -> int:
    """Where the checksums of a file start."""
    return crc32(f"{writer}/{number}".encode())


def encode_header(header: Header) -> bytes:
    """Both copies."""
    writer = header.writer.encode()
    fields = (MAGIC, BYTE_ORDER, header.version, header.number)
    checksum = crc32(HEADER.pack(*fields, 0, header.first_sequence, writer))
    return HEADER.pack(*fields, checksum, header.first_sequence, writer) * 2


def decode_header(data: bytes | memoryview) -> Header | None:
    """The header, from whichever copy is whole; None when neither is."""
    for offset in (0, HEADER.size):
        if len(data) < offset + HEADER.size:
            return None
        magic, order, version, number, checksum, first_sequence, writer = HEADER.unpack_from(data, offset)
        if magic != MAGIC or order != BYTE_ORDER:
            continue
        if checksum == crc32(HEADER.pack(magic, order, version, number, 0, first_sequence, writer)):
            return Header(version, number, first_sequence, writer.rstrip(b"\0").decode("ascii", "replace"))
    return None


def scalars_size(keys: int, *, at: bool) -> int:
    """Bytes of a record of scalars."""
    return HEAD_SIZE + 8 + (8 if at else 0) + 8 * keys


def shape_of(series: int, keys: int, seed: int) -> Shape:
    """Prepare the packing of a series in a file with a seed."""
    prefix = pack_prefix(scalars_size(keys, at=False), SCALARS, series)
    return Shape(struct.Struct(f"=qq{keys}d").pack, crc32(prefix, seed), prefix, series, keys)


def _record(kind: int, series: int, body: bytes, seed: int) -> bytes:
    body += bytes(-len(body) % 8)
    prefix = pack_prefix(16 + len(body), kind, series)
    return join_head(crc32(body, crc32(prefix, seed)), prefix) + body


def encode_series(series: int, object_id: str, uid: str, keys: Sequence[str], *, logged_us: int, seed: int) -> bytes:
    """Both copies of the record that gives a series its number."""
    text = json.dumps([series, object_id, uid, list(keys)], separators=(",", ":"))
    return _record(SERIES, series, pack_time(logged_us) + text.encode(), seed) * 2


def encode_scalars(shape: Shape, values: Sequence[float], logged_us: int, step: int, wallclock_us: int | None, seed: int) -> bytes:
    """Scalars of one call; the caller of a call without a wallclock may as well use the shape itself."""
    if wallclock_us is None:
        body = shape.pack(logged_us, step, *values)
        return join_head(crc32(body, shape.seed), shape.prefix) + body
    return _record(SCALARS_AT, shape.series, struct.pack(f"=qqq{shape.keys}d", logged_us, step, wallclock_us, *values), seed)


def encode_other(kind: int, series: int, data: bytes, *, logged_us: int, step: int, wallclock_us: int, seed: int) -> bytes:
    """A text or a blob."""
    return _record(kind, series, pack_other(logged_us, step, wallclock_us, len(data)) + data, seed)


def encode_event(event: dict[str, Any], *, logged_us: int, seed: int) -> bytes:
    """An event; escaped to ASCII, so that any string that Python holds comes back."""
    return _record(EVENT, 0, pack_time(logged_us) + json.dumps(event, separators=(",", ":")).encode(), seed)


def encode_cut(sequence: int, *, logged_us: int, seed: int) -> bytes:
    """Both copies of the record that ends a batch."""
    return _record(CUT, 0, pack_cut(logged_us, sequence), seed) * 2


CUT_SIZE = len(encode_cut(1, logged_us=0, seed=0))
