"""Finding the object that a command line means: by id, or by a name that only one object has."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from modelbox.errors import InvalidArgumentError, NotFoundError

if TYPE_CHECKING:
    from modelbox import Artifact, Experiment, Model, ModelBoxClient, ModelVersion

    Holder: TypeAlias = Experiment | Model | ModelVersion
    AnyObject: TypeAlias = Holder | Artifact

T = TypeVar("T", bound="Experiment | Model")
_ID = re.compile(r"[0-9a-f]{32}")


def find_experiment(client: ModelBoxClient, id_or_name: str, namespaces: str) -> Experiment:
    """The experiment with an id, or the only one with a name.

    Raises:
        NotFoundError: There is none.
        InvalidArgumentError: Several have the name.
    """
    with contextlib.suppress(NotFoundError):
        return client.get_experiment(id_or_name)
    named = [found for found in client.list_experiments(namespaces) if found.name == id_or_name]
    return _only(named, "experiment", id_or_name, namespaces)


def find_model(client: ModelBoxClient, id_or_name: str, namespaces: str) -> Model:
    """The model with an id, or the only one with a name.

    Raises:
        NotFoundError: There is none.
        InvalidArgumentError: Several have the name.
    """
    if _ID.fullmatch(id_or_name):
        with contextlib.suppress(NotFoundError):
            return client.get_model(id_or_name)
    named = [found for found in client.list_models(namespaces) if found.name == id_or_name]
    return _only(named, "model", id_or_name, namespaces)


def find_holder(client: ModelBoxClient, id_or_name: str, namespaces: str) -> Holder:
    """As :func:`find_object`, but only what artifacts can hang on.

    Raises:
        NotFoundError: There is none.
        InvalidArgumentError: Several have the name, or it is an artifact.
    """
    import modelbox

    found = find_object(client, id_or_name, namespaces)
    if isinstance(found, modelbox.Artifact):
        raise InvalidArgumentError(f"{id_or_name} is the artifact {found.name!r}; name what it hangs on: {found.object_id}")
    return found


def find_object(client: ModelBoxClient, id_or_name: str, namespaces: str) -> AnyObject:
    """The object of any type with an id, or the only experiment or model with a name.

    Raises:
        NotFoundError: There is none.
        InvalidArgumentError: Several have the name.
    """
    with contextlib.suppress(NotFoundError):
        return client.get_object(id_or_name)
    candidates: list[Experiment | Model] = [*client.list_experiments(namespaces), *client.list_models(namespaces)]
    named = [candidate for candidate in candidates if candidate.name == id_or_name]
    return _only(named, "object", id_or_name, namespaces)


def _only(named: Sequence[T], kind: str, name: str, namespaces: str) -> T:
    if len(named) == 1:
        return named[0]
    if not named:
        where = "" if namespaces == "*" else f" in namespace {namespaces!r}"
        raise NotFoundError(f"there is no {kind} with the id or name {name!r}{where}")
    ids = ", ".join(f"{found.id} ({type(found).__name__.lower()} in {found.namespace!r})" for found in named[:5])
    raise InvalidArgumentError(f"{len(named)} objects are named {name!r}; give the id of one: {ids}")
