"""Server-sent events from chunks of bytes."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from kinora._sse import ServerSentEvent, SSEParser

STREAM = (
    b"\xef\xbb\xbf: hello\n\nid: 7\nevent: video\ndata: one\ndata: two\n\ndata\n\n"
    b"retry: 12\r\ndata:  spaced\r\n\r\nunknown: x\rdata: \xc3\xa9\r\rid: a\0b\ndata: last\n\ndata: never ended"
)


EVENTS = [
    ServerSentEvent("video", "one\ntwo", "7", None),
    ServerSentEvent("message", "", "7", None),
    ServerSentEvent("message", " spaced", "7", 12),
    ServerSentEvent("message", "é", "7", None),
    ServerSentEvent("message", "last", "7", None),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_events_do_not_depend_on_how_the_bytes_are_split(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    parser = SSEParser()
    found = [event for begin, end in pairwise(edges) for event in parser.feed(STREAM[begin:end])]
    assert found == EVENTS
