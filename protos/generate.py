"""Generates ``modelbox/wire/service_pb2*`` from ``service.proto``: ``nox -s protos``.

Run with the oldest grpcio-tools that modelbox-sdk supports, because generated code refuses to load with an older protobuf or
grpcio than it was made with, and loads with all newer ones.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

HERE = Path(__file__).parent
WIRE = HERE.parent / "modelbox_sdk" / "modelbox" / "wire"


def generate() -> dict[str, str]:
    """The generated files by their names."""
    with tempfile.TemporaryDirectory() as folder:
        outputs = [f"--{kind}_out={folder}" for kind in ("python", "pyi", "grpc_python")]
        well_known = Path(protoc.__file__).parent / "_proto"
        if protoc.main(["protoc", f"-I{HERE}", f"-I{well_known}", *outputs, str(HERE / "modelbox" / "service.proto")]):
            raise SystemExit("protoc failed")
        made = {path.name: path.read_text() for path in Path(folder, "modelbox").iterdir()}
    # The proto's package is modelbox; in Python the generated code is a room of it.
    return {
        name: text.replace("from modelbox import service_pb2", "from modelbox.wire import service_pb2")
        for name, text in made.items()
    }


def main() -> None:
    """Write the files, or with ``--check`` tell whether they are as they should be."""
    stale = [name for name, text in generate().items() if not (WIRE / name).exists() or (WIRE / name).read_text() != text]
    if "--check" in sys.argv:
        raise SystemExit(f"stale: {', '.join(stale)}; run nox -s protos" if stale else 0)
    for name, text in generate().items():
        (WIRE / name).write_text(text)


if __name__ == "__main__":
    main()
