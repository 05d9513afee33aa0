"""Estimates of the cost and duration of a create request. Stores and holds nothing."""

from __future__ import annotations

from math import ceil

from api.billing.ledger.credits import CreditLedger, SpendableCredits
from api.errors import InsufficientCredits
from api.schemas.video_requests import CreateRequest
from api.schemas.videos import Estimate, Refusal
from api.sql.callers import Caller
from api.sql.connection import Pool, transaction
from api.videos.create import VideoCreator
from api.videos.eta import RenderPace
from api.videos.quote import REFUSALS, Quote, to_refusal


class VideoEstimator:
    """Estimates what a creator would make."""

    def __init__(self, pool: Pool, creator: VideoCreator, credits: CreditLedger, pace: RenderPace) -> None:
        self._pool = pool
        self._creator = creator
        self._credits = credits
        self._pace = pace

    async def estimate(self, caller: Caller, request: CreateRequest) -> Estimate:
        """The estimate; problems that would refuse the create are part of it. Raises those of its references."""
        async with self._creator.resolve_references(request, caller.user_id) as references:
            try:
                quote = self._creator.quote(caller, request, references)
            except REFUSALS as problem:
                return Estimate(credits=None, relaxed=False, eta_seconds=None, refusals=[to_refusal(problem)])
        return await self._estimate_quote(caller.user_id, quote)

    async def _estimate_quote(self, user_id: str, quote: Quote) -> Estimate:
        async with transaction(self._pool) as db:
            spendable = await self._credits.lock_spendable(db, user_id)
        await self._pace.refresh_if_stale()
        relaxed, refusals = _check_funds(spendable, quote.price.total)
        return Estimate(
            credits=0 if relaxed else quote.price.total,
            relaxed=relaxed,
            eta_seconds=ceil(self._work_seconds(quote) * quote.request.n),
            refusals=refusals,
        )

    def _work_seconds(self, quote: Quote) -> float:
        request = quote.engine_request
        return self._pace.estimate_work(
            request.model, request.quality, quote.generated_seconds, request.width, request.height
        )


def _check_funds(spendable: SpendableCredits, total: int) -> tuple[bool, list[Refusal]]:
    """Whether the clip would be relaxed, and the refusal if it cannot be paid for."""
    try:
        return spendable.needs_relaxed_queue(total), []
    except InsufficientCredits as problem:
        return False, [to_refusal(problem)]
