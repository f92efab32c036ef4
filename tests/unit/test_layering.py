"""Imports only point down the list of rooms, and importing modelbox loads nothing heavy."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelbox

PACKAGE = Path(modelbox.__file__).parent

LAYERS = (
    ("modelbox",),
    ("integrations", "display", "cli", "demo"),
    ("server",),
    ("client", "exporting", "lifetime", "objects", "pushing"),
    ("transfers",),
    ("backends",),
    ("wire",),
    ("stores",),
    ("journal",),
    (
        "ahead",
        "direct_io",
        "records",
        "errors",
        "settings",
        "columns",
        "points",
        "paths",
        "json_values",
        "hashing",
        "oserrors",
        "findings",
        "sizes",
        "streams",
    ),
)
"""From the top to the ground. What stands in one line may import each other."""

LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
USERS = {"integrations", "display", "cli", "demo"}
"""They get along with the public names, each other, and the ground."""
UNSEEN = {
    # a room, and what it must not import besides the rooms above it
    "server": {"client", "objects", "stores", "transfers"},
    "client": {"stores", "wire", "server"},
    "objects": {"stores", "wire", "server"},
    "wire": {"stores", "journal"},
}
GROUND = {"records", "errors", "settings", "paths", "json_values", "oserrors", "sizes", "streams"}
HEAVY = {"asyncio", "blake3", "botocore", "duckdb", "fsspec", "grpc", "numpy", "pandas", "pyarrow", "requests", "rich", "s3fs"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(module: str) -> str:
    """The room that a dotted module name of the package is in."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "modelbox"


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def typing_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports(tree: ast.AST, *, with_types: bool) -> Iterator[tuple[str, int]]:
    """Absolute names of what is imported anywhere in a module, lazily or not, and the lines."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative imports hide where they lead"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
        elif with_types or not typing_only(node):
            yield from imports(node, with_types=with_types)


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_imports_point_down(path: Path) -> None:
    me = dotted(path)
    room = room_of(me)
    tree = ast.parse(path.read_text())
    wrong = []
    # Objects hand themselves to the notebook, as its protocol wants it: the one lazy way up.
    allowed_up = {("objects", "display")}
    for name, line in imports(tree, with_types=False):
        if not name.startswith("modelbox"):
            continue
        target = room_of(name)
        if target not in LEVEL and target != "testing":
            target = "modelbox"  # a public name
        if target == "testing" and room != "testing":
            wrong.append(f"line {line}: {name} is for tests")
        elif room in ("testing", "modelbox") or target == room:
            continue
        elif target == "modelbox":
            if room not in USERS:
                wrong.append(f"line {line}: {room} must name the room that it needs, not modelbox")
        elif room == "cli" and target == "server":
            continue  # the command that starts one
        elif room in USERS and target not in USERS | GROUND:
            wrong.append(f"line {line}: {room} is a user of the public names only ({name})")
        elif target in UNSEEN.get(room, ()) or (LEVEL[target] < LEVEL[room] and (room, target) not in allowed_up):
            wrong.append(f"line {line}: {room} must not know {target} ({name})")
    assert not wrong, f"{me}:\n" + "\n".join(wrong)


def test_every_room_has_its_place() -> None:
    rooms = {room_of(dotted(path)) for path in modules()} - {"testing", "__main__"}
    assert rooms <= LEVEL.keys()


@pytest.mark.parametrize("path", [p for p in modules() if room_of(dotted(p)) in GROUND], ids=dotted)
def test_the_ground_stands_on_the_standard_library(path: Path) -> None:
    outside = [name for name, _ in imports(ast.parse(path.read_text()), with_types=False) if not name.startswith("modelbox")]
    assert {name.split(".")[0] for name in outside} <= sys.stdlib_module_names


@pytest.mark.parametrize("path", [p for p in modules() if room_of(dotted(p)) in USERS], ids=dotted)
def test_users_use_no_private_names(path: Path) -> None:
    private = []
    for node in ast.walk(ast.parse(path.read_text())):
        named = node.attr if isinstance(node, ast.Attribute) else ""
        own = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
        if named.startswith("_") and not named.startswith("__") and not own and named not in ("_replace", "_asdict", "_fields"):
            private.append(f"line {node.lineno}: {named}")
    assert not private


def loaded_by(statement: str) -> set[str]:
    """The top names of the modules that a fresh interpreter has after a statement, besides those it starts with."""
    code = f"import json, sys; before = set(sys.modules); {statement}; print(json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


@pytest.mark.parametrize(
    "statement",
    ["import modelbox", "import modelbox; modelbox.ModelBoxClient", "import modelbox.cli", "import modelbox.server.process"],
)
def test_importing_is_light(statement: str) -> None:
    assert not loaded_by(statement) & HEAVY


def test_every_public_name_can_be_loaded_without_heavy_modules() -> None:
    assert not loaded_by("import modelbox; [getattr(modelbox, name) for name in modelbox.__all__]") & HEAVY
