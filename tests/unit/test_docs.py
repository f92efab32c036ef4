"""Every example in README.md and docs/ is run, and every page is in the site's menu.

The Python blocks of one page share a namespace and a fresh folder, and run in order, with the ``$ modelbox ...`` lines of its
console blocks in between. Output that a console block shows must occur in what was printed; ``...`` stands for anything.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import modelbox
from modelbox.cli import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>.*)$")
_LINK = re.compile(r"\]\((?!https?://|#)(?P<target>[^)#\s]+)")


class Block(NamedTuple):
    """A fenced block: its language, the line it starts at, and what is in it."""

    language: str
    line: int
    text: str


def blocks(page: Path) -> Iterator[Block]:
    fence: re.Match[str] | None = None
    start, inside = 0, []
    for number, line in enumerate(page.read_text().splitlines(), 1):
        found = _FENCE.match(line)
        if fence is None and found:
            fence, start, inside = found, number, []
        elif fence is not None and found and not found["info"]:
            language = fence["info"].split()[0] if fence["info"].strip() else ""
            yield Block(language, start, "\n".join(inside) + "\n")
            fence = None
        elif fence is not None:
            inside.append(line.removeprefix(fence["indent"]))
    assert fence is None, f"{page}:{start}: a block that does not end"


def run_python(block: Block, page: Path, names: dict[str, Any]) -> None:
    exec(compile("\n" * block.line + block.text, str(page), "exec", dont_inherit=True), names)


def run_console(block: Block, page: Path) -> None:
    commands = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    assert not commands[0].strip(), f"{page}:{block.line}: a console block begins with $"
    for command in commands[1:]:
        line, _, shown = command.partition("\n")
        program, *arguments = shlex.split(line, comments=True)
        assert program == "modelbox", f"{page}:{block.line}: only modelbox is run; mark other shell lines as sh"
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            code = main(arguments)
        assert code == 0, f"{page}:{block.line}: {line} ended with {code}"
        for part in filter(None, (part.strip() for part in re.split(r"\.\.\.|\n", shown))):
            assert " ".join(part.split()) in " ".join(printed.getvalue().split()), f"{page}:{block.line}: {part!r} is not printed"


def close_clients(names: dict[str, Any]) -> None:
    for value in names.values():
        if isinstance(value, modelbox.ModelBoxClient):
            value.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("MODELBOX_CACHE_DIR", str(tmp_path / "cache"))
    names: dict[str, Any] = {"__name__": "__main__"}
    try:
        for block in blocks(page):
            if block.language == "python":
                run_python(block, page, names)
            elif block.language == "console":
                run_console(block, page)
    finally:
        close_clients(names)
        with contextlib.suppress(ImportError):
            from matplotlib import pyplot

            pyplot.close("all")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = [match["target"] for match in _LINK.finditer(page.read_text())]
    lost = [target for target in targets if not (page.parent / target).exists()]
    assert not lost


def test_every_page_is_in_the_menu() -> None:
    menu = (ROOT / "mkdocs.yml").read_text()
    missing = [name for page in PAGES[1:] if f" {(name := page.relative_to(ROOT / 'docs').as_posix())}\n" not in f"{menu}\n"]
    assert not missing, f"not in the nav of mkdocs.yml: {missing}"


def test_every_public_name_is_in_the_reference() -> None:
    reference = (ROOT / "docs" / "reference.md").read_text()
    missing = [name for name in modelbox.__all__ if name != "__version__" and f"modelbox.{name}\n" not in reference]
    assert not missing


def test_ci_runs_the_test_command_of_the_readme() -> None:
    (command,) = (block.text.strip() for block in blocks(ROOT / "README.md") if block.language == "sh" and "pytest" in block.text)
    assert f"\n{command}\n" in (ROOT / ".ci" / "run").read_text()
