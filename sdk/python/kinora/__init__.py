"""Python client of a Kinora server, which makes videos from prompts.

    from kinora import Kinora

    client = Kinora()
    video = client.videos.create(prompt="a boat at sunset", seconds=10, loop=True)
    video = client.videos.wait(video, timeout=600, on_progress=print)
    client.videos.download(video, "boat.mp4")

Importing the package is cheap: its modules are imported when their names are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kinora import types as types
    from kinora._client import AsyncKinora as AsyncKinora
    from kinora._client import Kinora as Kinora
    from kinora._errors import APIError as APIError
    from kinora._errors import BadRequest as BadRequest
    from kinora._errors import Conflict as Conflict
    from kinora._errors import ConnectionFailed as ConnectionFailed
    from kinora._errors import Expired as Expired
    from kinora._errors import Forbidden as Forbidden
    from kinora._errors import InsufficientCredits as InsufficientCredits
    from kinora._errors import Invalid as Invalid
    from kinora._errors import KinoraError as KinoraError
    from kinora._errors import NotFound as NotFound
    from kinora._errors import RateLimited as RateLimited
    from kinora._errors import ServerError as ServerError
    from kinora._errors import TimedOut as TimedOut
    from kinora._errors import TooLarge as TooLarge
    from kinora._errors import Unauthorized as Unauthorized
    from kinora._errors import Unavailable as Unavailable
    from kinora._errors import UnreadableAnswer as UnreadableAnswer
    from kinora._errors import UploadRefused as UploadRefused
    from kinora._errors import VideoCancelled as VideoCancelled
    from kinora._errors import VideoFailed as VideoFailed
    from kinora._errors import WaitTimeout as WaitTimeout
    from kinora._errors import WebhookError as WebhookError
    from kinora._storyboard import Storyboard as Storyboard
    from kinora._webhooks import WebhookEvent as WebhookEvent
    from kinora._webhooks import verify_webhook as verify_webhook

    __version__: str

_MODULES = {
    "AsyncKinora": "_client",
    "Kinora": "_client",
    "Storyboard": "_storyboard",
    "WebhookEvent": "_webhooks",
    "verify_webhook": "_webhooks",
    **dict.fromkeys(
        (
            "APIError",
            "BadRequest",
            "Conflict",
            "ConnectionFailed",
            "Expired",
            "Forbidden",
            "InsufficientCredits",
            "Invalid",
            "KinoraError",
            "NotFound",
            "RateLimited",
            "ServerError",
            "TimedOut",
            "TooLarge",
            "Unauthorized",
            "Unavailable",
            "UnreadableAnswer",
            "UploadRefused",
            "VideoCancelled",
            "VideoFailed",
            "WaitTimeout",
            "WebhookError",
        ),
        "_errors",
    ),
    "__version__": "_version",
}

__all__ = sorted(name for name in _MODULES if not name.startswith("_"))  # noqa: PLE0605 - sorted makes a list


if not TYPE_CHECKING:  # a type checker that saw it would accept every misspelt name

    def __getattr__(name: str) -> Any:
        """Import the module of a public name when the name is first used."""
        if name == "types":
            return import_module("kinora.types")
        module_name = _MODULES.get(name)
        if module_name is None:
            raise AttributeError(f"module 'kinora' has no attribute {name!r}")
        module = import_module(f"kinora.{module_name}")
        value = getattr(module, "VERSION" if name == "__version__" else name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return [*__all__, "types"]
