"""Event streams of videos: opened, read event by event, and opened again after they break.

An event is the whole video, so a broken connection loses nothing: a new stream begins with the present state.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kinora._errors import ConnectionFailed, UnreadableAnswer
from kinora._request import ApiCall, ClientConfig, prepare_request
from kinora._retries import MAX_RETRY_AFTER, no_deadline, open_with_retries
from kinora._sansio import CloseStream, Emit, Flow, ItemFlow, Notify, ReadChunk, ResponseHead, Sleep, perform
from kinora._sse import ServerSentEvent, SSEParser

if TYPE_CHECKING:
    from kinora.types import Video

TERMINAL = frozenset({"completed", "failed", "cancelled"})
NO_CONTENT = 204  # the server's answer to a stream that would never have another event
SILENCE_LIMIT = 40.0  # seconds without a byte after which a stream is dead: the server sends some every fifteen
REOPEN_DELAY = 0.5  # seconds before a stream is opened again, unless it names another


class VideoEventStream:
    """One open stream of events, which may be silent for at most `silence_limit` seconds.

    `finished` says that the caller has seen the last event that there will ever be.
    """

    def __init__(self, response: ResponseHead, silence_limit: float) -> None:
        self._response = response
        self._silence_limit = silence_limit
        self.finished = response.status_code == NO_CONTENT
        self._parser = SSEParser()
        self._pending: deque[ServerSentEvent] = deque()

    def next_event(self, remaining: Callable[[], float] = no_deadline) -> Flow[ServerSentEvent | None]:
        """The next event; None if the stream ended or broke, or could stay silent until no seconds remain."""
        while not self._pending:
            try:
                chunk = yield from perform(ReadChunk(self._response))
            except ConnectionFailed:
                chunk = None
            if chunk is not None:
                self._pending.extend(self._parser.feed(chunk))
            if chunk is None or (not self._pending and remaining() < self._silence_limit / 2):
                yield CloseStream(self._response)
                return None
        return self._pending.popleft()


def open_event_stream(
    config: ClientConfig, call: ApiCall[Any], silence_limit: float, remaining: Callable[[], float] = no_deadline
) -> Flow[VideoEventStream]:
    """Open a stream of events. Raises KinoraError."""
    request = prepare_request(config, call).with_headers({"accept": "text/event-stream"})
    response = yield from open_with_retries(config, request._replace(timeout=silence_limit), remaining)
    if response.status_code != NO_CONTENT and not response.headers.get("content-type", "").startswith(
        "text/event-stream"
    ):
        raise UnreadableAnswer("The response is not an event stream; it may come from a proxy.")
    return VideoEventStream(response, silence_limit)


def watch_videos(config: ClientConfig, call: ApiCall[Video], *, until_done: bool) -> ItemFlow[Video]:
    """Each state of the videos of a stream, which is opened again whenever it ends.

    Ends with a video that is done, or was done before `last_event_id`; otherwise never.
    """
    last_event_id, delay = call.options.last_event_id, REOPEN_DELAY
    while True:
        resumed = call._replace(options=call.options._replace(last_event_id=last_event_id))
        stream = yield from open_event_stream(config, resumed, SILENCE_LIMIT)
        while (event := (yield from stream.next_event())) is not None:
            last_event_id = event.id or last_event_id
            delay = REOPEN_DELAY if event.retry is None else min(event.retry / 1000, MAX_RETRY_AFTER)
            if event.event == "video":
                video = call.decode(event.data.encode())
                yield Emit(video)
                if until_done and video.status in TERMINAL:
                    return
        if stream.finished:
            return
        yield Sleep(delay)


def notify(callback: Callable[[Video], Any], video: Video) -> Flow[None]:
    """Call a callback of the user's, which may be a coroutine function, with a video."""
    yield Notify(callback, (video,))
