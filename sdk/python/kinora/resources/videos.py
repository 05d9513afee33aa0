"""Make, watch, fetch and stop clips. Generated from openapi.json by `make sdk`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kinora import _wait, types
from kinora._download import Progress, download
from kinora._request import Call, Options, id_of, path, raw, reader, text
from kinora._request_body import File

if TYPE_CHECKING:
    from kinora._client import AsyncKinora, Kinora
    from kinora._pages import AsyncPages, Pages
    from kinora.types import (
        Card,
        Deleted,
        Estimate,
        ImageReference,
        Lora,
        Stretch,
        Upload,
        Video,
        VideoReference,
    )


class VideosAPI:
    """Make, watch, fetch and stop clips."""

    def __init__(self, client: Any) -> None:
        self._client: Kinora = client

    def watch_all(self, *, last_event_id: str | None = None) -> Generator[Video, None, None]:
        """Watch all videos.

        Server-sent events of all one's videos: what changed since `Last-Event-ID`, or what is not done, then changes.

        Arguments:
            last_event_id: The last event seen; what changed since comes first.

        Raises: Unauthorized, Forbidden, RateLimited, ServerError, ConnectionFailed.
        """
        wanted = Call("GET", "/v1/events", reader(types.Video), options=Options(last_event_id=last_event_id))
        return self._client._each(_wait.watch(self._client._config, wanted, one=False))

    def list(
        self,
        *,
        after: str | None = None,
        limit: int | None = None,
        order: Literal["asc", "desc"] | None = None,
        timeout: float | None = None,
    ) -> Pages[Video]:
        """List videos.

        One's own videos, newest first unless asked otherwise.

        Arguments:
            after: Begin behind this id.
            limit: How many at most.
            order: Oldest or newest first.

        Raises: Unauthorized, Forbidden, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._pages(
            Call(
                "GET",
                "/v1/videos",
                reader(types.VideoPage),
                query={
                    "after": after,
                    "limit": limit,
                    "order": order,
                },
                options=Options(timeout=timeout),
            )
        )

    def create(
        self,
        *,
        prompt: str,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        model: str | None = None,
        seconds: int | None = None,
        size: str | None = None,
        input_reference: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        first_frame: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        last_frame: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        storyboard: Sequence[Card | Mapping[str, Any]] | None = None,
        loop: bool | None = None,
        resize: Literal["crop", "pad"] | None = None,
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Create a video.

        Queue a clip and set its credits aside; nothing is charged unless it is made.

        Takes JSON or a form. With `n` above 1 the answer is the first variation and names all in `variations`.
        `Idempotency-Key` makes a repetition safe for 24 hours; `Prefer: wait=60` holds the answer until the clip is
        done.

        Arguments:
            prompt: What the clip shows, in a sentence. (up to 32,000 characters)
            negative_prompt: What the clip does not show. (up to 8,000 characters)
            seed: Makes the same clip again; drawn if left out. (0 to 4,294,967,295)
            n: Variations, each with a seed of its own. Default: `1`. (1 to 4)
            quality: How much work is put into it. Default: `full`.
            preset: A style, by its id. (up to 100 characters)
            loras: What the model has learnt besides. (up to 4)
            visibility: Who may see it. Default: `private`.
            metadata: Anything of the caller's own; answers repeat it.
            model: The model that makes it; without one, the first that can. (up to 200 characters)
            seconds: Length of the clip in seconds, as a number or as a string. Default: `4`. (at least 1)
            size: Width x height in pixels.
            input_reference: The same as `first_frame`, as OpenAI calls it.
            first_frame: A picture that the clip begins with.
            last_frame: A picture that the clip ends with.
            storyboard: What the clip shows when. (up to 20)
            loop: Whether its end goes over into its beginning. Default: `false`.
            resize: How a picture of another shape is fitted. Default: `crop`.
            hold: Seconds the server may hold its answer until the video is done.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, Expired, TooLarge,
            Invalid, RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            client.videos.create(
                prompt="a red ball bounces over green hills at sunset",
                model="kinora-mini",
                seconds=4,
                size="320x192",
                seed=7,
            )
        """
        return self._client._call(
            Call(
                "POST",
                "/v1/videos",
                reader(types.Video),
                body={
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "prompt": prompt,
                    "model": model,
                    "seconds": seconds,
                    "size": size,
                    "input_reference": input_reference,
                    "first_frame": first_frame,
                    "last_frame": last_frame,
                    "storyboard": storyboard,
                    "loop": loop,
                    "resize": resize,
                },
                once=True,
                options=Options(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    def blend(
        self,
        *,
        from_: str | Video | Upload | File | VideoReference | Mapping[str, Any],
        to: str | Video | Upload | File | VideoReference | Mapping[str, Any],
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        curve: Literal["even", "early", "late", "sudden"] | None = None,
        seconds: int | None = None,
        prompt: str | None = None,
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Blend two videos.

        Make a clip that begins as one and ends as another.

        Arguments:
            from_: The video it begins as.
            to: The video it ends as.
            negative_prompt: What the clip does not show. (up to 8,000 characters)
            seed: Makes the same clip again; drawn if left out. (0 to 4,294,967,295)
            n: Variations, each with a seed of its own. Default: `1`. (1 to 4)
            quality: How much work is put into it. Default: `full`.
            preset: A style, by its id. (up to 100 characters)
            loras: What the model has learnt besides. (up to 4)
            visibility: Who may see it. Default: `private`.
            metadata: Anything of the caller's own; answers repeat it.
            curve: When the one gives way to the other. Default: `even`.
            seconds: Length of the new clip in seconds. Default: `4`. (at least 1)
            prompt: What the clip shows, in a sentence. (up to 32,000 characters)
            hold: Seconds the server may hold its answer until the video is done.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, Expired, TooLarge,
            Invalid, RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            client.videos.blend(
                from_="video_01KDVHG3008Q1V4W0T6M2X9ZRB",
                to="video_01KDVHG3008Q1V4W0T6M2X9ZRC",
                curve="even",
                seconds=4,
            )
        """
        return self._client._call(
            Call(
                "POST",
                "/v1/videos/blends",
                reader(types.Video),
                body={
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "from": from_,
                    "to": to,
                    "curve": curve,
                    "seconds": seconds,
                    "prompt": prompt,
                },
                once=True,
                options=Options(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    def edit(
        self,
        *,
        video: str | Video | Upload | File | VideoReference | Mapping[str, Any],
        prompt: str,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        strength: Literal["subtle", "mild", "strong"] | None = None,
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Edit a video.

        Change what the prompt says otherwise than the clip's own, and keep the rest.

        Arguments:
            video: The video it is made from: its id, `{id}`, or a film sent along.
            prompt: What the clip shows, in a sentence. (up to 32,000 characters)
            negative_prompt: What the clip does not show. (up to 8,000 characters)
            seed: Makes the same clip again; drawn if left out. (0 to 4,294,967,295)
            n: Variations, each with a seed of its own. Default: `1`. (1 to 4)
            quality: How much work is put into it. Default: `full`.
            preset: A style, by its id. (up to 100 characters)
            loras: What the model has learnt besides. (up to 4)
            visibility: Who may see it. Default: `private`.
            metadata: Anything of the caller's own; answers repeat it.
            strength: How much may change. Default: `mild`.
            hold: Seconds the server may hold its answer until the video is done.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, Expired, TooLarge,
            Invalid, RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            client.videos.edit(
                video="video_01KDVHG3008Q1V4W0T6M2X9ZRB",
                prompt="a green ball bounces over green hills at sunset",
            )
        """
        return self._client._call(
            Call(
                "POST",
                "/v1/videos/edits",
                reader(types.Video),
                body={
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "video": video,
                    "prompt": prompt,
                    "strength": strength,
                },
                once=True,
                options=Options(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    def estimate(
        self,
        *,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        prompt: str | None = None,
        model: str | None = None,
        seconds: int | None = None,
        size: str | None = None,
        input_reference: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        first_frame: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        last_frame: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        storyboard: Sequence[Card | Mapping[str, Any]] | None = None,
        loop: bool | None = None,
        resize: Literal["crop", "pad"] | None = None,
        strength: Literal["subtle", "mild", "strong"] | None = None,
        video: str | Video | Upload | File | VideoReference | Mapping[str, Any] | None = None,
        direction: Literal["forward", "backward"] | None = None,
        keep: Sequence[Stretch | Mapping[str, Any]] | None = None,
        from_: str | Video | Upload | File | VideoReference | Mapping[str, Any] | None = None,
        to: str | Video | Upload | File | VideoReference | Mapping[str, Any] | None = None,
        curve: Literal["even", "early", "late", "sudden"] | None = None,
        length: Literal["short", "normal", "long"] | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Estimate:
        """Estimate a video.

        What any of the requests that make a video would cost and take, by its body. Nothing is stored or set aside.

        A remix names its `video` and its `strength` in it, a loop its `length`: a video and a prompt alone are an edit.

        Arguments:
            negative_prompt: What the clip does not show. (up to 8,000 characters)
            seed: Makes the same clip again; drawn if left out. (0 to 4,294,967,295)
            n: Variations, each with a seed of its own. Default: `1`. (1 to 4)
            quality: How much work is put into it. Default: `full`.
            preset: A style, by its id. (up to 100 characters)
            loras: What the model has learnt besides. (up to 4)
            visibility: Who may see it. Default: `private`.
            metadata: Anything of the caller's own; answers repeat it.
            prompt: What the clip shows, in a sentence. (up to 32,000 characters)
            model: The model that makes it; without one, the first that can. (up to 200 characters)
            seconds: Length of the clip in seconds, as a number or as a string. Default: `4`. Seconds to add, as a
                number or as a string. Length of the new clip in seconds. Length of the new clip in seconds. Default:
                `4`. (at least 1)
            size: Width x height in pixels.
            input_reference: The same as `first_frame`, as OpenAI calls it.
            first_frame: A picture that the clip begins with.
            last_frame: A picture that the clip ends with.
            storyboard: What the clip shows when. (up to 20)
            loop: Whether its end goes over into its beginning. Default: `false`.
            resize: How a picture of another shape is fitted. Default: `crop`.
            strength: How much may change. Default: `mild`.
            video: The video it is made from: its id, `{id}`, or a film sent along.
            direction: Whether they are added at the end or before the beginning. Default: `forward`.
            keep: The parts that are kept, in their order. (up to 20)
            from_: The video it begins as.
            to: The video it ends as.
            curve: When the one gives way to the other. Default: `even`.
            length: How much of it is made anew. Default: `normal`.

        Raises: BadRequest, Unauthorized, Forbidden, NotFound, Conflict, Expired, TooLarge, Invalid, RateLimited,
            ServerError, ConnectionFailed.

        Example:
            client.videos.estimate(
                prompt="a red ball bounces over green hills at sunset",
                model="kinora-mini",
                seconds=4,
                size="320x192",
                seed=7,
            )
        """
        return self._client._call(
            Call(
                "POST",
                "/v1/videos/estimate",
                reader(types.Estimate),
                body={
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "prompt": prompt,
                    "model": model,
                    "seconds": seconds,
                    "size": size,
                    "input_reference": input_reference,
                    "first_frame": first_frame,
                    "last_frame": last_frame,
                    "storyboard": storyboard,
                    "loop": loop,
                    "resize": resize,
                    "strength": strength,
                    "video": video,
                    "direction": direction,
                    "keep": keep,
                    "from": from_,
                    "to": to,
                    "curve": curve,
                    "length": length,
                },
                once=True,
                options=Options(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    def extend(
        self,
        *,
        video: str | Video | Upload | File | VideoReference | Mapping[str, Any],
        seconds: int,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        direction: Literal["forward", "backward"] | None = None,
        prompt: str | None = None,
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Extend a video.

        Make a clip longer at its end or before its beginning. The new video is the whole; what is added is charged.

        Arguments:
            video: The video it is made from: its id, `{id}`, or a film sent along.
            seconds: Seconds to add, as a number or as a string. (at least 1)
            negative_prompt: What the clip does not show. (up to 8,000 characters)
            seed: Makes the same clip again; drawn if left out. (0 to 4,294,967,295)
            n: Variations, each with a seed of its own. Default: `1`. (1 to 4)
            quality: How much work is put into it. Default: `full`.
            preset: A style, by its id. (up to 100 characters)
            loras: What the model has learnt besides. (up to 4)
            visibility: Who may see it. Default: `private`.
            metadata: Anything of the caller's own; answers repeat it.
            direction: Whether they are added at the end or before the beginning. Default: `forward`.
            prompt: What the clip shows, in a sentence. (up to 32,000 characters)
            hold: Seconds the server may hold its answer until the video is done.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, Expired, TooLarge,
            Invalid, RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            client.videos.extend(
                video="video_01KDVHG3008Q1V4W0T6M2X9ZRB",
                prompt="the red ball goes on bouncing",
                seconds=4,
                direction="forward",
            )
        """
        return self._client._call(
            Call(
                "POST",
                "/v1/videos/extensions",
                reader(types.Video),
                body={
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "video": video,
                    "seconds": seconds,
                    "direction": direction,
                    "prompt": prompt,
                },
                once=True,
                options=Options(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    def loop(
        self,
        *,
        video: str | Video | Upload | File | VideoReference | Mapping[str, Any],
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        length: Literal["short", "normal", "long"] | None = None,
        prompt: str | None = None,
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Loop a video.

        Make a clip go on from its end to its beginning, so that it can play for ever.

        Arguments:
            video: The video it is made from: its id, `{id}`, or a film sent along.
            negative_prompt: What the clip does not show. (up to 8,000 characters)
            seed: Makes the same clip again; drawn if left out. (0 to 4,294,967,295)
            n: Variations, each with a seed of its own. Default: `1`. (1 to 4)
            quality: How much work is put into it. Default: `full`.
            preset: A style, by its id. (up to 100 characters)
            loras: What the model has learnt besides. (up to 4)
            visibility: Who may see it. Default: `private`.
            metadata: Anything of the caller's own; answers repeat it.
            length: How much of it is made anew. Default: `normal`.
            prompt: What the clip shows, in a sentence. (up to 32,000 characters)
            hold: Seconds the server may hold its answer until the video is done.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, Expired, TooLarge,
            Invalid, RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            client.videos.loop(video="video_01KDVHG3008Q1V4W0T6M2X9ZRB", length="short")
        """
        return self._client._call(
            Call(
                "POST",
                "/v1/videos/loops",
                reader(types.Video),
                body={
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "video": video,
                    "length": length,
                    "prompt": prompt,
                },
                once=True,
                options=Options(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    def recut(
        self,
        *,
        video: str | Video | Upload | File | VideoReference | Mapping[str, Any],
        keep: Sequence[Stretch | Mapping[str, Any]],
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        seconds: int | None = None,
        prompt: str | None = None,
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Re-cut a video.

        Keep some parts of a clip and make what lies around them anew.

        Arguments:
            video: The video it is made from: its id, `{id}`, or a film sent along.
            keep: The parts that are kept, in their order. (up to 20)
            negative_prompt: What the clip does not show. (up to 8,000 characters)
            seed: Makes the same clip again; drawn if left out. (0 to 4,294,967,295)
            n: Variations, each with a seed of its own. Default: `1`. (1 to 4)
            quality: How much work is put into it. Default: `full`.
            preset: A style, by its id. (up to 100 characters)
            loras: What the model has learnt besides. (up to 4)
            visibility: Who may see it. Default: `private`.
            metadata: Anything of the caller's own; answers repeat it.
            seconds: Length of the new clip in seconds. (at least 1)
            prompt: What the clip shows, in a sentence. (up to 32,000 characters)
            hold: Seconds the server may hold its answer until the video is done.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, Expired, TooLarge,
            Invalid, RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            client.videos.recut(
                video="video_01KDVHG3008Q1V4W0T6M2X9ZRB",
                keep=[{'from': 0, 'to': 1.5}],
                prompt="the ball bursts",
            )
        """
        return self._client._call(
            Call(
                "POST",
                "/v1/videos/recuts",
                reader(types.Video),
                body={
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "video": video,
                    "keep": keep,
                    "seconds": seconds,
                    "prompt": prompt,
                },
                once=True,
                options=Options(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    def get(self, video: Video | str, *, hold: int | None = None, timeout: float | None = None) -> Video:
        """Get a video.

        The video as it is now; with `Prefer: wait=60` as it is when it is done, or after so many seconds.

        Arguments:
            hold: Seconds the server may hold its answer until the video is done.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._call(
            Call(
                "GET",
                path("/v1/videos/{}", id_of(video)),
                reader(types.Video),
                options=Options(timeout=timeout, prefer=None if hold is None else f"wait={hold}"),
            )
        )

    def delete(self, video: Video | str, *, timeout: float | None = None) -> Deleted:
        """Delete a video.

        Remove the video and its files for good. One that is still being made is cancelled first.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._call(
            Call("DELETE", path("/v1/videos/{}", id_of(video)), reader(types.Deleted), options=Options(timeout=timeout))
        )

    def cancel(self, video: Video | str, *, idempotency_key: str | None = None, timeout: float | None = None) -> Video:
        """Cancel a video.

        Stop a video and give back what it has not used; one that is done stays as it is. Safe to repeat.

        Raises: Unauthorized, Forbidden, NotFound, Conflict, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._call(
            Call(
                "POST",
                path("/v1/videos/{}/cancel", id_of(video)),
                reader(types.Video),
                once=True,
                options=Options(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    def content(
        self,
        video: Video | str,
        *,
        variant: Literal["video", "thumbnail", "spritesheet", "poster"] | None = None,
        timeout: float | None = None,
    ) -> bytes:
        """Download a rendition.

        The MP4, the poster, the thumbnail or the sprite sheet; whole or in part (`Range`), with validators.

        Arguments:
            variant: Which rendition.

        Raises: Unauthorized, Forbidden, NotFound, Conflict, Expired, Invalid, RateLimited, ServerError,
            ConnectionFailed.
        """
        return self._client._call(
            Call(
                "GET",
                path("/v1/videos/{}/content", id_of(video)),
                raw,
                query={
                    "variant": variant,
                },
                options=Options(timeout=timeout),
            )
        )

    def watch(self, video: Video | str) -> Generator[Video, None, None]:
        """Watch a video.

        Server-sent events, each the whole video: its present state at once, then every change until it is done.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        wanted = Call("GET", path("/v1/videos/{}/events", id_of(video)), reader(types.Video))
        return self._client._each(_wait.watch(self._client._config, wanted, one=True))

    def preview(self, video: Video | str, picture: str, *, timeout: float | None = None) -> bytes:
        """See what is being made.

        A small JPEG of what is still being made: a guess, which the clip outdoes. `assets.preview`, which is signed,
        names the latest, and each has a name of its own. They go with a video that fails or is cancelled.

        Raises: Unauthorized, Forbidden, NotFound, Conflict, Expired, Invalid, RateLimited, ServerError,
            ConnectionFailed.
        """
        return self._client._call(
            Call(
                "GET",
                path("/v1/videos/{}/preview/{}", id_of(video), id_of(picture)),
                raw,
                options=Options(timeout=timeout),
            )
        )

    def remix(
        self,
        video: Video | str,
        *,
        prompt: str,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        strength: Literal["subtle", "mild", "strong"] | None = None,
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Remix a video.

        Make a clip again by another prompt: a `subtle` remix keeps most of what was there, a `strong` one little.

        Arguments:
            prompt: What the clip shows, in a sentence. (up to 32,000 characters)
            negative_prompt: What the clip does not show. (up to 8,000 characters)
            seed: Makes the same clip again; drawn if left out. (0 to 4,294,967,295)
            n: Variations, each with a seed of its own. Default: `1`. (1 to 4)
            quality: How much work is put into it. Default: `full`.
            preset: A style, by its id. (up to 100 characters)
            loras: What the model has learnt besides. (up to 4)
            visibility: Who may see it. Default: `private`.
            metadata: Anything of the caller's own; answers repeat it.
            strength: How much may change. Default: `mild`.
            hold: Seconds the server may hold its answer until the video is done.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, Expired, TooLarge,
            Invalid, RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            client.videos.remix(video, prompt="the same at night, in the rain", strength="mild")
        """
        return self._client._call(
            Call(
                "POST",
                path("/v1/videos/{}/remix", id_of(video)),
                reader(types.Video),
                body={
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "prompt": prompt,
                    "strength": strength,
                },
                once=True,
                options=Options(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    def playlist(self, video: Video | str, *, timeout: float | None = None) -> str:
        """Watch a video while it is made.

        An HLS playlist that grows while the clip is made and ends when it is done. Open `assets.stream`, which is
        signed, in a player: it sends no header. Lines once listed never change. It is never cached, since it grows.

        Raises: Unauthorized, Forbidden, NotFound, Conflict, Expired, Invalid, RateLimited, ServerError,
            ConnectionFailed.
        """
        return self._client._call(
            Call("GET", path("/v1/videos/{}/stream.m3u8", id_of(video)), text, options=Options(timeout=timeout))
        )

    def stream_piece(self, video: Video | str, piece: str, *, timeout: float | None = None) -> bytes:
        """Fetch a piece of a stream.

        A fragment of MP4 that the playlist names, or the head that players read before the first.

        Raises: Unauthorized, Forbidden, NotFound, Conflict, Expired, Invalid, RateLimited, ServerError,
            ConnectionFailed.
        """
        return self._client._call(
            Call(
                "GET",
                path("/v1/videos/{}/stream/{}", id_of(video), id_of(piece)),
                raw,
                options=Options(timeout=timeout),
            )
        )

    def wait(
        self, video: Video | str, *, timeout: float | None = 600.0, on_progress: Callable[[Video], Any] | None = None
    ) -> Video:
        """Wait until a video is done, and give it as it is then.

        Listens to live events, and asks at the server's pace where they do not come.

        Arguments:
            timeout: Seconds to wait in all; None waits for as long as it takes. The job goes on either way.
            on_progress: Called with the video whenever it has changed.

        Raises: VideoFailed, VideoCancelled, WaitTimeout (each carries the video), NotFound, Unauthorized,
            ServerError, ConnectionFailed.

        Example:
            client.videos.wait(video, timeout=600, on_progress=print)
        """
        flow = _wait.wait(self._client._config, video, timeout=timeout, on_progress=on_progress)
        return self._client._run(flow)

    def create_and_wait(
        self,
        *,
        prompt: str,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        model: str | None = None,
        seconds: int | None = None,
        size: str | None = None,
        input_reference: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        first_frame: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        last_frame: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        storyboard: Sequence[Card | Mapping[str, Any]] | None = None,
        loop: bool | None = None,
        resize: Literal["crop", "pad"] | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = 600.0,
        on_created: Callable[[Video], Any] | None = None,
        on_progress: Callable[[Video], Any] | None = None,
    ) -> Video:
        """Make a video and wait until it is done: `create`, then `wait`, with the arguments of both.

        `on_created` is called with the queued video before any waiting, so that its id is not lost with this process.

        Example:
            client.videos.create_and_wait(prompt="a boat at sunset", seconds=4, on_progress=print)
        """
        video = self.create(
            prompt=prompt,
            negative_prompt=negative_prompt,
            seed=seed,
            n=n,
            quality=quality,
            preset=preset,
            loras=loras,
            visibility=visibility,
            metadata=metadata,
            model=model,
            seconds=seconds,
            size=size,
            input_reference=input_reference,
            first_frame=first_frame,
            last_frame=last_frame,
            storyboard=storyboard,
            loop=loop,
            resize=resize,
            idempotency_key=idempotency_key,
        )
        if on_created is not None:
            on_created(video)
        return self.wait(video, timeout=timeout, on_progress=on_progress)

    def generate_to_file(
        self,
        file: str | PathLike[str],
        *,
        prompt: str,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        model: str | None = None,
        seconds: int | None = None,
        size: str | None = None,
        input_reference: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        first_frame: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        last_frame: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        storyboard: Sequence[Card | Mapping[str, Any]] | None = None,
        loop: bool | None = None,
        resize: Literal["crop", "pad"] | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = 600.0,
        on_created: Callable[[Video], Any] | None = None,
        on_progress: Callable[[Video], Any] | None = None,
    ) -> Video:
        """Make a video, wait until it is done, and save it: `create_and_wait`, then `download`.

        Example:
            client.videos.generate_to_file("boat.mp4", prompt="a boat at sunset", seconds=4)
        """
        video = self.create_and_wait(
            prompt=prompt,
            negative_prompt=negative_prompt,
            seed=seed,
            n=n,
            quality=quality,
            preset=preset,
            loras=loras,
            visibility=visibility,
            metadata=metadata,
            model=model,
            seconds=seconds,
            size=size,
            input_reference=input_reference,
            first_frame=first_frame,
            last_frame=last_frame,
            storyboard=storyboard,
            loop=loop,
            resize=resize,
            idempotency_key=idempotency_key,
            timeout=timeout,
            on_created=on_created,
            on_progress=on_progress,
        )
        self.download(video, file)
        return video

    def download(
        self,
        video: Video | str,
        file: str | PathLike[str],
        *,
        variant: Literal["video", "thumbnail", "spritesheet", "poster"] | None = None,
        on_progress: Progress | None = None,
    ) -> Path:
        """Save a video, or another of its renditions, to a file.

        A connection that breaks is taken up where it broke, also by a later call in another process; the file
        appears when it is whole.

        Arguments:
            on_progress: Called with the bytes that are there and the bytes of the whole, 0 where the server does not
                say.

        Raises: Conflict (it is not ready, or there will be none), Expired, NotFound, ConnectionFailed, OSError.

        Example:
            client.videos.download(video, "boat.mp4")
        """
        wanted = Call(
            "GET",
            path("/v1/videos/{}/content", id_of(video)),
            raw,
            query={
                "variant": variant,
            },
        )
        return self._client._run(download(self._client._config, wanted, Path(file), on_progress))


class AsyncVideosAPI:
    """Make, watch, fetch and stop clips."""

    def __init__(self, client: Any) -> None:
        self._client: AsyncKinora = client

    def watch_all(self, *, last_event_id: str | None = None) -> AsyncGenerator[Video, None]:
        """Watch all videos.

        Server-sent events of all one's videos: what changed since `Last-Event-ID`, or what is not done, then changes.

        Arguments:
            last_event_id: The last event seen; what changed since comes first.

        Raises: Unauthorized, Forbidden, RateLimited, ServerError, ConnectionFailed.
        """
        wanted = Call("GET", "/v1/events", reader(types.Video), options=Options(last_event_id=last_event_id))
        return self._client._each(_wait.watch(self._client._config, wanted, one=False))

    def list(
        self,
        *,
        after: str | None = None,
        limit: int | None = None,
        order: Literal["asc", "desc"] | None = None,
        timeout: float | None = None,
    ) -> AsyncPages[Video]:
        """List videos.

        One's own videos, newest first unless asked otherwise.

        Arguments:
            after: Begin behind this id.
            limit: How many at most.
            order: Oldest or newest first.

        Raises: Unauthorized, Forbidden, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._pages(
            Call(
                "GET",
                "/v1/videos",
                reader(types.VideoPage),
                query={
                    "after": after,
                    "limit": limit,
                    "order": order,
                },
                options=Options(timeout=timeout),
            )
        )

    async def create(
        self,
        *,
        prompt: str,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        model: str | None = None,
        seconds: int | None = None,
        size: str | None = None,
        input_reference: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        first_frame: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        last_frame: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        storyboard: Sequence[Card | Mapping[str, Any]] | None = None,
        loop: bool | None = None,
        resize: Literal["crop", "pad"] | None = None,
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Create a video.

        Queue a clip and set its credits aside; nothing is charged unless it is made.

        Takes JSON or a form. With `n` above 1 the answer is the first variation and names all in `variations`.
        `Idempotency-Key` makes a repetition safe for 24 hours; `Prefer: wait=60` holds the answer until the clip is
        done.

        Arguments:
            prompt: What the clip shows, in a sentence. (up to 32,000 characters)
            negative_prompt: What the clip does not show. (up to 8,000 characters)
            seed: Makes the same clip again; drawn if left out. (0 to 4,294,967,295)
            n: Variations, each with a seed of its own. Default: `1`. (1 to 4)
            quality: How much work is put into it. Default: `full`.
            preset: A style, by its id. (up to 100 characters)
            loras: What the model has learnt besides. (up to 4)
            visibility: Who may see it. Default: `private`.
            metadata: Anything of the caller's own; answers repeat it.
            model: The model that makes it; without one, the first that can. (up to 200 characters)
            seconds: Length of the clip in seconds, as a number or as a string. Default: `4`. (at least 1)
            size: Width x height in pixels.
            input_reference: The same as `first_frame`, as OpenAI calls it.
            first_frame: A picture that the clip begins with.
            last_frame: A picture that the clip ends with.
            storyboard: What the clip shows when. (up to 20)
            loop: Whether its end goes over into its beginning. Default: `false`.
            resize: How a picture of another shape is fitted. Default: `crop`.
            hold: Seconds the server may hold its answer until the video is done.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, Expired, TooLarge,
            Invalid, RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            await client.videos.create(
                prompt="a red ball bounces over green hills at sunset",
                model="kinora-mini",
                seconds=4,
                size="320x192",
                seed=7,
            )
        """
        return await self._client._call(
            Call(
                "POST",
                "/v1/videos",
                reader(types.Video),
                body={
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "prompt": prompt,
                    "model": model,
                    "seconds": seconds,
                    "size": size,
                    "input_reference": input_reference,
                    "first_frame": first_frame,
                    "last_frame": last_frame,
                    "storyboard": storyboard,
                    "loop": loop,
                    "resize": resize,
                },
                once=True,
                options=Options(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    async def blend(
        self,
        *,
        from_: str | Video | Upload | File | VideoReference | Mapping[str, Any],
        to: str | Video | Upload | File | VideoReference | Mapping[str, Any],
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        curve: Literal["even", "early", "late", "sudden"] | None = None,
        seconds: int | None = None,
        prompt: str | None = None,
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Blend two videos.

        Make a clip that begins as one and ends as another.

        Arguments:
            from_: The video it begins as.
            to: The video it ends as.
            negative_prompt: What the clip does not show. (up to 8,000 characters)
            seed: Makes the same clip again; drawn if left out. (0 to 4,294,967,295)
            n: Variations, each with a seed of its own. Default: `1`. (1 to 4)
            quality: How much work is put into it. Default: `full`.
            preset: A style, by its id. (up to 100 characters)
            loras: What the model has learnt besides. (up to 4)
            visibility: Who may see it. Default: `private`.
            metadata: Anything of the caller's own; answers repeat it.
            curve: When the one gives way to the other. Default: `even`.
            seconds: Length of the new clip in seconds. Default: `4`. (at least 1)
            prompt: What the clip shows, in a sentence. (up to 32,000 characters)
            hold: Seconds the server may hold its answer until the video is done.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, Expired, TooLarge,
            Invalid, RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            await client.videos.blend(
                from_="video_01KDVHG3008Q1V4W0T6M2X9ZRB",
                to="video_01KDVHG3008Q1V4W0T6M2X9ZRC",
                curve="even",
                seconds=4,
            )
        """
        return await self._client._call(
            Call(
                "POST",
                "/v1/videos/blends",
                reader(types.Video),
                body={
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "from": from_,
                    "to": to,
                    "curve": curve,
                    "seconds": seconds,
                    "prompt": prompt,
                },
                once=True,
                options=Options(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    async def edit(
        self,
        *,
        video: str | Video | Upload | File | VideoReference | Mapping[str, Any],
        prompt: str,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        strength: Literal["subtle", "mild", "strong"] | None = None,
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Edit a video.

        Change what the prompt says otherwise than the clip's own, and keep the rest.

        Arguments:
            video: The video it is made from: its id, `{id}`, or a film sent along.
            prompt: What the clip shows, in a sentence. (up to 32,000 characters)
            negative_prompt: What the clip does not show. (up to 8,000 characters)
            seed: Makes the same clip again; drawn if left out. (0 to 4,294,967,295)
            n: Variations, each with a seed of its own. Default: `1`. (1 to 4)
            quality: How much work is put into it. Default: `full`.
            preset: A style, by its id. (up to 100 characters)
            loras: What the model has learnt besides. (up to 4)
            visibility: Who may see it. Default: `private`.
            metadata: Anything of the caller's own; answers repeat it.
            strength: How much may change. Default: `mild`.
            hold: Seconds the server may hold its answer until the video is done.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, Expired, TooLarge,
            Invalid, RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            await client.videos.edit(
                video="video_01KDVHG3008Q1V4W0T6M2X9ZRB",
                prompt="a green ball bounces over green hills at sunset",
            )
        """
        return await self._client._call(
            Call(
                "POST",
                "/v1/videos/edits",
                reader(types.Video),
                body={
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "video": video,
                    "prompt": prompt,
                    "strength": strength,
                },
                once=True,
                options=Options(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    async def estimate(
        self,
        *,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        prompt: str | None = None,
        model: str | None = None,
        seconds: int | None = None,
        size: str | None = None,
        input_reference: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        first_frame: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        last_frame: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        storyboard: Sequence[Card | Mapping[str, Any]] | None = None,
        loop: bool | None = None,
        resize: Literal["crop", "pad"] | None = None,
        strength: Literal["subtle", "mild", "strong"] | None = None,
        video: str | Video | Upload | File | VideoReference | Mapping[str, Any] | None = None,
        direction: Literal["forward", "backward"] | None = None,
        keep: Sequence[Stretch | Mapping[str, Any]] | None = None,
        from_: str | Video | Upload | File | VideoReference | Mapping[str, Any] | None = None,
        to: str | Video | Upload | File | VideoReference | Mapping[str, Any] | None = None,
        curve: Literal["even", "early", "late", "sudden"] | None = None,
        length: Literal["short", "normal", "long"] | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Estimate:
        """Estimate a video.

        What any of the requests that make a video would cost and take, by its body. Nothing is stored or set aside.

        A remix names its `video` and its `strength` in it, a loop its `length`: a video and a prompt alone are an edit.

        Arguments:
            negative_prompt: What the clip does not show. (up to 8,000 characters)
            seed: Makes the same clip again; drawn if left out. (0 to 4,294,967,295)
            n: Variations, each with a seed of its own. Default: `1`. (1 to 4)
            quality: How much work is put into it. Default: `full`.
            preset: A style, by its id. (up to 100 characters)
            loras: What the model has learnt besides. (up to 4)
            visibility: Who may see it. Default: `private`.
            metadata: Anything of the caller's own; answers repeat it.
            prompt: What the clip shows, in a sentence. (up to 32,000 characters)
            model: The model that makes it; without one, the first that can. (up to 200 characters)
            seconds: Length of the clip in seconds, as a number or as a string. Default: `4`. Seconds to add, as a
                number or as a string. Length of the new clip in seconds. Length of the new clip in seconds. Default:
                `4`. (at least 1)
            size: Width x height in pixels.
            input_reference: The same as `first_frame`, as OpenAI calls it.
            first_frame: A picture that the clip begins with.
            last_frame: A picture that the clip ends with.
            storyboard: What the clip shows when. (up to 20)
            loop: Whether its end goes over into its beginning. Default: `false`.
            resize: How a picture of another shape is fitted. Default: `crop`.
            strength: How much may change. Default: `mild`.
            video: The video it is made from: its id, `{id}`, or a film sent along.
            direction: Whether they are added at the end or before the beginning. Default: `forward`.
            keep: The parts that are kept, in their order. (up to 20)
            from_: The video it begins as.
            to: The video it ends as.
            curve: When the one gives way to the other. Default: `even`.
            length: How much of it is made anew. Default: `normal`.

        Raises: BadRequest, Unauthorized, Forbidden, NotFound, Conflict, Expired, TooLarge, Invalid, RateLimited,
            ServerError, ConnectionFailed.

        Example:
            await client.videos.estimate(
                prompt="a red ball bounces over green hills at sunset",
                model="kinora-mini",
                seconds=4,
                size="320x192",
                seed=7,
            )
        """
        return await self._client._call(
            Call(
                "POST",
                "/v1/videos/estimate",
                reader(types.Estimate),
                body={
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "prompt": prompt,
                    "model": model,
                    "seconds": seconds,
                    "size": size,
                    "input_reference": input_reference,
                    "first_frame": first_frame,
                    "last_frame": last_frame,
                    "storyboard": storyboard,
                    "loop": loop,
                    "resize": resize,
                    "strength": strength,
                    "video": video,
                    "direction": direction,
                    "keep": keep,
                    "from": from_,
                    "to": to,
                    "curve": curve,
                    "length": length,
                },
                once=True,
                options=Options(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    async def extend(
        self,
        *,
        video: str | Video | Upload | File | VideoReference | Mapping[str, Any],
        seconds: int,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        direction: Literal["forward", "backward"] | None = None,
        prompt: str | None = None,
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Extend a video.

        Make a clip longer at its end or before its beginning. The new video is the whole; what is added is charged.

        Arguments:
            video: The video it is made from: its id, `{id}`, or a film sent along.
            seconds: Seconds to add, as a number or as a string. (at least 1)
            negative_prompt: What the clip does not show. (up to 8,000 characters)
            seed: Makes the same clip again; drawn if left out. (0 to 4,294,967,295)
            n: Variations, each with a seed of its own. Default: `1`. (1 to 4)
            quality: How much work is put into it. Default: `full`.
            preset: A style, by its id. (up to 100 characters)
            loras: What the model has learnt besides. (up to 4)
            visibility: Who may see it. Default: `private`.
            metadata: Anything of the caller's own; answers repeat it.
            direction: Whether they are added at the end or before the beginning. Default: `forward`.
            prompt: What the clip shows, in a sentence. (up to 32,000 characters)
            hold: Seconds the server may hold its answer until the video is done.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, Expired, TooLarge,
            Invalid, RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            await client.videos.extend(
                video="video_01KDVHG3008Q1V4W0T6M2X9ZRB",
                prompt="the red ball goes on bouncing",
                seconds=4,
                direction="forward",
            )
        """
        return await self._client._call(
            Call(
                "POST",
                "/v1/videos/extensions",
                reader(types.Video),
                body={
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "video": video,
                    "seconds": seconds,
                    "direction": direction,
                    "prompt": prompt,
                },
                once=True,
                options=Options(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    async def loop(
        self,
        *,
        video: str | Video | Upload | File | VideoReference | Mapping[str, Any],
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        length: Literal["short", "normal", "long"] | None = None,
        prompt: str | None = None,
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Loop a video.

        Make a clip go on from its end to its beginning, so that it can play for ever.

        Arguments:
            video: The video it is made from: its id, `{id}`, or a film sent along.
            negative_prompt: What the clip does not show. (up to 8,000 characters)
            seed: Makes the same clip again; drawn if left out. (0 to 4,294,967,295)
            n: Variations, each with a seed of its own. Default: `1`. (1 to 4)
            quality: How much work is put into it. Default: `full`.
            preset: A style, by its id. (up to 100 characters)
            loras: What the model has learnt besides. (up to 4)
            visibility: Who may see it. Default: `private`.
            metadata: Anything of the caller's own; answers repeat it.
            length: How much of it is made anew. Default: `normal`.
            prompt: What the clip shows, in a sentence. (up to 32,000 characters)
            hold: Seconds the server may hold its answer until the video is done.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, Expired, TooLarge,
            Invalid, RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            await client.videos.loop(video="video_01KDVHG3008Q1V4W0T6M2X9ZRB", length="short")
        """
        return await self._client._call(
            Call(
                "POST",
                "/v1/videos/loops",
                reader(types.Video),
                body={
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "video": video,
                    "length": length,
                    "prompt": prompt,
                },
                once=True,
                options=Options(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    async def recut(
        self,
        *,
        video: str | Video | Upload | File | VideoReference | Mapping[str, Any],
        keep: Sequence[Stretch | Mapping[str, Any]],
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        seconds: int | None = None,
        prompt: str | None = None,
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Re-cut a video.

        Keep some parts of a clip and make what lies around them anew.

        Arguments:
            video: The video it is made from: its id, `{id}`, or a film sent along.
            keep: The parts that are kept, in their order. (up to 20)
            negative_prompt: What the clip does not show. (up to 8,000 characters)
            seed: Makes the same clip again; drawn if left out. (0 to 4,294,967,295)
            n: Variations, each with a seed of its own. Default: `1`. (1 to 4)
            quality: How much work is put into it. Default: `full`.
            preset: A style, by its id. (up to 100 characters)
            loras: What the model has learnt besides. (up to 4)
            visibility: Who may see it. Default: `private`.
            metadata: Anything of the caller's own; answers repeat it.
            seconds: Length of the new clip in seconds. (at least 1)
            prompt: What the clip shows, in a sentence. (up to 32,000 characters)
            hold: Seconds the server may hold its answer until the video is done.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, Expired, TooLarge,
            Invalid, RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            await client.videos.recut(
                video="video_01KDVHG3008Q1V4W0T6M2X9ZRB",
                keep=[{'from': 0, 'to': 1.5}],
                prompt="the ball bursts",
            )
        """
        return await self._client._call(
            Call(
                "POST",
                "/v1/videos/recuts",
                reader(types.Video),
                body={
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "video": video,
                    "keep": keep,
                    "seconds": seconds,
                    "prompt": prompt,
                },
                once=True,
                options=Options(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    async def get(self, video: Video | str, *, hold: int | None = None, timeout: float | None = None) -> Video:
        """Get a video.

        The video as it is now; with `Prefer: wait=60` as it is when it is done, or after so many seconds.

        Arguments:
            hold: Seconds the server may hold its answer until the video is done.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return await self._client._call(
            Call(
                "GET",
                path("/v1/videos/{}", id_of(video)),
                reader(types.Video),
                options=Options(timeout=timeout, prefer=None if hold is None else f"wait={hold}"),
            )
        )

    async def delete(self, video: Video | str, *, timeout: float | None = None) -> Deleted:
        """Delete a video.

        Remove the video and its files for good. One that is still being made is cancelled first.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return await self._client._call(
            Call("DELETE", path("/v1/videos/{}", id_of(video)), reader(types.Deleted), options=Options(timeout=timeout))
        )

    async def cancel(
        self, video: Video | str, *, idempotency_key: str | None = None, timeout: float | None = None
    ) -> Video:
        """Cancel a video.

        Stop a video and give back what it has not used; one that is done stays as it is. Safe to repeat.

        Raises: Unauthorized, Forbidden, NotFound, Conflict, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return await self._client._call(
            Call(
                "POST",
                path("/v1/videos/{}/cancel", id_of(video)),
                reader(types.Video),
                once=True,
                options=Options(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    async def content(
        self,
        video: Video | str,
        *,
        variant: Literal["video", "thumbnail", "spritesheet", "poster"] | None = None,
        timeout: float | None = None,
    ) -> bytes:
        """Download a rendition.

        The MP4, the poster, the thumbnail or the sprite sheet; whole or in part (`Range`), with validators.

        Arguments:
            variant: Which rendition.

        Raises: Unauthorized, Forbidden, NotFound, Conflict, Expired, Invalid, RateLimited, ServerError,
            ConnectionFailed.
        """
        return await self._client._call(
            Call(
                "GET",
                path("/v1/videos/{}/content", id_of(video)),
                raw,
                query={
                    "variant": variant,
                },
                options=Options(timeout=timeout),
            )
        )

    def watch(self, video: Video | str) -> AsyncGenerator[Video, None]:
        """Watch a video.

        Server-sent events, each the whole video: its present state at once, then every change until it is done.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        wanted = Call("GET", path("/v1/videos/{}/events", id_of(video)), reader(types.Video))
        return self._client._each(_wait.watch(self._client._config, wanted, one=True))

    async def preview(self, video: Video | str, picture: str, *, timeout: float | None = None) -> bytes:
        """See what is being made.

        A small JPEG of what is still being made: a guess, which the clip outdoes. `assets.preview`, which is signed,
        names the latest, and each has a name of its own. They go with a video that fails or is cancelled.

        Raises: Unauthorized, Forbidden, NotFound, Conflict, Expired, Invalid, RateLimited, ServerError,
            ConnectionFailed.
        """
        return await self._client._call(
            Call(
                "GET",
                path("/v1/videos/{}/preview/{}", id_of(video), id_of(picture)),
                raw,
                options=Options(timeout=timeout),
            )
        )

    async def remix(
        self,
        video: Video | str,
        *,
        prompt: str,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        strength: Literal["subtle", "mild", "strong"] | None = None,
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Remix a video.

        Make a clip again by another prompt: a `subtle` remix keeps most of what was there, a `strong` one little.

        Arguments:
            prompt: What the clip shows, in a sentence. (up to 32,000 characters)
            negative_prompt: What the clip does not show. (up to 8,000 characters)
            seed: Makes the same clip again; drawn if left out. (0 to 4,294,967,295)
            n: Variations, each with a seed of its own. Default: `1`. (1 to 4)
            quality: How much work is put into it. Default: `full`.
            preset: A style, by its id. (up to 100 characters)
            loras: What the model has learnt besides. (up to 4)
            visibility: Who may see it. Default: `private`.
            metadata: Anything of the caller's own; answers repeat it.
            strength: How much may change. Default: `mild`.
            hold: Seconds the server may hold its answer until the video is done.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, Expired, TooLarge,
            Invalid, RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            await client.videos.remix(video, prompt="the same at night, in the rain", strength="mild")
        """
        return await self._client._call(
            Call(
                "POST",
                path("/v1/videos/{}/remix", id_of(video)),
                reader(types.Video),
                body={
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "prompt": prompt,
                    "strength": strength,
                },
                once=True,
                options=Options(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    async def playlist(self, video: Video | str, *, timeout: float | None = None) -> str:
        """Watch a video while it is made.

        An HLS playlist that grows while the clip is made and ends when it is done. Open `assets.stream`, which is
        signed, in a player: it sends no header. Lines once listed never change. It is never cached, since it grows.

        Raises: Unauthorized, Forbidden, NotFound, Conflict, Expired, Invalid, RateLimited, ServerError,
            ConnectionFailed.
        """
        return await self._client._call(
            Call("GET", path("/v1/videos/{}/stream.m3u8", id_of(video)), text, options=Options(timeout=timeout))
        )

    async def stream_piece(self, video: Video | str, piece: str, *, timeout: float | None = None) -> bytes:
        """Fetch a piece of a stream.

        A fragment of MP4 that the playlist names, or the head that players read before the first.

        Raises: Unauthorized, Forbidden, NotFound, Conflict, Expired, Invalid, RateLimited, ServerError,
            ConnectionFailed.
        """
        return await self._client._call(
            Call(
                "GET",
                path("/v1/videos/{}/stream/{}", id_of(video), id_of(piece)),
                raw,
                options=Options(timeout=timeout),
            )
        )

    async def wait(
        self, video: Video | str, *, timeout: float | None = 600.0, on_progress: Callable[[Video], Any] | None = None
    ) -> Video:
        """Wait until a video is done, and give it as it is then.

        Listens to live events, and asks at the server's pace where they do not come.

        Arguments:
            timeout: Seconds to wait in all; None waits for as long as it takes. The job goes on either way.
            on_progress: Called with the video whenever it has changed; a coroutine is awaited.

        Raises: VideoFailed, VideoCancelled, WaitTimeout (each carries the video), NotFound, Unauthorized,
            ServerError, ConnectionFailed.

        Example:
            await client.videos.wait(video, timeout=600, on_progress=print)
        """
        flow = _wait.wait(self._client._config, video, timeout=timeout, on_progress=on_progress)
        return await self._client._run(flow)

    async def create_and_wait(
        self,
        *,
        prompt: str,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        model: str | None = None,
        seconds: int | None = None,
        size: str | None = None,
        input_reference: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        first_frame: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        last_frame: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        storyboard: Sequence[Card | Mapping[str, Any]] | None = None,
        loop: bool | None = None,
        resize: Literal["crop", "pad"] | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = 600.0,
        on_created: Callable[[Video], Any] | None = None,
        on_progress: Callable[[Video], Any] | None = None,
    ) -> Video:
        """Make a video and wait until it is done: `create`, then `wait`, with the arguments of both.

        `on_created` is called with the queued video before any waiting, so that its id is not lost with this process.

        Example:
            await client.videos.create_and_wait(prompt="a boat at sunset", seconds=4, on_progress=print)
        """
        video = await self.create(
            prompt=prompt,
            negative_prompt=negative_prompt,
            seed=seed,
            n=n,
            quality=quality,
            preset=preset,
            loras=loras,
            visibility=visibility,
            metadata=metadata,
            model=model,
            seconds=seconds,
            size=size,
            input_reference=input_reference,
            first_frame=first_frame,
            last_frame=last_frame,
            storyboard=storyboard,
            loop=loop,
            resize=resize,
            idempotency_key=idempotency_key,
        )
        if on_created is not None:
            await self._client._run(_wait.tell(on_created, video))
        return await self.wait(video, timeout=timeout, on_progress=on_progress)

    async def generate_to_file(
        self,
        file: str | PathLike[str],
        *,
        prompt: str,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        model: str | None = None,
        seconds: int | None = None,
        size: str | None = None,
        input_reference: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        first_frame: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        last_frame: str | Upload | File | ImageReference | Mapping[str, Any] | None = None,
        storyboard: Sequence[Card | Mapping[str, Any]] | None = None,
        loop: bool | None = None,
        resize: Literal["crop", "pad"] | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = 600.0,
        on_created: Callable[[Video], Any] | None = None,
        on_progress: Callable[[Video], Any] | None = None,
    ) -> Video:
        """Make a video, wait until it is done, and save it: `create_and_wait`, then `download`.

        Example:
            await client.videos.generate_to_file("boat.mp4", prompt="a boat at sunset", seconds=4)
        """
        video = await self.create_and_wait(
            prompt=prompt,
            negative_prompt=negative_prompt,
            seed=seed,
            n=n,
            quality=quality,
            preset=preset,
            loras=loras,
            visibility=visibility,
            metadata=metadata,
            model=model,
            seconds=seconds,
            size=size,
            input_reference=input_reference,
            first_frame=first_frame,
            last_frame=last_frame,
            storyboard=storyboard,
            loop=loop,
            resize=resize,
            idempotency_key=idempotency_key,
            timeout=timeout,
            on_created=on_created,
            on_progress=on_progress,
        )
        await self.download(video, file)
        return video

    async def download(
        self,
        video: Video | str,
        file: str | PathLike[str],
        *,
        variant: Literal["video", "thumbnail", "spritesheet", "poster"] | None = None,
        on_progress: Progress | None = None,
    ) -> Path:
        """Save a video, or another of its renditions, to a file.

        A connection that breaks is taken up where it broke, also by a later call in another process; the file
        appears when it is whole.

        Arguments:
            on_progress: Called with the bytes that are there and the bytes of the whole, 0 where the server does not
                say; a coroutine is awaited.

        Raises: Conflict (it is not ready, or there will be none), Expired, NotFound, ConnectionFailed, OSError.

        Example:
            await client.videos.download(video, "boat.mp4")
        """
        wanted = Call(
            "GET",
            path("/v1/videos/{}/content", id_of(video)),
            raw,
            query={
                "variant": variant,
            },
        )
        return await self._client._run(download(self._client._config, wanted, Path(file), on_progress))
