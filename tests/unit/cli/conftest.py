"""A store with one of everything, and the command line called in this process."""

from __future__ import annotations

from pathlib import Path

import pytest
from calling import Cli, Result, Sample

import modelbox
from modelbox.cli import main


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A store that tests only read."""
    folder = tmp_path_factory.mktemp("sample")
    found = Sample(str(folder / "store"))
    (folder / "data.txt").write_text("one,two\n")
    with modelbox.ModelBoxClient(found.uri, owner="ada") as client:
        run = client.create_experiment(
            "run", framework="pytorch", task='a, "b"', metadata={"lr": 0.1, "layers": [1, 2], "name": "é"}
        )
        for step, value in enumerate((0.5, float("nan"), float("inf"), float("-inf"), 0.25)):
            run.log_metrics({"loss": value}, step=step, wallclock=1_700_000_000.5 + step)
        run.log_metrics({"note": "NaN", "weights": b"\x00\xff"}, step=7, wallclock=1_700_000_000)
        run.log_event("started", source="trainer", metadata={"epoch": 1}, wallclock=1_700_000_000)
        run.log_event("stopped", wallclock=1_700_000_010)
        data = run.upload_artifact("data", folder / "data.txt")
        tracked = run.track_artifact("big", "s3://bucket/big.parquet", checksum="md5:1")
        child = client.create_experiment("child\n\x1b[31m", parent=run)
        run.finish()
        model = client.create_model("net", labels={"team": "x"}, description="a net")
        first = model.create_version("1", experiment=run, datasets=[data])
        second = model.create_version("2", unique_tags=["prod"])
        second.log_metrics({"acc": 0.9})
        other = client.create_experiment("run", namespace="other", owner="bob")
        client.create_model("run", namespace="third")
    objects = {"run": run, "child": child, "other": other, "net": model, "v1": first, "v2": second, "data": data, "big": tracked}
    found.ids = {name: thing.id for name, thing in objects.items()}
    return found


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command line in this process."""

    def run(*argv: object) -> Result:
        capsys.readouterr()
        try:
            code = main([str(arg) for arg in argv])
        except SystemExit as error:
            code = int(error.code or 0)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run


@pytest.fixture
def read(cli: Cli, sample: Sample) -> Cli:
    """Run a command on the sample; it succeeds, and nothing but data goes to stdout."""

    def run(*argv: object) -> Result:
        result = cli("-u", sample.uri, *argv)
        assert (result.code, result.err) == (0, "")
        return result

    return run


@pytest.fixture
def store(tmp_path: Path) -> str:
    """Where a store may be made."""
    return str(tmp_path / "store")
