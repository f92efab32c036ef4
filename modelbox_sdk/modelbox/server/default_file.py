"""The configuration file that a server starts with when nobody has changed anything."""

from __future__ import annotations

from pathlib import Path

from modelbox.errors import AlreadyExistsError
from modelbox.oserrors import storage_errors

DEFAULT_PATH = "modelbox_server.toml"

DEFAULT_FILE = """\
# Configuration of a ModelBox server: modelbox server start --config-path modelbox_server.toml
#
# Any value can come from the environment instead, so that no password has to stand here: MODELBOX_SERVER_LISTEN_ADDR stands in
# for listen_addr, MODELBOX_SERVER_METADATA_STORAGE_POSTGRES_PASSWORD for password in [metadata_storage_postgres]. A key that the
# server does not know is an error. What is commented out shows the default.

# Where the content of artifacts is kept: "filesystem" or "s3".
artifact_storage = "filesystem"

# Where experiments, models and events are kept: "ephemeral" (in memory, gone when the server stops) or "integrated" (a durable
# store in a folder). "postgres" and "mysql" come with a later release.
metadata_storage = "ephemeral"

# Where metrics are kept: "inmemory" or "integrated". "timescaledb" comes with a later release.
metrics_storage = "inmemory"

# Where clients connect: "host:port", or ":port" for all interfaces.
listen_addr = ":8085"

# Prometheus metrics are served at http://<metrics_addr>/metrics; "" serves none.
# metrics_addr = ":2112"

# Processes that share listen_addr. More than one needs storage that processes share: "integrated".
# workers = 1

# What each process does at a time: short calls, transfers of files and points, and clients that watch; more are asked to wait
# or refused. The greatest message that is accepted, in bytes.
# threads = 32
# max_streams = 32
# max_watchers = 10000
# max_message_bytes = 67108864

# "server" offers everything. "blob" offers the calls about artifacts only, so that transfers scale apart from the rest; the main
# server names such servers in blob_servers, and clients send and fetch content there.
# role = "server"
# blob_servers = []

# Who may do what: modelbox server create-token writes this file. Without it, whoever reaches the port can read and write.
# tokens_file = ""

# TLS: PEM files of the certificate (with what is between it and its root) and of its key. With tls_client_ca, clients must show
# a certificate that this authority signed. The files are read again when they change.
# tls_cert = ""
# tls_key = ""
# tls_client_ca = ""

# Logs go to stderr: format "text" or "json"; level "debug" (every call), "info" (slow calls), "warning" (failures) or "error".
# log_format = "text"
# log_level = "info"
# slow_call_s = 1.0

[artifact_storage_filesystem]
# Each store keeps its artifacts in a folder of its own in here, so that several can share it.
base_dir = "/tmp/modelboxblobs"

[artifact_storage_s3]
# Credentials come from the standard environment of AWS (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE, roles).
region = "us-east-1"
bucket = "modelbox-artifacts"
# Where in the bucket, and an S3 server other than that of AWS, such as "http://127.0.0.1:9000".
# prefix = ""
# endpoint = ""

[metadata_storage_integrated]
# A folder; it is created when it is missing.
path = "/tmp/modelbox.dat"

[metadata_storage_postgres]
host = "172.17.0.3"
port = 5432
username = "postgres"
password = "foo"
dbname   = "modelbox"

[metadata_storage_mysql]
host     = "172.17.0.2"
port     = 3306
username = "root"
password = "foo"
dbname   = "modelbox"

# [metrics_storage_integrated]
# A folder; with integrated metadata the default is the same folder.
# path = ""

[metrics_storage_timescaledb]
host = "172.17.0.4"
port = 5432
username = "postgres"
password = "foo"
dbname   = "modelbox_metrics"
"""


def write_default(path: str | Path) -> Path:
    """Write the file, with comments, for people to change; only they and their group can read it then.

    Returns:
        Where it is.

    Raises:
        AlreadyExistsError: Something is there already; it is left alone.
    """
    target = Path(path)
    try:
        with storage_errors("write", str(target)), target.open("x", encoding="utf-8") as file:
            file.write(DEFAULT_FILE)
    except FileExistsError:
        raise AlreadyExistsError(f"{target} exists already; name another file, or remove it first") from None
    target.chmod(0o640)
    return target
