"""Bodies in every encoding, and the problems of those that are refused."""

import json
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlencode

import httpx
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar, Request, Response, post
from msgspec import Meta, Struct

from api.errors import Invalid, Malformed, PayloadTooLarge, Problem
from api.http import body, problems
from api.http.body import JSON, MULTIPART, URLENCODED, parse_body
from api.schemas.video_requests import ImageReference, VideoCreate

LIMIT = 300_000


class Card(Struct, frozen=True, forbid_unknown_fields=True):
    at: int
    prompt: str = ""


class NestedFields(Struct, frozen=True, forbid_unknown_fields=True):
    """Shapes of fields that VideoCreate does not have."""

    video: str | ImageReference | None = None
    storyboard: list[Card] | None = None
    tags: list[Annotated[str, Meta(pattern="^[a-z]+$", description="Small letters.")]] | None = None


def read_json(text: str | bytes, kind: type[Any] = VideoCreate) -> Any:
    return parse_body(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text, JSON, "", kind)


def read_form(fields: list[tuple[str, str]], kind: type[Any] = VideoCreate) -> Any:
    return parse_body(urlencode(fields).encode(), URLENCODED, "", kind)


@post("/read", status_code=200)
async def read(request: Request[Any, Any, Any]) -> Response[Any]:
    video = await body.read_body(request, VideoCreate)
    reference = video.input_reference
    image = reference.file if isinstance(reference, ImageReference) else None
    return Response({"prompt": video.prompt, "seconds": video.seconds, "n": video.n, "file": len(image or b"")})


app = Litestar([read], exception_handlers=problems.HANDLERS, request_max_body_size=LIMIT, openapi_config=None)


def client() -> httpx.AsyncClient:
    asgi: Any = app
    return httpx.AsyncClient(transport=httpx.ASGITransport(asgi), base_url="http://test")


# Accepted bodies


def test_json_and_forms_read_to_the_same_value() -> None:
    expected = VideoCreate(prompt="a red ball", seconds=8, n=2, metadata={"shot": "1"})
    assert read_json('{"prompt": "a red ball", "seconds": "8", "n": 2, "metadata": {"shot": "1"}}') == expected
    scalars = [("prompt", "a red ball"), ("seconds", "8"), ("n", "2")]
    assert read_form([*scalars, ("metadata[shot]", "1")]) == expected
    assert read_form([*scalars, ("metadata", '{"shot": "1"}')]) == expected


def test_text_that_looks_like_json_stays_text() -> None:
    assert read_form([("prompt", '{"at": 1}')]).prompt == '{"at": 1}'
    assert read_form([("prompt", "4"), ("metadata[n]", "[1]")]).metadata == {"n": "[1]"}


def test_repeated_brackets_make_the_elements_of_a_list() -> None:
    fields = [("storyboard[][at]", "0"), ("storyboard[][prompt]", "dawn"), ("storyboard[][at]", "2")]
    assert read_form(fields, NestedFields).storyboard == [Card(0, "dawn"), Card(2)]
    assert read_form([("tags[]", "a"), ("tags[]", "b")], NestedFields).tags == ["a", "b"]
    assert read_form([("tags", '["a", "b"]')], NestedFields).tags == ["a", "b"]


def test_a_video_is_named_by_text_or_by_object() -> None:
    assert read_form([("video", "video_1")], NestedFields).video == "video_1"
    assert read_form([("video[file_id]", "video_1")], NestedFields).video == ImageReference(file_id="video_1")
    assert read_form([("video", '{"file_id": "video_1"}')], NestedFields).video == ImageReference(file_id="video_1")


async def test_a_file_becomes_its_bytes() -> None:
    async with client() as http:
        answer = await http.post("/read", data={"prompt": "x"}, files={"input_reference": ("a.png", b"\x89PNG" * 9)})
        large = await http.post("/read", data={"prompt": "x"}, files={"input_reference": ("a.png", b"x" * 280_000)})
    assert answer.json()["file"] == 36
    assert large.json()["file"] == 280_000, "read in a thread, with the same result"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("image", [None, b"\x89PNG"])
