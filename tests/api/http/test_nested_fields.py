"""Lists of objects in forms, as clients really write them; what leaves open what belongs together is refused."""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import Malformed
from api.http.body import parse_body
from api.http.nested_fields import nest_fields
from api.schemas.video_requests import StoryboardCard, VideoCreate, VideoRecut

CARDS: list[dict[str, Any]] = [{"prompt": "dawn", "at": 0}, {"prompt": "noon", "at": 2.5}, {"prompt": "dusk", "at": 4}]
STORYBOARD = [StoryboardCard(prompt=card["prompt"], at=card["at"]) for card in CARDS]
ROWS = [(f"storyboard[][{key}]", str(value)) for card in CARDS for key, value in card.items()]
NUMBERED = [
    (f"storyboard[{index}][{key}]", str(value)) for index, card in enumerate(CARDS) for key, value in card.items()
]


def read(request: httpx.Request, kind: type[Any] = VideoCreate) -> Any:
    encoding, _, boundary = request.headers["content-type"].partition("; boundary=")
    return parse_body(request.read(), encoding, boundary, kind)


def sent_by_openai_python(call: str, **arguments: Any) -> httpx.Request:
    """The request that openai-python sends for a call of its videos."""
    seen: list[httpx.Request] = []

    def server(request: httpx.Request) -> httpx.Response:
        request.read()
        seen.append(request)
        return httpx.Response(200, json={})

    http: Any = httpx.Client(transport=httpx.MockTransport(server))
    getattr(openai.OpenAI(api_key="kin_test", base_url="http://test/v1", http_client=http).videos, call)(**arguments)
    return seen[0]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("cards", [CARDS, CARDS[:2], CARDS[:1]])
@pytest.mark.parametrize("image", [{}, {"input_reference": b"\x89PNG"}])
def test_openai_python_writes_columns(cards: list[dict[str, Any]], image: dict[str, bytes]) -> None:
    request = sent_by_openai_python("create", prompt="x", extra_body={"storyboard": cards}, **image)
    assert b'name="storyboard[][prompt]"' in request.content
    assert read(request).storyboard == STORYBOARD[: len(cards)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_openai_python_writes_every_list_in_columns() -> None:
    keep, loras = [{"from": 0, "to": 1}, {"from": 2, "to": 3}], [{"name": "a", "weight": 0.5}, {"name": "b"}]
    request = sent_by_openai_python("create", prompt="x", extra_body={"video": "v", "keep": keep})
    recut = read(httpx.Request("POST", "http://test", headers=request.headers, content=request.content), VideoRecut)
    assert [(part.start, part.stop) for part in recut.keep] == [(0, 1), (2, 3)]
    with pytest.raises(Malformed, match="unclear which element"):
        read(sent_by_openai_python("create", prompt="x", extra_body={"loras": loras}))
    as_json = read(sent_by_openai_python("create", prompt="x", extra_body={"loras": json.dumps(loras)}))
    assert [(lora.name, lora.weight) for lora in as_json.loras] == [("a", 0.5), ("b", 1.0)]


@pytest.mark.parametrize("fields", [ROWS, NUMBERED, [*NUMBERED[2:], *NUMBERED[:2]]])
@pytest.mark.parametrize("encoding", ["data", "files"])
def test_rows_and_numbers_make_the_same_list(fields: list[tuple[str, str]], encoding: str) -> None:
    """openai-node writes rows, jQuery, axios and PHP number them; httpx sends either as it is told to."""
    if encoding == "data":
        request = httpx.Request("POST", "http://test", content=str(httpx.QueryParams([("prompt", "x"), *fields])))
        request.headers["content-type"] = "application/x-www-form-urlencoded"
    else:
        parts = [(name, (None, value)) for name, value in [("prompt", "x"), *fields]]
        request = httpx.Request("POST", "http://test", files=parts)
    assert read(request).storyboard == STORYBOARD


@pytest.mark.parametrize("count", [1, 3])
def test_httpx_repeats_the_name_of_a_list(count: int) -> None:
    cards = [json.dumps(card) for card in CARDS[:count]]
    request = httpx.Request("POST", "http://test", data={"prompt": "x", "storyboard": cards})
    assert read(request).storyboard == STORYBOARD[:count]


def test_a_file_belongs_to_the_element_that_its_number_names() -> None:
    parts = [("prompt", (None, "x")), ("storyboard[0][at]", (None, "0")), ("storyboard[1][at]", (None, "2"))]
    request = httpx.Request("POST", "http://test", files=[*parts, ("storyboard[1][upload]", ("a.png", b"\x89PNG"))])
    first, second = read(request).storyboard
    assert (first.upload, second.upload.file) == (None, b"\x89PNG")


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["a[][x]", "a[][x]", "a[][y]"], "`a[][y]` is given for 1 of 2 elements"),
        (["a[][x]", "a[][y]", "a[][y]"], "`a[][x]` is given for 1 of 2 elements"),
        (["a[][x]", "a[][y]", "a[][y]", "a[][x]"], "begins an element"),
        (["a[][x]", "a[]"], "two shapes"),
        (["a[][x]", "a[0][x]"], "two shapes"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(names: list[str], says: str) -> None:
    with pytest.raises(Malformed) as caught:
        nest_fields([(name, "1") for name in names])
    assert says in caught.value.detail
    assert "unclear" not in caught.value.detail or "a[0]" in caught.value.detail, "it says what to do"


plain = st.dictionaries(st.sampled_from("xyz"), st.text("ab", min_size=1), min_size=1)


@given(st.lists(plain, min_size=1, max_size=5))
def test_columns_and_numbers_are_read_right_or_refused(elements: list[dict[str, str]]) -> None:
    numbered = [(f"a[{i}][{key}]", value) for i, element in enumerate(elements) for key, value in element.items()]
    read_back = nest_fields(numbered)["a"]
    assert [read_back[str(i)] for i in range(len(elements))] == elements
    columns = [(f"a[][{key}]", element[key]) for key in "xyz" for element in elements if key in element]
    same_fields = all(element.keys() == elements[0].keys() for element in elements)
    if same_fields:
        assert nest_fields(columns) == {"a": elements}
    rows = [(f"a[][{key}]", value) for element in elements for key, value in sorted(element.items())]
    if same_fields:
        assert nest_fields(rows) == {"a": elements}
