"""Stored operations: kept whole, and laid out as requests that the engine takes."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import msgspec
import pytest

from api.schemas import operations
from api.schemas.operations import Operation
from api.videos.operations import VideoFile, generated_seconds, to_engine_request
from engine.catalog import validation
from engine.types import Request

FILM = VideoFile(Path("film.mp4"), 5.0)

OTHER = VideoFile(Path("other.mp4"), 3.0)

ASKED = Request("kinora-mini", "a red ball", 320, 192, 5.0, 1)

OPERATIONS: list[Operation] = [
    operations.Remix("strong"),
    operations.Edit("mild", "was"),
    operations.Extension(2.0, "backward"),
    operations.Recut(((0.0, 1.0), (2.0, 3.0))),
    operations.Blend("late", ("one", "other")),
    operations.Loop("long"),
    operations.Storyboard((operations.StoredCard(0.0, prompt="a"), operations.StoredCard(2.0, source=1)), loop=False),
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: type(operation).__name__)
def test_an_operation_is_kept_whole_and_lays_a_request_the_engine_takes(operation: Operation) -> None:
    assert msgspec.json.decode(msgspec.json.encode(operation), type=Operation) == operation
    request = to_engine_request(operation, ASKED, [FILM, OTHER])
    assert not validation.check_request(request)
    assert 0 < generated_seconds(request) <= request.seconds
    assert {span.video for span in request.source_spans} <= {FILM.path, OTHER.path}


def test_every_operation_has_a_test() -> None:
    assert {type(operation) for operation in OPERATIONS} == set(get_args(Operation))
