"""Every failure of a request is answered with a problem document."""

import asyncio
import json
from typing import Annotated, Any

import asyncpg
import httpx
import msgspec
import pytest
from litestar import Litestar, Request, get, post
from litestar.exceptions import HTTPException, ServiceUnavailableException
from litestar.params import FromPath, QueryParameter
from litestar.types import Message, Receive, Scope, Send
from redis import exceptions as redis

from api import errors
from api.http import problems
from api.http.middleware import wrap_app
from api.schemas.common import ProblemBody

FAILURES: dict[str, Exception] = {
    "outage": ConnectionRefusedError("postgresql://user:hunter2@db"),
    "lost": asyncpg.ConnectionDoesNotExistError("hunter2"),
    "stopping": asyncpg.AdminShutdownError("hunter2"),
    "full": asyncpg.TooManyConnectionsError("hunter2"),
    "closed": asyncpg.InterfaceError("pool is closing"),
    "redis": redis.ConnectionError("hunter2"),
    "slow": redis.TimeoutError("hunter2"),
    "late": TimeoutError("hunter2"),
    "bug": KeyError("hunter2"),
    "row": asyncpg.UniqueViolationError("Key (email)=(hunter2) already exists"),
    "struct": msgspec.ValidationError("hunter2"),
    "internal": errors.Internal("hunter2 is our own words"),
    "framework": ServiceUnavailableException("hunter2"),
    "teapot": HTTPException("hunter2", status_code=418),
}


@get("/fail/{name:str}")
async def fail(name: FromPath[str]) -> None:
    raise FAILURES[name]


@get("/known/{name:str}")
async def known(name: FromPath[str]) -> None:
    if name == "InsufficientCredits":
        raise errors.InsufficientCredits(32, 4)
    if name == "Unauthorized":
        raise errors.Unauthorized("What happened.")
    raise getattr(errors, name)("What happened.", param="field", headers={"X-Extra": "kept"})


@get("/limited")
async def limited(limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20) -> int:
    return limit


@post("/sent")
async def sent(request: Request[Any, Any, Any]) -> int:
    return len(await request.body())


app = Litestar(
    [fail, known, limited, sent],
    exception_handlers=problems.HANDLERS,
    request_max_body_size=100,
    openapi_config=None,
    logging_config=None,
)


async def send_request(method: str, path: str, wrapped: Any = None, **options: Any) -> httpx.Response:
    transport = httpx.ASGITransport(wrapped or wrap_app(app), raise_app_exceptions=False)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.request(method, path, **options)


def read_problem(answer: httpx.Response) -> ProblemBody:
    """Decode the problem, and check that its RFC 9457 members agree with `error`."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem = msgspec.json.decode(answer.content, type=ProblemBody)
    assert problem.status == answer.status_code
    assert problem.instance == answer.headers["x-request-id"]
    assert problem.error.message == problem.detail
    assert problem.type == f"urn:kinora:problem:{problem.error.code}"
    return problem


KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.Problem) and kind not in (errors.Problem, errors.Internal)
]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_problem_carries_its_status_code_and_headers(kind: type[errors.Problem]) -> None:
    answer = await send_request("GET", f"/known/{kind.__name__}")
    problem = read_problem(answer)
    assert (problem.status, problem.error.code, problem.title) == (kind.status, kind.code, kind.title)
    assert problem.error.type == kind.kind
    if kind not in (errors.InsufficientCredits, errors.Unauthorized):
        assert problem.param == problem.error.param == "field"
        assert answer.headers["x-extra"] == "kept"


async def test_an_unauthorized_response_names_the_scheme() -> None:
    assert (await send_request("GET", "/known/Unauthorized")).headers["www-authenticate"].startswith("Bearer")


async def test_insufficient_credits_carry_cost_and_balance() -> None:
    answer = await send_request("GET", "/known/InsufficientCredits")
    assert {"cost": 32, "available": 4, "upgrade": "/v1/billing/plans"}.items() <= answer.json().items()


@pytest.mark.parametrize("name", ["outage", "lost", "stopping", "full", "closed", "redis", "slow", "late", "framework"])
async def test_an_outage_is_503_with_retry_after(name: str) -> None:
    answer = await send_request("GET", f"/fail/{name}")
    assert read_problem(answer).error.code == "unavailable"
    assert int(answer.headers["retry-after"]) > 0
    assert "hunter2" not in answer.text


@pytest.mark.parametrize("name", ["bug", "row", "struct"])
async def test_a_server_fault_is_500_without_details(name: str) -> None:
    answer = await send_request("GET", f"/fail/{name}")
    assert (answer.status_code, read_problem(answer).error.code) == (500, "internal")
    assert "hunter2" not in answer.text


async def test_an_unknown_framework_error_becomes_a_problem() -> None:
    assert read_problem(await send_request("GET", "/fail/teapot")).status == 400


async def test_an_unknown_route_and_a_wrong_method_are_problems() -> None:
    assert read_problem(await send_request("GET", "/nowhere/hunter2?token=hunter2")).error.code == "not_found"
    wrong = await send_request("DELETE", "/limited")
    assert read_problem(wrong).error.code == "method_not_allowed"
    assert "GET" in wrong.headers["allow"]


@pytest.mark.parametrize("limit", ["0", "101", "many", ""])
async def test_an_invalid_parameter_is_named(limit: str) -> None:
    answer = await send_request("GET", f"/limited?limit={limit}")
    problem = read_problem(answer)
    assert (problem.status, problem.param) == (422, "limit")
    assert "`limit`" in problem.detail
    assert "?" not in problem.detail, "the address may hold a signature"


async def test_a_body_beyond_the_limit_is_413() -> None:
    assert read_problem(await send_request("POST", "/sent", content=b"x" * 101)).error.code == "payload_too_large"


async def test_head_is_refused_without_a_body() -> None:
    assert (await send_request("HEAD", "/nowhere")).status_code == 404


async def test_a_crash_outside_of_routes_is_500() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("hunter2")

    answer = await send_request("GET", "/", wrap_app(broken))
    assert read_problem(answer).error.code == "internal"
    assert "hunter2" not in answer.text


async def test_a_crash_after_the_response_started_is_raised() -> None:
    sent: list[Message] = []

    async def breaking(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("the disk went")

    async def keep(message: Message) -> None:
        sent.append(message)

    scope: Any = {"type": "http", "method": "GET", "headers": []}
    with pytest.raises(RuntimeError, match="the disk went"):
        await wrap_app(breaking)(scope, asyncio.Event().wait, keep)  # type: ignore[arg-type]
    assert [message["type"] for message in sent] == ["http.response.start"]


async def test_a_valid_request_id_of_the_client_is_kept() -> None:
    for given, kept in {"a1b2c3d4-e5f6": True, "short": False, "x" * 129: False, "new\x7fline-new": False}.items():
        answer = await send_request("GET", "/limited", headers={"X-Request-Id": given})
        assert (answer.headers["x-request-id"] == given) is kept


async def test_every_response_has_security_headers() -> None:
    for path in ("/limited", "/nowhere"):
        headers = (await send_request("GET", path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]


def test_the_docstring_lists_every_problem() -> None:
    drawn = errors.__doc__ or ""
    assert all(kind.__name__ in drawn for kind in KINDS)


def test_a_problem_with_any_extra_value_is_json() -> None:
    body = errors.Invalid("x", param="n", since=json).body("req_1")
    assert json.loads(bytes(problems.to_response(errors.Invalid("x", since=json), "req_1").content))["since"]
    assert body["error"]["param"] == "n"