def test_a_form_of_openai_python_is_read(image: bytes | None) -> None:
    seen: list[tuple[str, str, VideoCreate]] = []

    def server(request: httpx.Request) -> httpx.Response:
        encoding, _, boundary = request.headers["content-type"].partition("; boundary=")
        seen.append((encoding, boundary, parse_body(request.read(), encoding, boundary, VideoCreate)))
        return httpx.Response(200, json={})

    http: Any = httpx.Client(transport=httpx.MockTransport(server))
    videos = openai.OpenAI(api_key="kin_test", base_url="http://test/v1", http_client=http).videos
    videos.create(prompt="a red ball", seconds="8", size="720x1280", input_reference=image or openai.omit)
    (encoding, boundary, video), *_ = seen
    assert (encoding, bool(boundary)) == (MULTIPART, True)
    assert (video.prompt, video.seconds, video.size) == ("a red ball", 8, "720x1280")
    assert video.input_reference == (ImageReference(file=image) if image else None)


def test_a_form_of_openai_node_is_read() -> None:
    """It writes an object's fields in brackets."""
    video = read_form([("prompt", "x"), ("input_reference[image_url]", "data:image/png;base64,AA==")])
    assert video.input_reference == ImageReference(image_url="data:image/png;base64,AA==")


# Refused bodies


@pytest.mark.parametrize(
    ("sent", "param", "detail"),
    [
        ("{}", "prompt", "required"),
        ('{"prompt": ""}', "prompt", ">= 1"),
        ('{"prompt": "x", "n": 5}', "n", "<= 4"),
        ('{"prompt": "x", "n": null}', "n", "`int`"),
        ('{"prompt": "x", "n": 1.5}', "n", "`int`"),
        ('{"prompt": "x", "n": true}', "n", "`int`"),
        ('{"prompt": "x", "seed": 1' + "0" * 30 + "}", "seed", "4294967295"),
        ('{"prompt": "x", "size": "hunter2"}', "size", "Width x height"),
        ('{"prompt": "x", "quality": "hunter2"}', "quality", "`full`, `turbo`"),
        ('{"prompt": "x", "fps": 60}', "fps", "`seconds`"),
        ('{"prompt": "x", "input_reference": {"image_url": 3}}', "input_reference.image_url", "`str"),
        ('{"prompt": "x", "input_reference": {"url": "hunter2"}}', "input_reference.url", "`image_url`"),
        ('{"prompt": "x", "input_reference": {"file": "?"}}', "input_reference.file", "base64"),
        ('{"prompt": "nul\\u0000"}', "prompt", "NUL"),
        ('{"prompt": "half \\ud83d"}', "prompt", "surrogate"),
        ('{"prompt": "x", "metadata": {"a": ["nul\\u0000"]}}', "metadata.a.0", "NUL"),
        ('{"prompt": "x", "metadata": {"nul\\u0000": 1}}', "metadata", "NUL"),
        ('{"prompt": "x", "metadata": {"a": 1e999}}', "metadata.a", "too large"),
        ('{"prompt": "x", "metadata": {"a": 1' + "0" * 30 + "}}", "metadata.a", "64 bits"),
        ("[]", None, "`object`"),
        ("null", None, "`object`"),
    ],
)
def test_an_invalid_field_is_named_with_its_limit(sent: str, param: str | None, detail: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_json(sent)
    assert caught.value.param == param
    assert detail in caught.value.detail
    assert "hunter2" not in caught.value.detail, "a value may be a secret"


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "{",
        "prompt=x",
        b"\xff\xfe",
        b'{"prompt": "\xff"}',
        '{"prompt": "x"} {}',
        '{"prompt": "x", "prompt": "y"}',
        '{"prompt": "x", "metadata": {"a": NaN}}',
        '{"prompt": "x", "metadata": {"a": -Infinity}}',
        '{"prompt": "x", "metadata": {"a": 1' + "0" * 5000 + "}}",
        '{"prompt": "x", "metadata": ' + '{"a":' * 40 + "1" + "}" * 41,
        "[" * 200_000,
    ],
)
def test_invalid_json_is_malformed(sent: str | bytes) -> None:
    with pytest.raises(Malformed):
        read_json(sent)


