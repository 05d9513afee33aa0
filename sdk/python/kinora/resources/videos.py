"""Generate, watch, download and cancel videos. Generated from openapi.json by `make sdk`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kinora import _events, _wait, types
from kinora._decoding import decode_bytes, decode_text, json_decoder
from kinora._download import Progress, download_file
from kinora._files import File
from kinora._output_file import check_output
from kinora._request import ApiCall, CallOptions, build_path, resource_id

if TYPE_CHECKING:
    from kinora._client import AsyncKinora, Kinora
    from kinora._pages import AsyncPages, Pages
    from kinora.types import (
        Deleted,
        Estimate,
        ImageReference,
        Lora,
        StoryboardCard,
        TimeRange,
        Upload,
        Video,
        VideoReference,
    )


class VideosAPI:
    """Generate, watch, download and cancel videos."""

    def __init__(self, client: Any) -> None:
        self._client: Kinora = client

    def watch_all(self, *, last_event_id: str | None = None) -> Generator[Video, None, None]:
        """Watch all videos.

        Stream all the user's videos as server-sent events.

        The stream starts with the videos changed since `Last-Event-ID` or, without it, with those not finished yet.

        Arguments:
            last_event_id: Id of the last event received; changes since then come first.

        Raises: Unauthorized, Forbidden, RateLimited, ServerError, ConnectionFailed.
        """
        call = ApiCall("GET", "/v1/events", json_decoder(types.Video), options=CallOptions(last_event_id=last_event_id))
        return self._client._iterate_flow(_events.watch_videos(self._client._config, call, until_done=False))

    def list(
        self,
        *,
        after: str | None = None,
        limit: int | None = None,
        order: Literal["asc", "desc"] | None = None,
        timeout: float | None = None,
    ) -> Pages[Video]:
        """List videos.

        List the user's videos and images, by default newest first.

        Arguments:
            after: Id after which the page starts.
            limit: Largest number of items.
            order: Sort order by creation: `asc` is oldest first, `desc` newest first.

        Raises: Unauthorized, Forbidden, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._list_pages(
            ApiCall(
                "GET",
                "/v1/videos",
                json_decoder(types.VideoPage),
                query={
                    "after": after,
                    "limit": limit,
                    "order": order,
                },
                options=CallOptions(timeout=timeout),
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
        storyboard: Sequence[StoryboardCard | Mapping[str, Any]] | None = None,
        loop: bool | None = None,
        resize: Literal["crop", "pad"] | None = None,
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Create a video.

        Queue a video and hold its credits. Credits are charged only for what is generated.

        With `n` above 1, the response is the first variation and lists all ids in `variations`. With `Prefer: wait=60`
        it is sent once the video is finished, or after 60 seconds.

        Arguments:
            prompt: Text description of the result. (up to 32,000 characters)
            negative_prompt: Text description of what to avoid. Refused where the model and quality work without
                guidance. (up to 8,000 characters)
            seed: Random seed. The same seed gives the same result; drawn at random if left out. (0 to
                4,294,967,295)
            n: Number of variations, each with its own seed. Default: `1`. (1 to 4)
            quality: `full`, or `turbo` for fewer denoising steps. Default: `full`.
            preset: Id of a style preset. (up to 100 characters)
            loras: LoRAs to apply. (up to 4)
            visibility: Who may see the result. Default: `private`.
            metadata: Data of the caller's own, returned unchanged with the video.
            model: Model to use. Default: the first that supports the operation. (up to 200 characters)
            seconds: Duration in seconds, as a number or a string. Default: `4`. (at least 1)
            size: Width x height in pixels, for example `1280x720`.
            input_reference: OpenAI's name for `first_frame`.
            first_frame: Image for the first frame.
            last_frame: Image for the last frame.
            storyboard: What the video shows at which time. (up to 20)
            loop: Whether the end leads seamlessly into the beginning. Default: `false`.
            resize: How an image of another aspect ratio is fitted into the frame. Default: `crop`.
            hold: Seconds for which the server may hold its response until the video is done.

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
        return self._client._send(
            ApiCall(
                "POST",
                "/v1/videos",
                json_decoder(types.Video),
                body={
                    "prompt": prompt,
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
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
                files={
                    "input_reference": "image_url",
                    "input_reference.file": "",
                    "first_frame": "image_url",
                    "first_frame.file": "",
                    "last_frame": "image_url",
                    "last_frame.file": "",
                    "storyboard.upload": "image_url",
                    "storyboard.upload.file": "",
                    "storyboard.video": "video_url",
                    "storyboard.video.file": "",
                },
                idempotent=True,
                options=CallOptions(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    def blend(
        self,
        *,
        from_: str | Video | Upload | File | VideoReference | Mapping[str, Any],
        to: str | Video | Upload | File | VideoReference | Mapping[str, Any],
        prompt: str | None = None,
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
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Blend two videos.

        Generate a video that begins as one video and ends as another.

        Arguments:
            from_: Video to begin with.
            to: Video to end with.
            prompt: Text description of the result. (up to 32,000 characters)
            negative_prompt: Text description of what to avoid. Refused where the model and quality work without
                guidance. (up to 8,000 characters)
            seed: Random seed. The same seed gives the same result; drawn at random if left out. (0 to
                4,294,967,295)
            n: Number of variations, each with its own seed. Default: `1`. (1 to 4)
            quality: `full`, or `turbo` for fewer denoising steps. Default: `full`.
            preset: Id of a style preset. (up to 100 characters)
            loras: LoRAs to apply. (up to 4)
            visibility: Who may see the result. Default: `private`.
            metadata: Data of the caller's own, returned unchanged with the video.
            curve: When the first video gives way to the second. Default: `even`.
            seconds: Duration of the new video, in seconds. Default: `4`. (at least 1)
            hold: Seconds for which the server may hold its response until the video is done.

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
        return self._client._send(
            ApiCall(
                "POST",
                "/v1/videos/blends",
                json_decoder(types.Video),
                body={
                    "prompt": prompt,
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
                },
                files={
                    "from": "video_url",
                    "from.file": "",
                    "to": "video_url",
                    "to.file": "",
                },
                idempotent=True,
                options=CallOptions(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    def edit(
        self,
        *,
        prompt: str,
        video: str | Video | Upload | File | VideoReference | Mapping[str, Any],
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

        Change what the prompt describes differently from the source's own prompt, and keep the rest.

        Arguments:
            prompt: Text description of the result. (up to 32,000 characters)
            video: Source video: its id, as a string or as `{id}`, or a video sent with the request.
            negative_prompt: Text description of what to avoid. Refused where the model and quality work without
                guidance. (up to 8,000 characters)
            seed: Random seed. The same seed gives the same result; drawn at random if left out. (0 to
                4,294,967,295)
            n: Number of variations, each with its own seed. Default: `1`. (1 to 4)
            quality: `full`, or `turbo` for fewer denoising steps. Default: `full`.
            preset: Id of a style preset. (up to 100 characters)
            loras: LoRAs to apply. (up to 4)
            visibility: Who may see the result. Default: `private`.
            metadata: Data of the caller's own, returned unchanged with the video.
            strength: How much of the source may change. Default: `mild`.
            hold: Seconds for which the server may hold its response until the video is done.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, Expired, TooLarge,
            Invalid, RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            client.videos.edit(
                video="video_01KDVHG3008Q1V4W0T6M2X9ZRB",
                prompt="a green ball bounces over green hills at sunset",
            )
        """
        return self._client._send(
            ApiCall(
                "POST",
                "/v1/videos/edits",
                json_decoder(types.Video),
                body={
                    "prompt": prompt,
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "video": video,
                    "strength": strength,
                },
                files={
                    "video": "video_url",
                    "video.file": "",
                },
                idempotent=True,
                options=CallOptions(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    def estimate(
        self,
        *,
        prompt: str | None = None,
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
        storyboard: Sequence[StoryboardCard | Mapping[str, Any]] | None = None,
        loop: bool | None = None,
        resize: Literal["crop", "pad"] | None = None,
        strength: Literal["subtle", "mild", "strong"] | None = None,
        video: str | Video | Upload | File | VideoReference | Mapping[str, Any] | None = None,
        direction: Literal["forward", "backward"] | None = None,
        keep: Sequence[TimeRange | Mapping[str, Any]] | None = None,
        from_: str | Video | Upload | File | VideoReference | Mapping[str, Any] | None = None,
        to: str | Video | Upload | File | VideoReference | Mapping[str, Any] | None = None,
        curve: Literal["even", "early", "late", "sudden"] | None = None,
        length: Literal["short", "normal", "long"] | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Estimate:
        """Estimate a video.

        Return the cost and duration of a request that creates a video, given its body. Nothing is stored or held.

        The fields tell which request is meant: `video` and `prompt` alone are an edit, with `strength` a remix, with
        `length` a loop.

        Arguments:
            prompt: Text description of the result. (up to 32,000 characters)
            negative_prompt: Text description of what to avoid. Refused where the model and quality work without
                guidance. (up to 8,000 characters)
            seed: Random seed. The same seed gives the same result; drawn at random if left out. (0 to
                4,294,967,295)
            n: Number of variations, each with its own seed. Default: `1`. (1 to 4)
            quality: `full`, or `turbo` for fewer denoising steps. Default: `full`.
            preset: Id of a style preset. (up to 100 characters)
            loras: LoRAs to apply. (up to 4)
            visibility: Who may see the result. Default: `private`.
            metadata: Data of the caller's own, returned unchanged with the video.
            model: Model to use. Default: the first that supports the operation. (up to 200 characters)
            seconds: Duration in seconds, as a number or a string. Default: `4`. Seconds to add, as a number or a
                string. Duration of the new video, in seconds; that of the source if left out. Duration of the new
                video, in seconds. Default: `4`. (at least 1)
            size: Width x height in pixels, for example `1280x720`.
            input_reference: OpenAI's name for `first_frame`.
            first_frame: Image for the first frame.
            last_frame: Image for the last frame.
            storyboard: What the video shows at which time. (up to 20)
            loop: Whether the end leads seamlessly into the beginning. Default: `false`.
            resize: How an image of another aspect ratio is fitted into the frame. Default: `crop`.
            strength: How much of the source may change. Default: `mild`.
            video: Source video: its id, as a string or as `{id}`, or a video sent with the request.
            direction: Whether to add them after the end (`forward`) or before the beginning (`backward`). Default:
                `forward`.
            keep: Parts to keep, in order and without overlap. (up to 20)
            from_: Video to begin with.
            to: Video to end with.
            curve: When the first video gives way to the second. Default: `even`.
            length: How much of the source is generated anew to close the loop. Default: `normal`.

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
        return self._client._send(
            ApiCall(
                "POST",
                "/v1/videos/estimate",
                json_decoder(types.Estimate),
                body={
                    "prompt": prompt,
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
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
                files={
                    "input_reference": "image_url",
                    "input_reference.file": "",
                    "first_frame": "image_url",
                    "first_frame.file": "",
                    "last_frame": "image_url",
                    "last_frame.file": "",
                    "storyboard.upload": "image_url",
                    "storyboard.upload.file": "",
                    "storyboard.video": "video_url",
                    "storyboard.video.file": "",
                    "video": "video_url",
                    "video.file": "",
                    "from": "video_url",
                    "from.file": "",
                    "to": "video_url",
                    "to.file": "",
                },
                idempotent=True,
                options=CallOptions(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    def extend(
        self,
        *,
        video: str | Video | Upload | File | VideoReference | Mapping[str, Any],
        seconds: int,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        direction: Literal["forward", "backward"] | None = None,
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Extend a video.

        Extend a video at its end or its beginning. The result is the whole video; only the added seconds are charged.

        Arguments:
            video: Source video: its id, as a string or as `{id}`, or a video sent with the request.
            seconds: Seconds to add, as a number or a string. (at least 1)
            prompt: Text description of the result. (up to 32,000 characters)
            negative_prompt: Text description of what to avoid. Refused where the model and quality work without
                guidance. (up to 8,000 characters)
            seed: Random seed. The same seed gives the same result; drawn at random if left out. (0 to
                4,294,967,295)
            n: Number of variations, each with its own seed. Default: `1`. (1 to 4)
            quality: `full`, or `turbo` for fewer denoising steps. Default: `full`.
            preset: Id of a style preset. (up to 100 characters)
            loras: LoRAs to apply. (up to 4)
            visibility: Who may see the result. Default: `private`.
            metadata: Data of the caller's own, returned unchanged with the video.
            direction: Whether to add them after the end (`forward`) or before the beginning (`backward`). Default:
                `forward`.
            hold: Seconds for which the server may hold its response until the video is done.

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
        return self._client._send(
            ApiCall(
                "POST",
                "/v1/videos/extensions",
                json_decoder(types.Video),
                body={
                    "prompt": prompt,
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
                },
                files={
                    "video": "video_url",
                    "video.file": "",
                },
                idempotent=True,
                options=CallOptions(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    def loop(
        self,
        *,
        video: str | Video | Upload | File | VideoReference | Mapping[str, Any],
        prompt: str | None = None,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        length: Literal["short", "normal", "long"] | None = None,
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Loop a video.

        Turn a video into a seamless loop.

        Arguments:
            video: Source video: its id, as a string or as `{id}`, or a video sent with the request.
            prompt: Text description of the result. (up to 32,000 characters)
            negative_prompt: Text description of what to avoid. Refused where the model and quality work without
                guidance. (up to 8,000 characters)
            seed: Random seed. The same seed gives the same result; drawn at random if left out. (0 to
                4,294,967,295)
            n: Number of variations, each with its own seed. Default: `1`. (1 to 4)
            quality: `full`, or `turbo` for fewer denoising steps. Default: `full`.
            preset: Id of a style preset. (up to 100 characters)
            loras: LoRAs to apply. (up to 4)
            visibility: Who may see the result. Default: `private`.
            metadata: Data of the caller's own, returned unchanged with the video.
            length: How much of the source is generated anew to close the loop. Default: `normal`.
            hold: Seconds for which the server may hold its response until the video is done.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, Expired, TooLarge,
            Invalid, RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            client.videos.loop(video="video_01KDVHG3008Q1V4W0T6M2X9ZRB", length="short")
        """
        return self._client._send(
            ApiCall(
                "POST",
                "/v1/videos/loops",
                json_decoder(types.Video),
                body={
                    "prompt": prompt,
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
                },
                files={
                    "video": "video_url",
                    "video.file": "",
                },
                idempotent=True,
                options=CallOptions(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    def recut(
        self,
        *,
        video: str | Video | Upload | File | VideoReference | Mapping[str, Any],
        keep: Sequence[TimeRange | Mapping[str, Any]],
        prompt: str | None = None,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        seconds: int | None = None,
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Re-cut a video.

        Keep parts of a video and generate the rest anew.

        Arguments:
            video: Source video: its id, as a string or as `{id}`, or a video sent with the request.
            keep: Parts to keep, in order and without overlap. (up to 20)
            prompt: Text description of the result. (up to 32,000 characters)
            negative_prompt: Text description of what to avoid. Refused where the model and quality work without
                guidance. (up to 8,000 characters)
            seed: Random seed. The same seed gives the same result; drawn at random if left out. (0 to
                4,294,967,295)
            n: Number of variations, each with its own seed. Default: `1`. (1 to 4)
            quality: `full`, or `turbo` for fewer denoising steps. Default: `full`.
            preset: Id of a style preset. (up to 100 characters)
            loras: LoRAs to apply. (up to 4)
            visibility: Who may see the result. Default: `private`.
            metadata: Data of the caller's own, returned unchanged with the video.
            seconds: Duration of the new video, in seconds; that of the source if left out. (at least 1)
            hold: Seconds for which the server may hold its response until the video is done.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, Expired, TooLarge,
            Invalid, RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            client.videos.recut(
                video="video_01KDVHG3008Q1V4W0T6M2X9ZRB",
                keep=[{'from': 0, 'to': 1.5}],
                prompt="the ball bursts",
            )
        """
        return self._client._send(
            ApiCall(
                "POST",
                "/v1/videos/recuts",
                json_decoder(types.Video),
                body={
                    "prompt": prompt,
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
                },
                files={
                    "video": "video_url",
                    "video.file": "",
                },
                idempotent=True,
                options=CallOptions(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    def get(self, video: Video | str, *, hold: int | None = None, timeout: float | None = None) -> Video:
        """Get a video.

        Return a video. With `Prefer: wait=60`, wait until it is finished, for at most 60 seconds.

        Arguments:
            hold: Seconds for which the server may hold its response until the video is done.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._send(
            ApiCall(
                "GET",
                build_path("/v1/videos/{}", resource_id(video)),
                json_decoder(types.Video),
                options=CallOptions(timeout=timeout, prefer=None if hold is None else f"wait={hold}"),
            )
        )

    def delete(self, video: Video | str, *, timeout: float | None = None) -> Deleted:
        """Delete a video.

        Delete a video and its files. If it is still being generated, it is cancelled first.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._send(
            ApiCall(
                "DELETE",
                build_path("/v1/videos/{}", resource_id(video)),
                json_decoder(types.Deleted),
                options=CallOptions(timeout=timeout),
            )
        )

    def cancel(self, video: Video | str, *, idempotency_key: str | None = None, timeout: float | None = None) -> Video:
        """Cancel a video.

        Cancel a video and release its unused credits. A finished video stays as it is.

        Raises: Unauthorized, Forbidden, NotFound, Conflict, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._send(
            ApiCall(
                "POST",
                build_path("/v1/videos/{}/cancel", resource_id(video)),
                json_decoder(types.Video),
                idempotent=True,
                options=CallOptions(idempotency_key=idempotency_key, timeout=timeout),
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

        Return the MP4, the poster, the thumbnail or the sprite sheet. Supports range and conditional requests.

        Arguments:
            variant: Rendition to download.

        Raises: Unauthorized, Forbidden, NotFound, Conflict, Expired, Invalid, RateLimited, ServerError,
            ConnectionFailed.
        """
        return self._client._send(
            ApiCall(
                "GET",
                build_path("/v1/videos/{}/content", resource_id(video)),
                decode_bytes,
                query={
                    "variant": variant,
                },
                options=CallOptions(timeout=timeout),
            )
        )

    def watch(self, video: Video | str, *, last_event_id: str | None = None) -> Generator[Video, None, None]:
        """Watch a video.

        Stream the video as server-sent events: its current state, then every change until it is finished.

        204 if `Last-Event-ID` is the last event there will ever be; that ends the reconnecting of an `EventSource`.

        Arguments:
            last_event_id: Id of the last event received; changes since then come first.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        call = ApiCall(
            "GET",
            build_path("/v1/videos/{}/events", resource_id(video)),
            json_decoder(types.Video),
            options=CallOptions(last_event_id=last_event_id),
        )
        return self._client._iterate_flow(_events.watch_videos(self._client._config, call, until_done=True))

    def preview(self, video: Video | str, image: str, *, timeout: float | None = None) -> bytes:
        """Get a preview image.

        Return a small preview image (JPEG) of the part that is being generated.

        `assets.preview` is the signed URL of the latest one. Previews are deleted when the video fails or is cancelled.

        Raises: Unauthorized, Forbidden, NotFound, Conflict, Expired, Invalid, RateLimited, ServerError,
            ConnectionFailed.
        """
        return self._client._send(
            ApiCall(
                "GET",
                build_path("/v1/videos/{}/preview/{}", resource_id(video), resource_id(image)),
                decode_bytes,
                options=CallOptions(timeout=timeout),
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

        Generate a video again with another prompt. A `subtle` remix keeps most of the source, a `strong` one little.

        Arguments:
            prompt: Text description of the result. (up to 32,000 characters)
            negative_prompt: Text description of what to avoid. Refused where the model and quality work without
                guidance. (up to 8,000 characters)
            seed: Random seed. The same seed gives the same result; drawn at random if left out. (0 to
                4,294,967,295)
            n: Number of variations, each with its own seed. Default: `1`. (1 to 4)
            quality: `full`, or `turbo` for fewer denoising steps. Default: `full`.
            preset: Id of a style preset. (up to 100 characters)
            loras: LoRAs to apply. (up to 4)
            visibility: Who may see the result. Default: `private`.
            metadata: Data of the caller's own, returned unchanged with the video.
            strength: How much of the source may change. Default: `mild`.
            hold: Seconds for which the server may hold its response until the video is done.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, Expired, TooLarge,
            Invalid, RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            client.videos.remix(video, prompt="the same at night, in the rain", strength="mild")
        """
        return self._client._send(
            ApiCall(
                "POST",
                build_path("/v1/videos/{}/remix", resource_id(video)),
                json_decoder(types.Video),
                body={
                    "prompt": prompt,
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "strength": strength,
                },
                idempotent=True,
                options=CallOptions(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    def playlist(self, video: Video | str, *, timeout: float | None = None) -> str:
        """Stream a video.

        Return an HLS playlist that grows while the video is being generated.

        Players send no `Authorization` header: open the signed URL in `assets.stream`. Lines once listed never change.
        The playlist is not cacheable.

        Raises: Unauthorized, Forbidden, NotFound, Conflict, Expired, Invalid, RateLimited, ServerError,
            ConnectionFailed.
        """
        return self._client._send(
            ApiCall(
                "GET",
                build_path("/v1/videos/{}/stream.m3u8", resource_id(video)),
                decode_text,
                options=CallOptions(timeout=timeout),
            )
        )

    def stream_segment(self, video: Video | str, segment: str, *, timeout: float | None = None) -> bytes:
        """Get a segment of a stream.

        Return a media segment or the initialization segment of a stream, as named in the playlist.

        Raises: Unauthorized, Forbidden, NotFound, Conflict, Expired, Invalid, RateLimited, ServerError,
            ConnectionFailed.
        """
        return self._client._send(
            ApiCall(
                "GET",
                build_path("/v1/videos/{}/stream/{}", resource_id(video), resource_id(segment)),
                decode_bytes,
                options=CallOptions(timeout=timeout),
            )
        )

    def wait(
        self, video: Video | str, *, timeout: float | None = 600.0, on_progress: Callable[[Video], Any] | None = None
    ) -> Video:
        """Wait until a video is done and return it.

        Follows the video's event stream, and polls at the server's pace where no stream can be had.

        Arguments:
            timeout: Seconds to wait in all; None for no limit. The job goes on after a timeout.
            on_progress: Called with the video whenever it has changed.

        Raises: VideoFailed, VideoCancelled, WaitTimeout (each carries the video), NotFound, Unauthorized,
            ServerError, ConnectionFailed.

        Example:
            client.videos.wait(video, timeout=600, on_progress=print)
        """
        flow = _wait.wait_for_video(self._client._config, video, timeout=timeout, on_progress=on_progress)
        return self._client._run_flow(flow)

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
        storyboard: Sequence[StoryboardCard | Mapping[str, Any]] | None = None,
        loop: bool | None = None,
        resize: Literal["crop", "pad"] | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = 600.0,
        on_created: Callable[[Video], Any] | None = None,
        on_progress: Callable[[Video], Any] | None = None,
    ) -> Video:
        """Create a video and wait until it is done: `create`, then `wait`, with the arguments of both.

        `on_created` is called with the queued video before the wait, so that its id can be recorded.

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
        storyboard: Sequence[StoryboardCard | Mapping[str, Any]] | None = None,
        loop: bool | None = None,
        resize: Literal["crop", "pad"] | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = 600.0,
        on_created: Callable[[Video], Any] | None = None,
        on_progress: Callable[[Video], Any] | None = None,
    ) -> Video:
        """Create a video, wait until it is done, and save it: `create_and_wait`, then `download`.

        Example:
            client.videos.generate_to_file("boat.mp4", prompt="a boat at sunset", seconds=4)
        """
        check_output(Path(file))
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

        A broken download resumes where it broke off, also by a later call in another process; the file appears once
        it is complete. A link is followed, a device or a pipe is written into, and a read-only file is refused.

        Arguments:
            on_progress: Called with the bytes received and the total, 0 where the server does not
                say.

        Raises: Conflict (not ready, or the job has failed), Expired, NotFound, ConnectionFailed, OSError.

        Example:
            client.videos.download(video, "boat.mp4")
        """
        call = ApiCall(
            "GET",
            build_path("/v1/videos/{}/content", resource_id(video)),
            decode_bytes,
            query={
                "variant": variant,
            },
        )
        return self._client._run_flow(download_file(self._client._config, call, Path(file), on_progress))


class AsyncVideosAPI:
    """Generate, watch, download and cancel videos."""

    def __init__(self, client: Any) -> None:
        self._client: AsyncKinora = client

    def watch_all(self, *, last_event_id: str | None = None) -> AsyncGenerator[Video, None]:
        """Watch all videos.

        Stream all the user's videos as server-sent events.

        The stream starts with the videos changed since `Last-Event-ID` or, without it, with those not finished yet.

        Arguments:
            last_event_id: Id of the last event received; changes since then come first.

        Raises: Unauthorized, Forbidden, RateLimited, ServerError, ConnectionFailed.
        """
        call = ApiCall("GET", "/v1/events", json_decoder(types.Video), options=CallOptions(last_event_id=last_event_id))
        return self._client._iterate_flow(_events.watch_videos(self._client._config, call, until_done=False))

    def list(
        self,
        *,
        after: str | None = None,
        limit: int | None = None,
        order: Literal["asc", "desc"] | None = None,
        timeout: float | None = None,
    ) -> AsyncPages[Video]:
        """List videos.

        List the user's videos and images, by default newest first.

        Arguments:
            after: Id after which the page starts.
            limit: Largest number of items.
            order: Sort order by creation: `asc` is oldest first, `desc` newest first.

        Raises: Unauthorized, Forbidden, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._list_pages(
            ApiCall(
                "GET",
                "/v1/videos",
                json_decoder(types.VideoPage),
                query={
                    "after": after,
                    "limit": limit,
                    "order": order,
                },
                options=CallOptions(timeout=timeout),
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
        storyboard: Sequence[StoryboardCard | Mapping[str, Any]] | None = None,
        loop: bool | None = None,
        resize: Literal["crop", "pad"] | None = None,
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Create a video.

        Queue a video and hold its credits. Credits are charged only for what is generated.

        With `n` above 1, the response is the first variation and lists all ids in `variations`. With `Prefer: wait=60`
        it is sent once the video is finished, or after 60 seconds.

        Arguments:
            prompt: Text description of the result. (up to 32,000 characters)
            negative_prompt: Text description of what to avoid. Refused where the model and quality work without
                guidance. (up to 8,000 characters)
            seed: Random seed. The same seed gives the same result; drawn at random if left out. (0 to
                4,294,967,295)
            n: Number of variations, each with its own seed. Default: `1`. (1 to 4)
            quality: `full`, or `turbo` for fewer denoising steps. Default: `full`.
            preset: Id of a style preset. (up to 100 characters)
            loras: LoRAs to apply. (up to 4)
            visibility: Who may see the result. Default: `private`.
            metadata: Data of the caller's own, returned unchanged with the video.
            model: Model to use. Default: the first that supports the operation. (up to 200 characters)
            seconds: Duration in seconds, as a number or a string. Default: `4`. (at least 1)
            size: Width x height in pixels, for example `1280x720`.
            input_reference: OpenAI's name for `first_frame`.
            first_frame: Image for the first frame.
            last_frame: Image for the last frame.
            storyboard: What the video shows at which time. (up to 20)
            loop: Whether the end leads seamlessly into the beginning. Default: `false`.
            resize: How an image of another aspect ratio is fitted into the frame. Default: `crop`.
            hold: Seconds for which the server may hold its response until the video is done.

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
        return await self._client._send(
            ApiCall(
                "POST",
                "/v1/videos",
                json_decoder(types.Video),
                body={
                    "prompt": prompt,
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
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
                files={
                    "input_reference": "image_url",
                    "input_reference.file": "",
                    "first_frame": "image_url",
                    "first_frame.file": "",
                    "last_frame": "image_url",
                    "last_frame.file": "",
                    "storyboard.upload": "image_url",
                    "storyboard.upload.file": "",
                    "storyboard.video": "video_url",
                    "storyboard.video.file": "",
                },
                idempotent=True,
                options=CallOptions(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    async def blend(
        self,
        *,
        from_: str | Video | Upload | File | VideoReference | Mapping[str, Any],
        to: str | Video | Upload | File | VideoReference | Mapping[str, Any],
        prompt: str | None = None,
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
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Blend two videos.

        Generate a video that begins as one video and ends as another.

        Arguments:
            from_: Video to begin with.
            to: Video to end with.
            prompt: Text description of the result. (up to 32,000 characters)
            negative_prompt: Text description of what to avoid. Refused where the model and quality work without
                guidance. (up to 8,000 characters)
            seed: Random seed. The same seed gives the same result; drawn at random if left out. (0 to
                4,294,967,295)
            n: Number of variations, each with its own seed. Default: `1`. (1 to 4)
            quality: `full`, or `turbo` for fewer denoising steps. Default: `full`.
            preset: Id of a style preset. (up to 100 characters)
            loras: LoRAs to apply. (up to 4)
            visibility: Who may see the result. Default: `private`.
            metadata: Data of the caller's own, returned unchanged with the video.
            curve: When the first video gives way to the second. Default: `even`.
            seconds: Duration of the new video, in seconds. Default: `4`. (at least 1)
            hold: Seconds for which the server may hold its response until the video is done.

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
        return await self._client._send(
            ApiCall(
                "POST",
                "/v1/videos/blends",
                json_decoder(types.Video),
                body={
                    "prompt": prompt,
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
                },
                files={
                    "from": "video_url",
                    "from.file": "",
                    "to": "video_url",
                    "to.file": "",
                },
                idempotent=True,
                options=CallOptions(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    async def edit(
        self,
        *,
        prompt: str,
        video: str | Video | Upload | File | VideoReference | Mapping[str, Any],
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

        Change what the prompt describes differently from the source's own prompt, and keep the rest.

        Arguments:
            prompt: Text description of the result. (up to 32,000 characters)
            video: Source video: its id, as a string or as `{id}`, or a video sent with the request.
            negative_prompt: Text description of what to avoid. Refused where the model and quality work without
                guidance. (up to 8,000 characters)
            seed: Random seed. The same seed gives the same result; drawn at random if left out. (0 to
                4,294,967,295)
            n: Number of variations, each with its own seed. Default: `1`. (1 to 4)
            quality: `full`, or `turbo` for fewer denoising steps. Default: `full`.
            preset: Id of a style preset. (up to 100 characters)
            loras: LoRAs to apply. (up to 4)
            visibility: Who may see the result. Default: `private`.
            metadata: Data of the caller's own, returned unchanged with the video.
            strength: How much of the source may change. Default: `mild`.
            hold: Seconds for which the server may hold its response until the video is done.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, Expired, TooLarge,
            Invalid, RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            await client.videos.edit(
                video="video_01KDVHG3008Q1V4W0T6M2X9ZRB",
                prompt="a green ball bounces over green hills at sunset",
            )
        """
        return await self._client._send(
            ApiCall(
                "POST",
                "/v1/videos/edits",
                json_decoder(types.Video),
                body={
                    "prompt": prompt,
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "video": video,
                    "strength": strength,
                },
                files={
                    "video": "video_url",
                    "video.file": "",
                },
                idempotent=True,
                options=CallOptions(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    async def estimate(
        self,
        *,
        prompt: str | None = None,
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
        storyboard: Sequence[StoryboardCard | Mapping[str, Any]] | None = None,
        loop: bool | None = None,
        resize: Literal["crop", "pad"] | None = None,
        strength: Literal["subtle", "mild", "strong"] | None = None,
        video: str | Video | Upload | File | VideoReference | Mapping[str, Any] | None = None,
        direction: Literal["forward", "backward"] | None = None,
        keep: Sequence[TimeRange | Mapping[str, Any]] | None = None,
        from_: str | Video | Upload | File | VideoReference | Mapping[str, Any] | None = None,
        to: str | Video | Upload | File | VideoReference | Mapping[str, Any] | None = None,
        curve: Literal["even", "early", "late", "sudden"] | None = None,
        length: Literal["short", "normal", "long"] | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Estimate:
        """Estimate a video.

        Return the cost and duration of a request that creates a video, given its body. Nothing is stored or held.

        The fields tell which request is meant: `video` and `prompt` alone are an edit, with `strength` a remix, with
        `length` a loop.

        Arguments:
            prompt: Text description of the result. (up to 32,000 characters)
            negative_prompt: Text description of what to avoid. Refused where the model and quality work without
                guidance. (up to 8,000 characters)
            seed: Random seed. The same seed gives the same result; drawn at random if left out. (0 to
                4,294,967,295)
            n: Number of variations, each with its own seed. Default: `1`. (1 to 4)
            quality: `full`, or `turbo` for fewer denoising steps. Default: `full`.
            preset: Id of a style preset. (up to 100 characters)
            loras: LoRAs to apply. (up to 4)
            visibility: Who may see the result. Default: `private`.
            metadata: Data of the caller's own, returned unchanged with the video.
            model: Model to use. Default: the first that supports the operation. (up to 200 characters)
            seconds: Duration in seconds, as a number or a string. Default: `4`. Seconds to add, as a number or a
                string. Duration of the new video, in seconds; that of the source if left out. Duration of the new
                video, in seconds. Default: `4`. (at least 1)
            size: Width x height in pixels, for example `1280x720`.
            input_reference: OpenAI's name for `first_frame`.
            first_frame: Image for the first frame.
            last_frame: Image for the last frame.
            storyboard: What the video shows at which time. (up to 20)
            loop: Whether the end leads seamlessly into the beginning. Default: `false`.
            resize: How an image of another aspect ratio is fitted into the frame. Default: `crop`.
            strength: How much of the source may change. Default: `mild`.
            video: Source video: its id, as a string or as `{id}`, or a video sent with the request.
            direction: Whether to add them after the end (`forward`) or before the beginning (`backward`). Default:
                `forward`.
            keep: Parts to keep, in order and without overlap. (up to 20)
            from_: Video to begin with.
            to: Video to end with.
            curve: When the first video gives way to the second. Default: `even`.
            length: How much of the source is generated anew to close the loop. Default: `normal`.

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
        return await self._client._send(
            ApiCall(
                "POST",
                "/v1/videos/estimate",
                json_decoder(types.Estimate),
                body={
                    "prompt": prompt,
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
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
                files={
                    "input_reference": "image_url",
                    "input_reference.file": "",
                    "first_frame": "image_url",
                    "first_frame.file": "",
                    "last_frame": "image_url",
                    "last_frame.file": "",
                    "storyboard.upload": "image_url",
                    "storyboard.upload.file": "",
                    "storyboard.video": "video_url",
                    "storyboard.video.file": "",
                    "video": "video_url",
                    "video.file": "",
                    "from": "video_url",
                    "from.file": "",
                    "to": "video_url",
                    "to.file": "",
                },
                idempotent=True,
                options=CallOptions(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    async def extend(
        self,
        *,
        video: str | Video | Upload | File | VideoReference | Mapping[str, Any],
        seconds: int,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        direction: Literal["forward", "backward"] | None = None,
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Extend a video.

        Extend a video at its end or its beginning. The result is the whole video; only the added seconds are charged.

        Arguments:
            video: Source video: its id, as a string or as `{id}`, or a video sent with the request.
            seconds: Seconds to add, as a number or a string. (at least 1)
            prompt: Text description of the result. (up to 32,000 characters)
            negative_prompt: Text description of what to avoid. Refused where the model and quality work without
                guidance. (up to 8,000 characters)
            seed: Random seed. The same seed gives the same result; drawn at random if left out. (0 to
                4,294,967,295)
            n: Number of variations, each with its own seed. Default: `1`. (1 to 4)
            quality: `full`, or `turbo` for fewer denoising steps. Default: `full`.
            preset: Id of a style preset. (up to 100 characters)
            loras: LoRAs to apply. (up to 4)
            visibility: Who may see the result. Default: `private`.
            metadata: Data of the caller's own, returned unchanged with the video.
            direction: Whether to add them after the end (`forward`) or before the beginning (`backward`). Default:
                `forward`.
            hold: Seconds for which the server may hold its response until the video is done.

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
        return await self._client._send(
            ApiCall(
                "POST",
                "/v1/videos/extensions",
                json_decoder(types.Video),
                body={
                    "prompt": prompt,
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
                },
                files={
                    "video": "video_url",
                    "video.file": "",
                },
                idempotent=True,
                options=CallOptions(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    async def loop(
        self,
        *,
        video: str | Video | Upload | File | VideoReference | Mapping[str, Any],
        prompt: str | None = None,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        length: Literal["short", "normal", "long"] | None = None,
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Loop a video.

        Turn a video into a seamless loop.

        Arguments:
            video: Source video: its id, as a string or as `{id}`, or a video sent with the request.
            prompt: Text description of the result. (up to 32,000 characters)
            negative_prompt: Text description of what to avoid. Refused where the model and quality work without
                guidance. (up to 8,000 characters)
            seed: Random seed. The same seed gives the same result; drawn at random if left out. (0 to
                4,294,967,295)
            n: Number of variations, each with its own seed. Default: `1`. (1 to 4)
            quality: `full`, or `turbo` for fewer denoising steps. Default: `full`.
            preset: Id of a style preset. (up to 100 characters)
            loras: LoRAs to apply. (up to 4)
            visibility: Who may see the result. Default: `private`.
            metadata: Data of the caller's own, returned unchanged with the video.
            length: How much of the source is generated anew to close the loop. Default: `normal`.
            hold: Seconds for which the server may hold its response until the video is done.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, Expired, TooLarge,
            Invalid, RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            await client.videos.loop(video="video_01KDVHG3008Q1V4W0T6M2X9ZRB", length="short")
        """
        return await self._client._send(
            ApiCall(
                "POST",
                "/v1/videos/loops",
                json_decoder(types.Video),
                body={
                    "prompt": prompt,
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
                },
                files={
                    "video": "video_url",
                    "video.file": "",
                },
                idempotent=True,
                options=CallOptions(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    async def recut(
        self,
        *,
        video: str | Video | Upload | File | VideoReference | Mapping[str, Any],
        keep: Sequence[TimeRange | Mapping[str, Any]],
        prompt: str | None = None,
        negative_prompt: str | None = None,
        seed: int | None = None,
        n: int | None = None,
        quality: Literal["turbo", "full"] | None = None,
        preset: str | None = None,
        loras: Sequence[Lora | Mapping[str, Any]] | None = None,
        visibility: Literal["private", "unlisted", "public"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        seconds: int | None = None,
        hold: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Video:
        """Re-cut a video.

        Keep parts of a video and generate the rest anew.

        Arguments:
            video: Source video: its id, as a string or as `{id}`, or a video sent with the request.
            keep: Parts to keep, in order and without overlap. (up to 20)
            prompt: Text description of the result. (up to 32,000 characters)
            negative_prompt: Text description of what to avoid. Refused where the model and quality work without
                guidance. (up to 8,000 characters)
            seed: Random seed. The same seed gives the same result; drawn at random if left out. (0 to
                4,294,967,295)
            n: Number of variations, each with its own seed. Default: `1`. (1 to 4)
            quality: `full`, or `turbo` for fewer denoising steps. Default: `full`.
            preset: Id of a style preset. (up to 100 characters)
            loras: LoRAs to apply. (up to 4)
            visibility: Who may see the result. Default: `private`.
            metadata: Data of the caller's own, returned unchanged with the video.
            seconds: Duration of the new video, in seconds; that of the source if left out. (at least 1)
            hold: Seconds for which the server may hold its response until the video is done.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, Expired, TooLarge,
            Invalid, RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            await client.videos.recut(
                video="video_01KDVHG3008Q1V4W0T6M2X9ZRB",
                keep=[{'from': 0, 'to': 1.5}],
                prompt="the ball bursts",
            )
        """
        return await self._client._send(
            ApiCall(
                "POST",
                "/v1/videos/recuts",
                json_decoder(types.Video),
                body={
                    "prompt": prompt,
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
                },
                files={
                    "video": "video_url",
                    "video.file": "",
                },
                idempotent=True,
                options=CallOptions(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    async def get(self, video: Video | str, *, hold: int | None = None, timeout: float | None = None) -> Video:
        """Get a video.

        Return a video. With `Prefer: wait=60`, wait until it is finished, for at most 60 seconds.

        Arguments:
            hold: Seconds for which the server may hold its response until the video is done.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return await self._client._send(
            ApiCall(
                "GET",
                build_path("/v1/videos/{}", resource_id(video)),
                json_decoder(types.Video),
                options=CallOptions(timeout=timeout, prefer=None if hold is None else f"wait={hold}"),
            )
        )

    async def delete(self, video: Video | str, *, timeout: float | None = None) -> Deleted:
        """Delete a video.

        Delete a video and its files. If it is still being generated, it is cancelled first.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        return await self._client._send(
            ApiCall(
                "DELETE",
                build_path("/v1/videos/{}", resource_id(video)),
                json_decoder(types.Deleted),
                options=CallOptions(timeout=timeout),
            )
        )

    async def cancel(
        self, video: Video | str, *, idempotency_key: str | None = None, timeout: float | None = None
    ) -> Video:
        """Cancel a video.

        Cancel a video and release its unused credits. A finished video stays as it is.

        Raises: Unauthorized, Forbidden, NotFound, Conflict, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return await self._client._send(
            ApiCall(
                "POST",
                build_path("/v1/videos/{}/cancel", resource_id(video)),
                json_decoder(types.Video),
                idempotent=True,
                options=CallOptions(idempotency_key=idempotency_key, timeout=timeout),
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

        Return the MP4, the poster, the thumbnail or the sprite sheet. Supports range and conditional requests.

        Arguments:
            variant: Rendition to download.

        Raises: Unauthorized, Forbidden, NotFound, Conflict, Expired, Invalid, RateLimited, ServerError,
            ConnectionFailed.
        """
        return await self._client._send(
            ApiCall(
                "GET",
                build_path("/v1/videos/{}/content", resource_id(video)),
                decode_bytes,
                query={
                    "variant": variant,
                },
                options=CallOptions(timeout=timeout),
            )
        )

    def watch(self, video: Video | str, *, last_event_id: str | None = None) -> AsyncGenerator[Video, None]:
        """Watch a video.

        Stream the video as server-sent events: its current state, then every change until it is finished.

        204 if `Last-Event-ID` is the last event there will ever be; that ends the reconnecting of an `EventSource`.

        Arguments:
            last_event_id: Id of the last event received; changes since then come first.

        Raises: Unauthorized, Forbidden, NotFound, RateLimited, ServerError, ConnectionFailed.
        """
        call = ApiCall(
            "GET",
            build_path("/v1/videos/{}/events", resource_id(video)),
            json_decoder(types.Video),
            options=CallOptions(last_event_id=last_event_id),
        )
        return self._client._iterate_flow(_events.watch_videos(self._client._config, call, until_done=True))

    async def preview(self, video: Video | str, image: str, *, timeout: float | None = None) -> bytes:
        """Get a preview image.

        Return a small preview image (JPEG) of the part that is being generated.

        `assets.preview` is the signed URL of the latest one. Previews are deleted when the video fails or is cancelled.

        Raises: Unauthorized, Forbidden, NotFound, Conflict, Expired, Invalid, RateLimited, ServerError,
            ConnectionFailed.
        """
        return await self._client._send(
            ApiCall(
                "GET",
                build_path("/v1/videos/{}/preview/{}", resource_id(video), resource_id(image)),
                decode_bytes,
                options=CallOptions(timeout=timeout),
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

        Generate a video again with another prompt. A `subtle` remix keeps most of the source, a `strong` one little.

        Arguments:
            prompt: Text description of the result. (up to 32,000 characters)
            negative_prompt: Text description of what to avoid. Refused where the model and quality work without
                guidance. (up to 8,000 characters)
            seed: Random seed. The same seed gives the same result; drawn at random if left out. (0 to
                4,294,967,295)
            n: Number of variations, each with its own seed. Default: `1`. (1 to 4)
            quality: `full`, or `turbo` for fewer denoising steps. Default: `full`.
            preset: Id of a style preset. (up to 100 characters)
            loras: LoRAs to apply. (up to 4)
            visibility: Who may see the result. Default: `private`.
            metadata: Data of the caller's own, returned unchanged with the video.
            strength: How much of the source may change. Default: `mild`.
            hold: Seconds for which the server may hold its response until the video is done.

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, Expired, TooLarge,
            Invalid, RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            await client.videos.remix(video, prompt="the same at night, in the rain", strength="mild")
        """
        return await self._client._send(
            ApiCall(
                "POST",
                build_path("/v1/videos/{}/remix", resource_id(video)),
                json_decoder(types.Video),
                body={
                    "prompt": prompt,
                    "negative_prompt": negative_prompt,
                    "seed": seed,
                    "n": n,
                    "quality": quality,
                    "preset": preset,
                    "loras": loras,
                    "visibility": visibility,
                    "metadata": metadata,
                    "strength": strength,
                },
                idempotent=True,
                options=CallOptions(
                    idempotency_key=idempotency_key, timeout=timeout, prefer=None if hold is None else f"wait={hold}"
                ),
            )
        )

    async def playlist(self, video: Video | str, *, timeout: float | None = None) -> str:
        """Stream a video.

        Return an HLS playlist that grows while the video is being generated.

        Players send no `Authorization` header: open the signed URL in `assets.stream`. Lines once listed never change.
        The playlist is not cacheable.

        Raises: Unauthorized, Forbidden, NotFound, Conflict, Expired, Invalid, RateLimited, ServerError,
            ConnectionFailed.
        """
        return await self._client._send(
            ApiCall(
                "GET",
                build_path("/v1/videos/{}/stream.m3u8", resource_id(video)),
                decode_text,
                options=CallOptions(timeout=timeout),
            )
        )

    async def stream_segment(self, video: Video | str, segment: str, *, timeout: float | None = None) -> bytes:
        """Get a segment of a stream.

        Return a media segment or the initialization segment of a stream, as named in the playlist.

        Raises: Unauthorized, Forbidden, NotFound, Conflict, Expired, Invalid, RateLimited, ServerError,
            ConnectionFailed.
        """
        return await self._client._send(
            ApiCall(
                "GET",
                build_path("/v1/videos/{}/stream/{}", resource_id(video), resource_id(segment)),
                decode_bytes,
                options=CallOptions(timeout=timeout),
            )
        )

    async def wait(
        self, video: Video | str, *, timeout: float | None = 600.0, on_progress: Callable[[Video], Any] | None = None
    ) -> Video:
        """Wait until a video is done and return it.

        Follows the video's event stream, and polls at the server's pace where no stream can be had.

        Arguments:
            timeout: Seconds to wait in all; None for no limit. The job goes on after a timeout.
            on_progress: Called with the video whenever it has changed; a coroutine is awaited.

        Raises: VideoFailed, VideoCancelled, WaitTimeout (each carries the video), NotFound, Unauthorized,
            ServerError, ConnectionFailed.

        Example:
            await client.videos.wait(video, timeout=600, on_progress=print)
        """
        flow = _wait.wait_for_video(self._client._config, video, timeout=timeout, on_progress=on_progress)
        return await self._client._run_flow(flow)

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
        storyboard: Sequence[StoryboardCard | Mapping[str, Any]] | None = None,
        loop: bool | None = None,
        resize: Literal["crop", "pad"] | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = 600.0,
        on_created: Callable[[Video], Any] | None = None,
        on_progress: Callable[[Video], Any] | None = None,
    ) -> Video:
        """Create a video and wait until it is done: `create`, then `wait`, with the arguments of both.

        `on_created` is called with the queued video before the wait, so that its id can be recorded.

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
            await self._client._run_flow(_events.notify(on_created, video))
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
        storyboard: Sequence[StoryboardCard | Mapping[str, Any]] | None = None,
        loop: bool | None = None,
        resize: Literal["crop", "pad"] | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = 600.0,
        on_created: Callable[[Video], Any] | None = None,
        on_progress: Callable[[Video], Any] | None = None,
    ) -> Video:
        """Create a video, wait until it is done, and save it: `create_and_wait`, then `download`.

        Example:
            await client.videos.generate_to_file("boat.mp4", prompt="a boat at sunset", seconds=4)
        """
        check_output(Path(file))
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

        A broken download resumes where it broke off, also by a later call in another process; the file appears once
        it is complete. A link is followed, a device or a pipe is written into, and a read-only file is refused.

        Arguments:
            on_progress: Called with the bytes received and the total, 0 where the server does not
                say; a coroutine is awaited.

        Raises: Conflict (not ready, or the job has failed), Expired, NotFound, ConnectionFailed, OSError.

        Example:
            await client.videos.download(video, "boat.mp4")
        """
        call = ApiCall(
            "GET",
            build_path("/v1/videos/{}/content", resource_id(video)),
            decode_bytes,
            query={
                "variant": variant,
            },
        )
        return await self._client._run_flow(download_file(self._client._config, call, Path(file), on_progress))
