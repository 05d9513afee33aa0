"""Watching a video until it is done: live events first, and questions at the server's pace where they do not come.

An event is the whole video, so a broken connection loses nothing: the stream is opened again and begins with the
present state.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any

from kinora._errors import (
    APIError,
    ConnectionFailed,
    RateLimited,
    ServerError,
    UnreadableAnswer,
    VideoCancelled,
    VideoFailed,
    WaitTimeout,
    seconds,
)
from kinora._request import LONGEST_ASKED, Call, Config, Options, answered, for_ever, id_of, path, prepared, reader
from kinora._sansio import Ask, Flow, Item, Stream
from kinora._sse import Event, Parser

if TYPE_CHECKING:
    from kinora.types import Video

TERMINAL = frozenset({"completed", "failed", "cancelled"})
SILENCE = 40.0  # seconds without a byte after which a stream is dead: the server sends some every fifteen
FRUITLESS = 3  # streams in a row that bring nothing, after which `wait` asks instead
PAUSE = 2.0  # seconds between two questions where the server names no pace
LAST = 5.0  # seconds an answer may take at the least, be the time to wait over or not
REOPEN = 0.5  # seconds before a stream is opened again, unless it says otherwise


class Feed:
    """One open stream of events, given up after so many seconds of `silence`."""

    def __init__(self, response: Any, body: Any, silence: float) -> None:
        self._response = response
        self._body = body
        self._silence = silence
        self._parser = Parser()
        self._waiting: deque[Event] = deque()

    def next(self, left: Callable[[], float] = for_ever) -> Flow[Event | None]:
        """The next event, or None when the stream ended or broke, or may well say nothing until `left` is over."""
        while not self._waiting:
            try:
                chunk = yield Ask("chunk", (self._body,))
            except ConnectionFailed:
                chunk = None
            if chunk is not None:
                self._waiting.extend(self._parser.feed(chunk))
            if chunk is None or (not self._waiting and left() < self._silence / 2):
                yield Ask("close", (self._response,))
                return None
        return self._waiting.popleft()


def opened(config: Config, wanted: Call[Any], silence: float, left: Callable[[], float] = for_ever) -> Flow[Feed]:
    """A stream of events; `silence` is how many seconds it may say nothing. Raises KinoraError."""
    request = prepared(config, wanted)
    request = request._replace(headers={**request.headers, "accept": "text/event-stream"}, timeout=silence)
    response, body = yield from answered(config, request, "open", left)
    if not response.headers.get("content-type", "").startswith("text/event-stream"):
        raise UnreadableAnswer("Something answered that is no stream of events, such as a page of a proxy.")
    return Feed(response, body, silence)


def watch(config: Config, wanted: Call[Any], *, one: bool) -> Stream:
    """Every state of one video until it is done, or of all one's videos for ever, whatever breaks in between."""
    read, last, wait = wanted.read, wanted.options.last_event_id, REOPEN
    while True:
        again = wanted._replace(options=wanted.options._replace(last_event_id=last))
        feed = yield from opened(config, again, SILENCE)
        while (event := (yield from feed.next())) is not None:
            last = event.id or last
            wait = REOPEN if event.retry is None else min(event.retry / 1000, LONGEST_ASKED)
            if event.event == "video":
                video = read(event.data.encode())
                yield Item(video)
                if one and video.status in TERMINAL:
                    return
        yield Ask("sleep", (wait,))


def wait(
    config: Config,
    video: Any,
    *,
    timeout: float | None,
    on_progress: Callable[[Video], Any] | None,
    clock: Callable[[], float] = time.monotonic,
) -> Flow[Video]:
    """The completed video. Raises VideoFailed, VideoCancelled, WaitTimeout, each with the video, and KinoraError."""
    waiting = _Wait(config, id_of(video), timeout, on_progress, clock)
    fruitless = 0
    while fruitless < FRUITLESS:
        heard = yield from waiting.listen()
        if waiting.over:
            return waiting.outcome()
        fruitless = 0 if heard else fruitless + 1
        yield from waiting.pause(REOPEN)
    while True:
        asked = yield from waiting.ask()
        if waiting.over:
            return waiting.outcome()
        yield from waiting.pause(asked)


