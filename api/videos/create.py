"""The steps of a create: replay, resolve references, quote, submit. Each stands in the module of its name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec

from api.billing.tariff.tariff import Tariff
from api.idempotency import RequestIdentity
from api.schemas.video_requests import CreateRequest
from api.settings import Settings
from api.sql.callers import Caller
from api.sql.generations import Generation
from api.sql.idempotency import StoredAnswer
from api.videos.presets import PresetLibrary
from api.videos.quote import PricingTerms, Quote, build_quote
from api.videos.references import ReferenceResolver
from api.videos.serializers import VideoSerializer, poll_headers
from api.videos.spec import SourceVideo, list_source_references
from api.videos.styles import Style
from api.videos.submission import Submission, VideoSubmissions


class ResolvedReferences(NamedTuple):
    """What a body names by id."""

    sources: list[SourceVideo]
    style: Style


class VideoCreator:
    """Takes a parsed request body through the steps."""

    def __init__(
        self,
        settings: Settings,
        tariff: Tariff,
        references: ReferenceResolver,
        presets: PresetLibrary,
        submissions: VideoSubmissions,
        serializer: VideoSerializer,
    ) -> None:
        self._settings = settings
        self._tariff = tariff
        self._references = references
        self._presets = presets
        self._submissions = submissions
        self._serializer = serializer

    async def create(self, caller: Caller, request: CreateRequest, identity: RequestIdentity) -> StoredAnswer:
        """Queue the videos, or repeat the answer that the request had the first time. Raises every kind of problem."""
        if earlier := await self._submissions.find_answer(identity):
            return earlier  # before anything else: what the video was made from may be gone by now
        await self._serializer.pace.refresh_if_stale()
        async with self.resolve_references(request, caller.user_id) as references:
            quote = self.quote(caller, request, references)
            submission = Submission(identity, quote, await self._read_images(quote, caller.user_id))
            return await self._submissions.submit(submission, lambda row: self._to_answer(row, identity.fingerprint))

    @asynccontextmanager
    async def resolve_references(self, request: CreateRequest, user_id: str) -> AsyncIterator[ResolvedReferences]:
        """The source videos and the style that a body names. The videos can be read inside the block."""
        async with self._references.open_sources(list_source_references(request), user_id) as sources:
            yield ResolvedReferences(sources, await self._presets.resolve_style(request.preset, user_id))

    def quote(self, caller: Caller, request: CreateRequest, references: ResolvedReferences) -> Quote:
        """The quote for a body on the caller's plan. Raises Invalid and PlanLimit."""
        terms = PricingTerms(self._tariff.find_plan(caller.plan, caller.plan_version), self._tariff.prices)
        return build_quote(request, terms, self._settings, references.sources, references.style)

    async def _read_images(self, quote: Quote, user_id: str) -> list[bytes]:
        images = quote.spec.images
        return [await self._references.read_image(image.reference, user_id, image.field) for image in images]

    def _to_answer(self, row: Generation, fingerprint: bytes) -> StoredAnswer:
        """The reply to a create, as it is sent and as it is kept for replay."""
        video = self._serializer.to_video(row)
        headers = {"Location": f"/v1/videos/{row.id}", **poll_headers(video)}
        return StoredAnswer(fingerprint=fingerprint, status=200, headers=headers, body=msgspec.json.encode(video))
