"""What a person has to spend, and where it went."""

from litestar import Request, Router, get
from litestar.datastructures import State
from litestar.di import NamedDependency

from api.auth import Caller, requires
from api.billing import credits
from api.db import transaction
from api.models import Balance, LedgerEntry, Page, Plan
from api.openapi import problems
from api.pages import After, Limit, Order, cursor, page
from api.parts import Parts
from api.sql import ledger
from api.sql.ledger import Entry

SHOWN = ("monthly_credits", "max_short_side", "max_seconds", "concurrency", "retention_days")


@get("/balance", operation_id="get_balance", summary="Get the balance", responses=problems(401, 403, 429, 503))
async def get_balance(request: Request[Caller, str, State], parts: NamedDependency[Parts]) -> Balance:
    """Whole credits: what a new video may take now, what is set aside, and in which buckets it lies."""
    async with transaction(parts.pool) as db:
        return await parts.credits.balance(db, credits.account_of(request.user))


@get(
    "/ledger", operation_id="list_ledger_entries", summary="List ledger entries", responses=problems(401, 403, 422, 429)
)
async def list_ledger_entries(
    request: Request[Caller, str, State],
    parts: NamedDependency[Parts],
    after: After = None,
    limit: Limit = 20,
    order: Order = "desc",
) -> Page[LedgerEntry]:
    """Every movement of credits, as the balance feels it. The amounts of all pages sum to `available`."""
    user_id, begin = request.user.user_id, cursor(after, "entry")
    async with transaction(parts.pool) as db:
        await parts.credits.balance(db, credits.account_of(request.user))
        rows = await ledger.entries(db, user_id, begin, limit + 1, descending=order == "desc")
    return page([_shown(row) for row in rows], limit)


@get(
    "/plans",
    operation_id="list_plans",
    summary="List plans",
    exclude_from_auth=True,
    responses=problems(429),
)
async def list_plans(parts: NamedDependency[Parts]) -> Page[Plan]:
    """What each plan allows. Sizes are limited by the picture's short side, in pixels."""
    data = [Plan(id=plan.name, **{name: getattr(plan, name) for name in SHOWN}) for plan in parts.tariff.offered()]
    return Page(data=data, first_id=data[0].id, last_id=data[-1].id, has_more=False)


def _shown(row: Entry) -> LedgerEntry:
    return LedgerEntry(
        id=row.id,
        created_at=int(row.created_at.timestamp()),
        kind=row.kind,
        bucket=row.bucket,
        amount=row.amount,
        video_id=row.video_id,
    )


router = Router(
    path="/billing",
    route_handlers=[get_balance, list_ledger_entries, list_plans],
    tags=["Billing"],
    guards=[requires("account:read")],
)
