"""Errors cross the wire as their class, with their message, over a real connection."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest

from modelbox import errors
from modelbox.wire.errors import ERROR_HEADER, error_from, status_of

KINDS = [*(kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)), TypeError]


@pytest.fixture
def raised_by_a_server() -> Iterator[Any]:
    """A function that has a server answer with an error, and returns what the client makes of it."""
    thrown: list[Exception] = []

    def fail(request: bytes, context: grpc.ServicerContext) -> None:
        code, details, name = status_of(thrown[0])
        context.set_trailing_metadata([(ERROR_HEADER, name)])
        context.abort(code, details)

    handler = grpc.method_handlers_generic_handler("s", {"m": grpc.unary_unary_rpc_method_handler(fail)})
    with futures.ThreadPoolExecutor(1) as pool:
        server = grpc.server(pool, handlers=[handler])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()

        def call(error: Exception) -> Exception:
            thrown[:] = [error]
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary("/s/m")(b"", timeout=30)
            trailers = dict(caught.value.trailing_metadata())
            return error_from(caught.value.code(), caught.value.details(), trailers.get(ERROR_HEADER))

        yield call
        server.stop(None).wait()


@pytest.mark.parametrize("kind", KINDS)
def test_every_class_comes_back(kind: type[Exception], raised_by_a_server: Any) -> None:
    message = "model 'a%20b\n\t\x00\x7f' é näme \U0001f600 must not"
    back = raised_by_a_server(kind(message))
    assert type(back) is kind
    assert str(back) == message


@pytest.mark.parametrize("character", ["x", "é", "\n", "%", "\U0001f600"])
def test_a_long_message_is_cut(character: str, raised_by_a_server: Any) -> None:
    back = raised_by_a_server(errors.NotFoundError(character * 100_000))
    assert type(back) is errors.NotFoundError
    assert str(back).removesuffix(" (cut)").strip(character) == ""
    assert str(back).endswith(" (cut)")
    assert len(str(back)) > 500


def test_a_lone_surrogate_crosses_as_a_question_mark(raised_by_a_server: Any) -> None:
    assert str(raised_by_a_server(errors.NotFoundError("a\ud800"))) == "a?"


def test_a_subclass_crosses_as_its_base() -> None:
    class OwnError(errors.ConflictError):
        pass

    assert status_of(OwnError("x")) == (grpc.StatusCode.FAILED_PRECONDITION, "x", "ConflictError")


def test_an_unforeseen_error_does_not_tell() -> None:
    code, details, name = status_of(RuntimeError("password 1234"))
    assert (code, name) == (grpc.StatusCode.INTERNAL, "ModelBoxError")
    assert "1234" not in details


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
@pytest.mark.parametrize("name", [None, "", "SystemExit", "object"])
def test_a_status_without_a_known_class(code: grpc.StatusCode, name: str | None) -> None:
    found = error_from(code, "why", name)
    assert isinstance(found, errors.ModelBoxError)
    assert "why" in str(found)
    assert str(error_from(code, None)) != ""


@pytest.mark.parametrize(
    ("code", "details", "kind"),
    [
        (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", errors.UnavailableError),
        (grpc.StatusCode.CANCELLED, "Channel closed!", errors.UnavailableError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "too many streams", errors.UnavailableError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max (5 vs. 4)", errors.InvalidArgumentError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "SERVER: Received message larger than max (5 vs. 4)", errors.InvalidArgumentError),
        (grpc.StatusCode.UNIMPLEMENTED, "Method not found!", errors.InvalidArgumentError),
        (grpc.StatusCode.UNKNOWN, "Stream removed", errors.ModelBoxError),
        (grpc.StatusCode.INTERNAL, "?", errors.ModelBoxError),
    ],
)
def test_what_statuses_of_others_mean(code: grpc.StatusCode, details: str, kind: type[Exception]) -> None:
    assert type(error_from(code, details)) is kind
