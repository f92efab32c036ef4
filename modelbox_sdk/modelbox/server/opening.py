"""From a configuration to the backend that is served."""

from __future__ import annotations

from modelbox.backends.inprocess.assembling import Bucket, Folder, StoreObserver, assemble
from modelbox.backends.served import ServedBackend
from modelbox.server.configuration import ServerConfiguration


def open_backend(configuration: ServerConfiguration, observe: StoreObserver | None = None) -> ServedBackend:
    """Open the store that a configuration describes, creating what is not there.

    Args:
        configuration: Where its parts lie.
        observe: Told how long the parts take.

    Raises:
        InvalidArgumentError: A place holds something else, or a store of a newer format, or cannot hold a store.
        PermissionDeniedError: A place cannot be read or written.
        UnavailableError: A storage is out of reach.
    """
    metadata = (
        Folder(path=configuration.metadata_storage_integrated.path) if configuration.metadata_storage == "integrated" else None
    )
    metrics = Folder(path=configuration.metrics_path) if configuration.metrics_storage == "integrated" else None
    return assemble(metadata, metrics, _artifacts(configuration), observe)


def _artifacts(configuration: ServerConfiguration) -> Folder | Bucket:
    if configuration.artifact_storage == "filesystem":
        return Folder(path=configuration.artifact_storage_filesystem.base_dir)
    s3 = configuration.artifact_storage_s3
    return Bucket(url=f"s3://{s3.bucket}/{s3.prefix.strip('/')}".rstrip("/"), region=s3.region, endpoint=s3.endpoint)
