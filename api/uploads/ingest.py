"""Images and videos from users, decoded and re-encoded in a sandboxed process each (`engine.media.ingest`).

URLs are never fetched. The result is a file of our own making; prices and limits go by the size and length that the
process reports. Uploads that precede their request are kept in `api.uploads.store`.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGXCPU
from typing import Literal, NamedTuple

import msgspec
import structlog
from msgspec import Struct

from api import ids
from api.errors import Invalid, PayloadTooLarge, Unavailable
from api.schemas.video_requests import ImageReference, VideoReference
from api.settings import Settings
from api.uploads.data_url import decode_data_url
from api.uploads.refusals import Refusal, image_problem, video_problem
from engine.catalog import registry
from engine.catalog.file_signatures import STILL_FORMATS, detect_format

log = structlog.get_logger()

MAX_PROCESSES = 2  # each may take a core and a gigabyte for some seconds
MAX_WAITING = 20  # files queued or being read; each is held in memory
INGEST_TIMEOUT = 180.0  # seconds for one file; the process limits its own CPU time to less
Kind = Literal["image", "video"]

UNKNOWN_TYPES = ("", "application/octet-stream")


class IngestResult(Struct, frozen=True):
    """What the process wrote."""

    width: int
    height: int
    seconds: float = 0.0


class IngestedFile(NamedTuple):
    """A re-encoded file in a working folder. `seconds` is 0 for an image."""

    file: Path
    width: int
    height: int
    seconds: float


class MediaIngester:
    """Ingests files for one web process, a few at a time."""

    def __init__(self, settings: Settings) -> None:
        self._work = settings.data / "work"
        self._max_bytes = settings.max_upload
        self._max_seconds = max((registry.find_model(name).max_seconds for name in settings.video_models), default=0.0)
        self._stills_only = "" if settings.video_models else ", ".join(settings.models)
        self._process_slots = asyncio.Semaphore(MAX_PROCESSES)
        self._waiting = 0

    @asynccontextmanager
    async def work_folder(self) -> AsyncIterator[Path]:
        """A folder for the time of a request. The sweeper removes one that a crash leaves behind."""
        folder = self._work / ids.new_id("upload")
        await asyncio.to_thread(folder.mkdir, parents=True)
        try:
            yield folder
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def ingest_image(self, reference: ImageReference, field: str, url_field: str) -> bytes:
        """The image as a PNG without metadata. Raises problems that name the field, or that of its URL."""
        content = reference.file
        if content is None:
            content = await asyncio.to_thread(_read_data_url, reference.image_url or "", "image", url_field)
        async with self.work_folder() as folder:
            ingested = await self._ingest_bytes("image", content, folder, field)
            return await asyncio.to_thread(ingested.file.read_bytes)

    async def ingest_video(self, reference: VideoReference, folder: Path, field: str, url_field: str) -> IngestedFile:
        """The re-encoded video, in `folder`. Raises problems that name the field, or that of its URL."""
        self._refuse_videos(field)
        content = reference.file
        if content is None:
            content = await asyncio.to_thread(_read_data_url, reference.video_url or "", "video", url_field)
        return await self._ingest_bytes("video", content, folder, field)

    def _refuse_videos(self, field: str) -> None:
        if self._stills_only:
            detail = f"No model here makes videos; {self._stills_only} makes images only."
            raise Invalid(detail, param=field)

    async def _ingest_bytes(self, kind: Kind, content: bytes, folder: Path, field: str) -> IngestedFile:
        self.check_size(len(content), kind, field)
        self._refuse_when_busy()
        source = folder / ids.new_id(kind)
        await asyncio.to_thread(source.write_bytes, content)
        return await self.ingest_file(kind, source, folder, field)

    def check_size(self, size: int, noun: str, field: str) -> None:
        """Raise PayloadTooLarge, calling the file `noun`."""
        if size > self._max_bytes:
            detail = f"The {noun} may have at most {self._max_bytes} bytes; this one has {size}."
            raise PayloadTooLarge(detail, param=field)

    def _refuse_when_busy(self) -> None:
        if self._waiting >= MAX_WAITING:
            raise Unavailable("Too many files are being read at this moment.", headers={"Retry-After": "5"})

    async def ingest_file(self, kind: Kind, source: Path, folder: Path, field: str) -> IngestedFile:
        """Re-encode a file into `folder`. Raises problems that name the field."""
        if kind == "video":
            self._refuse_videos(field)
        self._refuse_when_busy()
        target = folder / f"{ids.new_id(kind)}.read"
        self._waiting += 1
        try:
            async with self._process_slots:
                result = await self._run_process(kind, source, target)
        finally:
            self._waiting -= 1
        if isinstance(result, Refusal):
            raise (image_problem if kind == "image" else video_problem)(result, field)
        return IngestedFile(target, result.width, result.height, result.seconds)

    async def _run_process(self, kind: Kind, source: Path, target: Path) -> IngestResult | Refusal:
        """Run the process with an empty environment. One that crashes was given a file that it cannot read."""
        argv = ["-I", "-m", "engine.media.ingest", kind, str(source), str(target), "--seconds", str(self._max_seconds)]
        child = await asyncio.create_subprocess_exec(
            sys.executable, *argv, env={}, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
        try:
            async with asyncio.timeout(INGEST_TIMEOUT):
                stdout, stderr = await child.communicate()
        except TimeoutError:
            return Refusal("slow")
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode:
            log.warning("media_reader_failed", media_kind=kind, exit_code=child.returncode, error=_error_class(stderr))
            return Refusal("slow" if child.returncode == -SIGXCPU else "damaged")
        return _parse_result(stdout)


def _parse_result(stdout: bytes) -> IngestResult | Refusal:
    """The line of JSON that the process prints."""
    answer = msgspec.json.decode(stdout)
    return msgspec.convert(answer, Refusal) if "refused" in answer else msgspec.convert(answer, IngestResult)


def _read_data_url(url: str, family: Kind, field: str) -> bytes:
    """The bytes of a `data:` URL. The type it names is checked only where it contradicts: the content tells."""
    try:
        data = decode_data_url(url)
    except ValueError as error:
        raise Invalid("The data: URL is not valid base64.", param=field) from error
    if data is None:
        detail = f"It takes a data: URL (data:{family}/…;base64,…); other addresses are not fetched."
        raise Invalid(detail, param=field)
    if data.media_type not in UNKNOWN_TYPES and not data.media_type.startswith(f"{family}/"):
        detail = f"It takes a data: URL of type {family}/…, and this one is {data.media_type[:80]}."
        raise Invalid(detail, param=field)
    return data.content


def _error_class(stderr: bytes) -> str | None:
    """The class of the exception that a traceback ends with; never its message, which may quote the file."""
    match = re.search(rb"^([A-Za-z_][\w.]*)(?::.*)?\s*\Z", stderr, re.MULTILINE)
    return match[1].decode() if match else None


def detect_kind(beginning: bytes) -> Kind:
    """The kind of a file by its first bytes; whatever is no image is tried as a video."""
    return "image" if detect_format(beginning) in STILL_FORMATS else "video"