def test_a_million_values_are_refused_without_parsing() -> None:
    with pytest.raises(PayloadTooLarge, match="50,000"):
        read_json('{"prompt": "x", "metadata": {"a": [' + "1," * 1_000_000 + "1]}}")


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ([("prompt", "x"), ("prompt", "y")], "twice"),
        ([("prompt", "x"), ("metadata", "{")], "`metadata` is not JSON"),
        ([("metadata[a]", "1"), ("metadata[a]", "2")], "twice"),
        ([("metadata[a]", "1"), ("metadata[]", "1")], "two shapes"),
        ([("metadata", "1"), ("metadata[a]", "1")], "two shapes"),
        ([("prompt[", "x")], "cannot be read"),
        ([("", "x")], "cannot be read"),
        ([("a" + "[b]" * 8, "x")], "at most 8 deep"),
        ([("a" * 201, "x")], "cannot be read"),
    ],
)
def test_contradictory_forms_are_malformed(fields: list[tuple[str, str]], detail: str) -> None:
    with pytest.raises(Malformed, match=detail):
        read_form(fields)


@pytest.mark.parametrize("sent", [b"", b"--B", b"--B\r\n\r\nx\r\n--B--", b"--C\r\n", b"--B\r\nContent-Disposition: x"])
def test_a_broken_multipart_body_is_malformed(sent: bytes) -> None:
    with pytest.raises(Malformed):
        parse_body(sent, MULTIPART, "B", VideoCreate)


def test_a_form_of_too_many_parts_is_too_large() -> None:
    part = b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
    with pytest.raises(PayloadTooLarge, match="200"):
        parse_body(part * 201 + b"--B--", MULTIPART, "B", VideoCreate)
    with pytest.raises(PayloadTooLarge, match="200"):
        read_form([("a", "")] * 201)


def test_a_list_in_a_form_is_checked_by_element() -> None:
    with pytest.raises(Invalid, match="Small letters") as caught:
        read_form([("tags[]", "a"), ("tags[]", "B")], NestedFields)
    assert caught.value.param == "tags.1"


@pytest.mark.parametrize(
    ("content", "headers", "status", "detail"),
    [
        (b"{}", {"content-type": "text/plain"}, 415, JSON),
        (b"{}", {}, 415, MULTIPART),
        (b"{}", {"content-type": JSON, "content-encoding": "gzip"}, 415, "not compressed"),
        (b"x" * (LIMIT + 1), {"content-type": JSON}, 413, "300,000"),
        (b"{}", {"content-type": MULTIPART}, 400, "multipart"),
        (b"", {"content-type": JSON}, 400, "not JSON"),
        (b'{"\\ud800": 1}', {"content-type": JSON}, 400, "surrogate"),
    ],
)
async def test_problems_name_what_is_accepted(
    content: bytes, headers: dict[str, str], status: int, detail: str
) -> None:
    async with client() as http:
        answer = await http.post("/read", content=content, headers=headers)
    assert answer.status_code == status
    assert detail in answer.json()["detail"]


text = st.text(st.characters(exclude_categories=()))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text,
    lambda inner: st.lists(inner) | st.dictionaries(text, inner),
)


@given(
    st.dictionaries(st.sampled_from(["prompt", "n", "seed", "metadata", "input_reference", "x", "\ud800"]), json_values)
)
def test_any_json_is_read_or_refused(value: dict[str, Any]) -> None:
    check_no_server_error(lambda: read_json(json.dumps(value)))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(sent: bytes) -> None:
    check_no_server_error(lambda: parse_body(sent, JSON, "", VideoCreate))
    check_no_server_error(lambda: parse_body(sent, URLENCODED, "", VideoCreate))
    head = b'--B\r\nContent-Disposition: form-data; name="prompt"\r\n'
    check_no_server_error(lambda: parse_body(head + sent + b"\r\n--B--\r\n", MULTIPART, "B", VideoCreate))


def check_no_server_error(read: Callable[[], Any]) -> None:
    status = 200
    try:
        read()
    except Problem as problem:
        status = problem.status
    assert 200 <= status < 500
