"""What can be checked, each in an environment of its own: ``pip install "nox[uv]"``, then ``nox`` or ``nox -s NAME``.

A Python that the machine lacks is skipped; with ``MODELBOX_NOX_STRICT=1`` it is a failure.
"""

from __future__ import annotations

import os
from pathlib import Path

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "uv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = os.environ.get("MODELBOX_NOX_STRICT") == "1"
nox.options.sessions = ["lint", "types", "tests", "docs", "wheel", "oldest"]

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
OLDEST = PYTHONS[0]
PYTEST = ("pytest", "-n", "2")

SMOKE = """
import sys, modelbox
modelbox.ModelBoxClient
heavy = {"duckdb", "fsspec", "grpc", "numpy", "pandas", "pyarrow", "requests", "s3fs"} & set(sys.modules)
assert not heavy, f"import modelbox loads {heavy}"
from importlib import metadata, resources
assert resources.files("modelbox").joinpath("py.typed").is_file(), "py.typed is not in the wheel"
assert metadata.version("modelbox-sdk") == modelbox.__version__
assert "site-packages" in modelbox.__file__, modelbox.__file__
"""


@nox.session(python=OLDEST)
def lint(session: nox.Session) -> None:
    """Ruff: rules and format."""
    session.install("ruff>=0.9")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(python=OLDEST)
def types(session: nox.Session) -> None:
    """Mypy, strict."""
    session.install("-e", ".[dev]")
    session.run("mypy")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The test suite, on each supported Python."""
    session.install("-e", ".[test]")
    session.run(*PYTEST, *session.posargs)


@nox.session(python=OLDEST)
def oldest(session: nox.Session) -> None:
    """The test suite with the oldest dependencies that ``pyproject.toml`` allows."""
    session.install("--resolution", "lowest-direct", "-e", ".[test]")
    # Old releases use what newer releases of their own dependencies deprecate; that is not ours to mend.
    lenient = [f"-Wdefault::{category}" for category in ("DeprecationWarning", "FutureWarning", "PendingDeprecationWarning")]
    session.run(*PYTEST, *lenient, *session.posargs)


@nox.session(python=OLDEST)
def protos(session: nox.Session) -> None:
    """Generate the code of the protocol, or with ``-- --check`` only say whether it is stale."""
    session.install("grpcio-tools==1.68.0", "setuptools<81")  # the oldest supported: newer code refuses older libraries
    session.run("python", "protos/generate.py", *session.posargs)


@nox.session(python=OLDEST)
def docs(session: nox.Session) -> None:
    """The site; a broken link or reference is a failure."""
    session.install("-e", ".[docs]")
    session.run("mkdocs", "build", "--strict", "--site-dir", str(Path(session.create_tmp(), "site").absolute()))


@nox.session(python=PYTHONS)
def wheel(session: nox.Session) -> None:
    """The built wheel, installed where the checkout cannot be seen, does the main job."""
    folder = Path(session.create_tmp()).absolute()
    for old in folder.glob("*.whl"):
        old.unlink()
    session.install("build")
    session.run("python", "-m", "build", "--wheel", "--outdir", str(folder), silent=True)
    (built,) = folder.glob("*.whl")
    session.install("--reinstall-package", "modelbox-sdk", f"modelbox-sdk[demo] @ {built.as_uri()}")
    session.chdir(folder)
    session.run("python", "-c", SMOKE)
    session.run("modelbox", "demo", env={"MODELBOX_URI": str(folder / "store")})


@nox.session(python=OLDEST)
def bench(session: nox.Session) -> None:
    """Every row of ``docs/performance.md`` against its floor: ``nox -s bench -- --only NAME``."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.benchmarks", *session.posargs)


@nox.session(python=OLDEST)
def soak(session: nox.Session) -> None:
    """Random work and kills for as long as it is told: ``nox -s soak -- --minutes 30``."""
    session.install("-e", ".[test]")
    session.run("python", "tests/soak", *session.posargs)
