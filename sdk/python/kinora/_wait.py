"""Waits for a video: listens to its event streams, and polls at the server's pace where none can be had."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any

from kinora._decoding import json_decoder
from kinora._errors import (
    APIError,
    ConnectionFailed,
    RateLimited,
    ServerError,
    UnreadableAnswer,
    VideoCancelled,
    VideoFailed,
    WaitTimeout,
    parse_retry_after,
)
from kinora._events import REOPEN_DELAY, SILENCE_LIMIT, TERMINAL, open_event_stream
from kinora._request import ApiCall, ClientConfig, build_path, prepare_request, resource_id
from kinora._retries import fetch_with_retries
from kinora._sansio import Flow, Notify, Sleep

if TYPE_CHECKING:
    from kinora.types import Video

MAX_EMPTY_STREAMS = 3  # streams in a row without an event, after which the video is polled
POLL_INTERVAL = 2.0  # seconds between two polls where the server names no pace
MIN_POLL_TIMEOUT = 5.0  # seconds a poll may take at least, even if less than that remains


def wait_for_video(
    config: ClientConfig,
    video: Any,
    *,
    timeout: float | None,
    on_progress: Callable[[Video], Any] | None,
    clock: Callable[[], float] = time.monotonic,
) -> Flow[Video]:
    """The completed video. Raises VideoFailed, VideoCancelled, WaitTimeout, each with the video, and KinoraError."""
    waiter = _VideoWaiter(config, resource_id(video), timeout, on_progress, clock)
    empty_streams = 0
    while empty_streams < MAX_EMPTY_STREAMS:
        had_events = yield from waiter.follow_stream()
        if waiter.is_done:
            return waiter.outcome()
        empty_streams = 0 if had_events else empty_streams + 1
        yield from waiter.sleep(REOPEN_DELAY)
    while True:
        poll_interval = yield from waiter.poll_once()
        if waiter.is_done:
            return waiter.outcome()
        yield from waiter.sleep(poll_interval)


class _VideoWaiter:
    """The video as last seen, and the time that remains."""

    def __init__(
        self,
        config: ClientConfig,
        video_id: str,
        timeout: float | None,
        on_progress: Callable[[Video], Any] | None,
        clock: Callable[[], float],
    ) -> None:
        from kinora.types import Video

        self._config = config
        self._video_id = video_id
        self._decode_video = json_decoder(Video)
        self._on_progress = on_progress
        self._clock = clock
        self._timeout = timeout
        self._started_at = clock()
        self._video: Video | None = None

    @property
    def is_done(self) -> bool:
        """Whether the video has reached a final state."""
        return self._video is not None and self._video.status in TERMINAL

    def outcome(self) -> Video:
        """The completed video, or the error of one that failed or was cancelled."""
        video = self._known_video()
        if video.status == "failed":
            raise VideoFailed(video)
        if video.status == "cancelled":
            raise VideoCancelled(video)
        return video

    def _known_video(self) -> Video:
        if self._video is None:
            raise AssertionError("no response has been read yet")
        return self._video

    def follow_stream(self) -> Flow[bool]:
        """Read one event stream to its end; whether it had any event of the video."""
        had_events = False
        silence_limit = min(SILENCE_LIMIT, max(0.1, self._remaining()))
        try:
            stream = yield from open_event_stream(self._config, self._call("/events"), silence_limit, self._remaining)
        except APIError as error:
            if error.status < 500 and error.status not in (406, 429):
                raise
            return False
        except (ConnectionFailed, UnreadableAnswer):
            return False
        while not self.is_done and (event := (yield from stream.next_event(self._remaining))) is not None:
            if event.event == "video":
                had_events = True
                yield from self._update(self._decode_video(event.data.encode()))
                yield from self._check_deadline()
        return had_events

    def poll_once(self) -> Flow[float]:
        """Get the video once; the seconds to wait before the next poll."""
        request = prepare_request(self._config, self._call(""))
        request = request._replace(timeout=min(request.timeout, max(MIN_POLL_TIMEOUT, self._remaining())))
        try:
            response = yield from fetch_with_retries(self._config, request, self._remaining)
        except (ConnectionFailed, RateLimited, ServerError):
            if self._video is None or self._remaining():
                raise
            return 0.0  # the time is over: that is the error to raise, not the server's
        yield from self._update(self._decode_video(response.content))
        pace = response.headers.get("openai-poll-after-ms", "")
        if pace.isdigit():
            return int(pace) / 1000
        return parse_retry_after(response.headers.get("retry-after")) or POLL_INTERVAL

    def sleep(self, seconds: float) -> Flow[None]:
        """Sleep, but not beyond the deadline."""
        yield from self._check_deadline()
        yield Sleep(min(seconds, self._remaining()))

    def _call(self, suffix: str) -> ApiCall[Video]:
        return ApiCall("GET", build_path("/v1/videos/{}", self._video_id) + suffix, self._decode_video)

    def _remaining(self) -> float:
        """Seconds until the deadline, not below zero."""
        return inf if self._timeout is None else max(0.0, self._started_at + self._timeout - self._clock())

    def _update(self, video: Video) -> Flow[None]:
        """Keep the video, and call `on_progress` if it has changed."""
        changed = self._video is None or video != self._video
        self._video = video
        if changed and self._on_progress is not None:
            yield Notify(self._on_progress, (video,))

    def _check_deadline(self) -> Flow[None]:
        """Raise WaitTimeout when the time is over; before any response, poll once so that the error has the video."""
        if self._timeout is None or self.is_done or self._clock() < self._started_at + self._timeout:
            return
        if self._video is None:
            yield from self.poll_once()
        if not self.is_done:
            raise WaitTimeout(self._known_video(), self._timeout)
