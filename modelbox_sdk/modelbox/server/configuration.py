"""What a server is to do: its configuration file, as frozen records."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from modelbox import settings
from modelbox.errors import InvalidArgumentError
from modelbox.server.configuration_file import ConfigurationFile, key
from modelbox.server.network import parse_address

LARGEST_MESSAGE = 2**31 - 1
LATER = ("postgres", "mysql", "timescaledb")
"""Storage that the file can describe already, and that comes with the release for clusters."""


def _address(text: str) -> None:
    parse_address(text)


def _optional_address(text: str) -> None:
    if text:
        parse_address(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesystemArtifacts:
    """Artifacts in a folder."""

    base_dir: str = key("")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Artifacts:
    """Artifacts in a bucket. Credentials come from the standard environment of AWS."""

    region: str = key("")
    bucket: str = key("")
    prefix: str = key("")
    endpoint: str = key("")


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegratedStorage:
    """A durable store in a folder."""

    path: str = key("")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseAddress:
    """A database server."""

    host: str = key("")
    port: int = key(0, lowest=0, highest=65535)
    username: str = key("")
    password: str = key("", secret=True)
    dbname: str = key("")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfiguration:
    """The keys of the file, by their names in it; tables are records of their own."""

    artifact_storage: str = key("", choices=("filesystem", "s3"))
    metadata_storage: str = key("", choices=("ephemeral", "integrated", "postgres", "mysql"))
    metrics_storage: str = key("", choices=("inmemory", "integrated", "timescaledb"))
    listen_addr: str = key(":8085", check=_address)

    role: str = key("server", choices=("server", "blob"))
    blob_servers: tuple[str, ...] = key((), check=_address)
    workers: int = key(1, lowest=1, highest=256)
    threads: int = key(32, lowest=1, highest=1024)
    max_streams: int = key(32, lowest=1, highest=1024)
    max_watchers: int = key(10_000, lowest=0, highest=1_000_000)
    max_message_bytes: int = key(64 << 20, lowest=1 << 20, highest=LARGEST_MESSAGE)

    metrics_addr: str | None = key(None, check=_optional_address)
    log_format: str = key("text", choices=("text", "json"))
    log_level: str = key("info", choices=("debug", "info", "warning", "error"))
    slow_call_s: float = key(1.0, lowest=0)

    tokens_file: str = key("")
    tls_cert: str = key("")
    tls_key: str = key("")
    tls_client_ca: str = key("")

    artifact_storage_filesystem: FilesystemArtifacts = field(default_factory=FilesystemArtifacts)
    artifact_storage_s3: S3Artifacts = field(default_factory=S3Artifacts)
    metadata_storage_integrated: IntegratedStorage = field(default_factory=IntegratedStorage)
    metadata_storage_postgres: DatabaseAddress = field(default_factory=DatabaseAddress)
    metadata_storage_mysql: DatabaseAddress = field(default_factory=DatabaseAddress)
    metrics_storage_integrated: IntegratedStorage = field(default_factory=IntegratedStorage)
    metrics_storage_timescaledb: DatabaseAddress = field(default_factory=DatabaseAddress)

    @property
    def metrics_path(self) -> str:
        """The folder of integrated metrics: its own when it has one, else that of integrated metadata."""
        if self.metrics_storage_integrated.path or self.metadata_storage != "integrated":
            return self.metrics_storage_integrated.path
        return self.metadata_storage_integrated.path

    @property
    def is_volatile(self) -> bool:
        """Whether something is kept in the memory of one process, so that several cannot share it."""
        return self.metadata_storage == "ephemeral" or self.metrics_storage == "inmemory"

    @property
    def tokens_path(self) -> Path:
        """Where the tokens are.

        Raises:
            InvalidArgumentError: The configuration does not say.
        """
        if not self.tokens_file:
            raise InvalidArgumentError(
                "the configuration names no tokens_file; add one, such as tokens_file = 'modelbox_tokens.toml'"
            )
        return Path(self.tokens_file).expanduser()


def load(path: str | Path) -> ServerConfiguration:
    """Read a configuration file; ``MODELBOX_SERVER_<KEY>`` and ``MODELBOX_SERVER_<TABLE>_<KEY>`` stand in for its values.

    Raises:
        InvalidArgumentError: The file is not there, or a key or a value in it, or in the environment, is wrong; the message names
            the key, the file and the line.
    """
    file = ConfigurationFile(Path(path), settings.server_variables())
    configuration = file.read(ServerConfiguration)
    _require_storage(configuration, file)
    _require_sense(configuration, file)
    return configuration


def _require_storage(configuration: ServerConfiguration, file: ConfigurationFile) -> None:
    for name in ("artifact_storage", "metadata_storage", "metrics_storage"):
        chosen = getattr(configuration, name)
        if not chosen:
            raise file.missing(name)
        if chosen in LATER:
            raise file.error((name,), f"{name} = {chosen!r} comes with a later release of modelbox; this one has not got it")
    needed = {
        ("artifact_storage_filesystem", "base_dir"): configuration.artifact_storage == "filesystem",
        ("artifact_storage_s3", "bucket"): configuration.artifact_storage == "s3",
        ("metadata_storage_integrated", "path"): configuration.metadata_storage == "integrated",
    }
    for (table, name), is_needed in needed.items():
        if is_needed and not getattr(getattr(configuration, table), name):
            raise file.missing(table, name)
    if configuration.metrics_storage == "integrated" and not configuration.metrics_path:
        raise file.missing("metrics_storage_integrated", "path")


def _require_sense(configuration: ServerConfiguration, file: ConfigurationFile) -> None:
    if configuration.workers > 1 and configuration.is_volatile:
        kept = "metadata_storage" if configuration.metadata_storage == "ephemeral" else "metrics_storage"
        raise file.error(
            ("workers",),
            f"workers = {configuration.workers} needs storage that processes share; {kept} = {getattr(configuration, kept)!r}"
            " lives in the memory of one; use 'integrated'",
        )
    if bool(configuration.tls_cert) != bool(configuration.tls_key):
        given, lacking = ("tls_cert", "tls_key") if configuration.tls_cert else ("tls_key", "tls_cert")
        raise file.error((given,), f"{given} is given without {lacking}; TLS needs both")
    if configuration.tls_client_ca and not configuration.tls_cert:
        raise file.error(
            ("tls_client_ca",), "tls_client_ca is given without tls_cert and tls_key; clients are checked over TLS only"
        )