class _Wait:
    """One wait: the video as last seen, and the time that is left."""

    def __init__(
        self,
        config: Config,
        video_id: str,
        timeout: float | None,
        on_progress: Callable[[Video], Any] | None,
        clock: Callable[[], float],
    ) -> None:
        from kinora.types import Video

        self._config = config
        self._id = video_id
        self._read = reader(Video)
        self._tell = on_progress
        self._clock = clock
        self._timeout = timeout
        self._started = clock()
        self._seen: Video | None = None

    @property
    def over(self) -> bool:
        """Whether the video is done."""
        return self._seen is not None and self._seen.status in TERMINAL

    def outcome(self) -> Video:
        """The completed video, or the error that it is."""
        video = self._known()
        if video.status == "failed":
            raise VideoFailed(video)
        if video.status == "cancelled":
            raise VideoCancelled(video)
        return video

    def _known(self) -> Video:
        if self._seen is None:
            raise AssertionError("asked for before anything was seen")
        return self._seen

    def listen(self) -> Flow[bool]:
        """Hear one stream to its end; whether it said anything."""
        heard = False
        try:
            feed = yield from opened(self._config, self._call("/events"), self._patience(), self._left)
        except APIError as error:
            if error.status < 500 and error.status not in (406, 429):
                raise
            return False
        except (ConnectionFailed, UnreadableAnswer):
            return False
        while not self.over and (event := (yield from feed.next(self._left))) is not None:
            if event.event == "video":
                heard = True
                yield from self._now(self._read(event.data.encode()))
                yield from self._in_time()
        return heard

    def ask(self) -> Flow[float]:
        """Read the video once; the seconds the server wants us to wait before the next time."""
        request = prepared(self._config, self._call(""))
        request = request._replace(timeout=min(request.timeout, max(LAST, self._left())))
        try:
            answer = yield from answered(self._config, request, "fetch", self._left)
        except (ConnectionFailed, RateLimited, ServerError):
            if self._seen is None or self._left():
                raise
            return 0.0  # it is the time that is over, not the server
        yield from self._now(self._read(answer.content))
        hint = answer.headers.get("openai-poll-after-ms", "")
        return int(hint) / 1000 if hint.isdigit() else seconds(answer.headers.get("retry-after")) or PAUSE

    def pause(self, wanted: float) -> Flow[None]:
        """Sleep so long, but not beyond the end."""
        yield from self._in_time()
        yield Ask("sleep", (min(wanted, self._left()),))

    def _call(self, what: str) -> Call[Any]:
        return Call("GET", path("/v1/videos/{}", self._id) + what, self._read, options=Options())

    def _patience(self) -> float:
        return min(SILENCE, max(0.1, self._left()))

    def _left(self) -> float:
        """Seconds until the end, not below zero."""
        return inf if self._timeout is None else max(0.0, self._started + self._timeout - self._clock())

    def _now(self, video: Video) -> Flow[None]:
        """The video as it is now; the caller hears of what is new."""
        new = self._seen is None or video != self._seen
        self._seen = video
        if new and self._tell is not None:
            yield Ask("tell", (self._tell, video))

    def _in_time(self) -> Flow[None]:
        """Raise WaitTimeout when the time is over. Without any news yet, ask once, so that the error has the video."""
        if self._timeout is None or self.over or self._clock() < self._started + self._timeout:
            return
        if self._seen is None:
            yield from self.ask()
        if not self.over:
            raise WaitTimeout(self._known(), self._timeout)


def tell(callback: Callable[[Video], Any], video: Video) -> Flow[None]:
    """Let the caller's function hear of a video, be it a coroutine or not."""
    yield Ask("tell", (callback, video))
