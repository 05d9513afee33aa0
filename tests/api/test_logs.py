"""What the log holds, and what it can never hold."""

import ast
import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from api import logs
from tests.support.users import Person

SECRETS = [
    "canary-password",
    "canary-prompt",
    "canary-signature",
    "canary-refresh",
    "canary-path",
    "canary-name",
    "kin_canary",
    "canary.jwt.token",
    "canary@example.org",
]


@pytest.fixture
def log_stream() -> Iterator[io.BytesIO]:
    """Everything this process logs, down to the last detail."""
    root, stream = logging.getLogger(), io.BytesIO()
    handlers, level = root.handlers, root.level
    logs.configure_logging("debug", stream)
    yield stream
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)


def read(stream: io.BytesIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log", "bind"}


def logged_fields(module: ast.Module) -> Iterator[tuple[int, str]]:
    """The line and the name of each field that a module logs; of `**fields` the keys of the literal."""
    dicts = {
        target.id: node.value
        for node in ast.walk(module)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for call in (node for node in ast.walk(module) if isinstance(node, ast.Call)):
        method = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if method not in LOG_METHODS | {"write", "bind_contextvars"}:
            continue
        for keyword in call.keywords:
            if keyword.arg is not None:
                yield call.lineno, keyword.arg
            elif isinstance(keyword.value, ast.Name) and keyword.value.id in dicts:
                yield from ((call.lineno, ast.literal_eval(key)) for key in dicts[keyword.value.id].keys if key)
            else:
                yield call.lineno, ast.unparse(keyword.value)


def test_every_logged_field_is_listed() -> None:
    """One that is not would be dropped, and missed only when it is needed."""
    sources = {path: path.read_text() for path in sorted(Path(logs.__file__).parent.rglob("*.py"))}
    unlisted = [
        f"{path.name}:{line} {name}"
        for path, source in sources.items()
        if "structlog" in source
        for line, name in logged_fields(ast.parse(source))
        if name not in logs.FIELDS | {"exc_info"}
    ]
    assert unlisted == []


async def test_a_request_is_one_line(client: httpx.AsyncClient, account: Person, log_stream: io.BytesIO) -> None:
    answer = await client.get("/v1/me?x=1", headers=account.headers)
    (line,) = [line for line in read(log_stream) if line["event"] == "request"]
    assert line.pop("time")
    assert line.pop("ms") >= 0
    assert line == {
        "event": "request",
        "level": "info",
        "request_id": answer.headers["x-request-id"],
        "method": "GET",
        "route": "/v1/me",
        "status": 200,
        "user_id": account.id,
    }


async def test_a_route_is_logged_as_its_template(
    client: httpx.AsyncClient, account: Person, log_stream: io.BytesIO
) -> None:
    await client.get("/v1/videos/canary-path", headers=account.headers)
    await client.get("/canary-path")
    assert [line["route"] for line in read(log_stream) if line["event"] == "request"] == ["/v1/videos/{video_id}", "-"]


async def test_no_secret_is_logged(client: httpx.AsyncClient, account: Person, log_stream: io.BytesIO) -> None:
    """Requests that work and requests that fail in every way there is, each with something to hide."""
    bearer = account.headers
    video = {"prompt": "canary-prompt", "size": "canary-prompt", "seconds": 4}
    person = {"email": "canary@example.org", "password": "canary-password", "name": "canary-name"}
    picture = {"prompt": "x", "input_reference": {"image_url": "canary-prompt"}}
    signed = "/v1/videos/canary-path/content?signature=canary-signature&expires="
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/v1/auth/signup", {"json": person}),
        ("POST", "/v1/auth/signup", {"json": person}),
        ("POST", "/v1/auth/login", {"json": {"email": person["email"], "password": "canary-password-wrong"}}),
        ("POST", "/v1/auth/login", {"content": b'{"password": "canary-password", "email": }'}),
        ("POST", "/v1/auth/refresh", {"json": {"refresh_token": "canary-refresh"}}),
        ("GET", "/v1/me", {"headers": {"Authorization": "Bearer canary.jwt.token"}}),
        ("GET", "/v1/me", {"headers": {"Authorization": "Bearer kin_canary"}}),
        ("GET", "/v1/me?access_token=canary.jwt.token", {}),
        ("PATCH", "/v1/me", {"headers": bearer, "json": {"name": "canary-name", "locale": "canary-name"}}),
        ("POST", "/v1/videos", {"headers": bearer, "json": {"prompt": "canary-prompt", "seconds": 1}}),
        ("POST", "/v1/videos", {"headers": bearer, "json": video}),
        ("POST", "/v1/videos", {"headers": bearer, "data": {"prompt": "canary-prompt", "quality": "canary-prompt"}}),
        ("POST", "/v1/videos", {"headers": bearer, "json": {"prompt": "canary-prompt\0"}}),
        ("POST", "/v1/videos", {"headers": bearer, "json": picture}),
        ("GET", signed + "1", {}),
        ("GET", signed + "canary-signature", {}),
        ("GET", signed + "9" * 30, {}),
        ("GET", "/canary-path?token=canary-signature", {}),
        ("canary-path"[:6], "/v1/me", {"headers": bearer}),
    ]  # fmt: skip
    for method, path, how in asked:
        answer = await client.request(method, path, **how)
        if answer.is_error:
            assert not [secret for secret in SECRETS if secret in answer.text], (method, path, answer.text)
    logged = log_stream.getvalue().decode()
    assert len([line for line in read(log_stream) if line["event"] == "request"]) == len(asked)
    assert not [secret for secret in SECRETS if secret in logged]


def test_an_unlisted_field_is_logged_by_name_only(log_stream: io.BytesIO) -> None:
    structlog.get_logger().info("something", video_id="video_1", prompt="canary-prompt", token="kin_canary")
    (line,) = read(log_stream)
    assert line["video_id"] == "video_1"
    assert line["dropped"] == ["prompt", "token"]


def test_an_exception_is_logged_as_type_and_trace(log_stream: io.BytesIO) -> None:
    try:
        _fail_at_depth({})
    except RuntimeError:
        structlog.get_logger().exception("crash")
    (line,) = read(log_stream)
    assert line["error"] == "RuntimeError"
    assert [entry for entry in line["trace"] if "tests/api/test_logs.py" in entry and entry.endswith("_fail_at_depth")]
    assert "KeyError" in line["trace"], "the cause is there too"
    assert "canary" not in log_stream.getvalue().decode()


def _fail_at_depth(known: dict[str, str]) -> str:
    try:
        return known["canary-prompt"]
    except KeyError as error:
        raise RuntimeError("canary-password") from error


def test_libraries_are_logged_without_their_values(log_stream: io.BytesIO) -> None:
    library = logging.getLogger("asyncpg")
    library.warning("connection to %s failed", "postgresql://kinora:canary-password@db")
    library.error("Task exception was never retrieved\nfuture: canary-prompt", exc_info=ValueError("canary-prompt"))
    library.info("chatter")
    first, second = read(log_stream)
    assert (first["event"], first["logger"]) == ("connection to %s failed", "asyncpg")
    assert (second["event"], second["error"]) == ("Task exception was never retrieved", "ValueError")
    assert "canary" not in log_stream.getvalue().decode()


def test_a_value_of_any_type_can_be_logged(log_stream: io.BytesIO) -> None:
    structlog.get_logger().info("odd", code=object(), error="x" * 5000, count=float("nan"))
    (line,) = read(log_stream)
    assert line["code"] == "object"
    assert len(line["error"]) == logs.MAX_LENGTH


def test_the_level_is_a_threshold() -> None:
    stream = io.BytesIO()
    logs.configure_logging("warning", stream)
    structlog.get_logger().info("too quiet")
    structlog.get_logger().warning("heard")
    structlog.reset_defaults()
    logging.getLogger().handlers = [logging.StreamHandler(sys.stderr)]
    assert [line["event"] for line in read(stream)] == ["heard"]
