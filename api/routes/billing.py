"""What a person has to spend, where it went, and what can be bought."""

from litestar import Response, Router, get, patch, post
from litestar.di import NamedDependency

from api.billing.ledger import overage
from api.billing.tariff import catalog
from api.http import body, idempotency
from api.http.authentication import requires
from api.http.openapi.operations import bodies, problems
from api.http.pagination import After, Limit, Order, cursor, page
from api.http.requests import UserRequest
from api.http.state import Parts
from api.schemas.accounts import Language
from api.schemas.billing import (
    Balance,
    Checkout,
    CheckoutCreate,
    LedgerEntry,
    OverageChange,
    PackCheckoutCreate,
    Plans,
    Portal,
    PortalCreate,
    Subscription,
    SubscriptionChange,
    SubscriptionPreview,
    SubscriptionPreviewCreate,
)
from api.schemas.common import Page
from api.sql import ledger_entries
from api.sql.connection import transaction
from api.sql.ledger_entries import EntryRow

READ, WRITE = requires("account:read"), requires("account:write")
NOTES: dict[Language, str] = {
    "en": "{taken} of {due} credits could be taken back; the others are spent, set aside or expired.",
    "fr": "{taken} crédits sur {due} ont pu être repris ; les autres sont dépensés, réservés ou expirés.",
}


@get(
    "/balance",
    operation_id="get_balance",
    summary="Get the balance",
    guards=[READ],
    responses=problems(401, 403, 429, 503),
)
async def get_balance(request: UserRequest, parts: NamedDependency[Parts]) -> Balance:
    """Whole credits: what a new video may take now, what is set aside, and in which buckets it lies."""
    async with transaction(parts.pool) as db:
        return await parts.credits.balance(db, request.user.user_id)


@get(
    "/ledger",
    operation_id="list_ledger_entries",
    summary="List ledger entries",
    guards=[READ],
    responses=problems(401, 403, 422, 429),
)
async def list_ledger_entries(
    request: UserRequest,
    parts: NamedDependency[Parts],
    after: After = None,
    limit: Limit = 20,
    order: Order = "desc",
) -> Page[LedgerEntry]:
    """Every movement of credits, as the balance feels it. The amounts of all pages sum to `available`."""
    user_id, begin = request.user.user_id, cursor(after, "entry")
    async with transaction(parts.pool) as db:
        await parts.credits.balance(db, user_id)
        rows = await ledger_entries.list_entries(db, user_id, begin, limit + 1, descending=order == "desc")
    return page([_shown(row, request.user.locale) for row in rows], limit)


@get(
    "/plans",
    operation_id="list_plans",
    summary="List plans",
    exclude_from_auth=True,
    responses=problems(429),
)
async def list_plans(parts: NamedDependency[Parts]) -> Plans:
    """What is sold: plans with their limits, packs of credits, overage, and how the price of a video comes about.

    Whoever has bought an earlier version of a plan keeps it.
    """
    return catalog.shown(parts.tariff)


@patch(
    "/overage",
    operation_id="change_overage",
    summary="Change overage",
    guards=[WRITE],
    responses=problems(400, 401, 403, 409, 413, 415, 422, 429),
    operation_class=bodies(OverageChange),
)
async def change_overage(request: UserRequest, parts: NamedDependency[Parts]) -> Balance:
    """Allow credits to be used above what is there, up to `cap` in a period, or allow it no more.

    They are paid with the next invoice of a plan, so it takes a plan that is paid for. What is used already stays to
    be paid, and counts towards a new cap.
    """
    asked, user_id = await body.read(request, OverageChange), request.user.user_id
    async with transaction(parts.pool) as db:
        if asked.enabled:
            await overage.allow_overage(db, user_id, asked.cap, parts.tariff.overage)
        else:
            await overage.forbid_overage(db, user_id)
        return await parts.credits.balance(db, user_id)


@post(
    "/checkout",
    operation_id="create_checkout",
    summary="Open a checkout for a plan",
    status_code=200,
    guards=[WRITE],
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503),
    operation_class=bodies(CheckoutCreate, "Idempotency-Key"),
)
async def create_checkout(request: UserRequest, parts: NamedDependency[Parts]) -> Response[Checkout]:
    """A page to subscribe at, to be opened in a browser. The plan is there a moment after it has been paid.

    Asking again gives the same page while it is open. Whoever has a subscription changes that one instead.
    """
    asked = await body.read(request, CheckoutCreate)
    return await idempotency.once(request, parts, asked, lambda: parts.purchases.subscribe(request.user.user_id, asked))


@post(
    "/packs/checkout",
    operation_id="create_pack_checkout",
    summary="Open a checkout for a pack of credits",
    status_code=200,
    guards=[WRITE],
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503),
    operation_class=bodies(PackCheckoutCreate, "Idempotency-Key"),
)
async def create_pack_checkout(request: UserRequest, parts: NamedDependency[Parts]) -> Response[Checkout]:
    """A page to buy credits at, which never expire. Asking again gives the same page while it is open."""
    asked = await body.read(request, PackCheckoutCreate)
    return await idempotency.once(request, parts, asked, lambda: parts.purchases.buy(request.user.user_id, asked))


@post(
    "/portal",
    operation_id="create_portal",
    summary="Open the portal",
    status_code=200,
    guards=[WRITE],
    responses=problems(400, 401, 403, 404, 413, 415, 422, 429, 503),
    operation_class=bodies(PortalCreate, "Idempotency-Key"),
)
async def create_portal(request: UserRequest, parts: NamedDependency[Parts]) -> Response[Portal]:
    """A page to see bills, enter another card, or cancel, to be opened in a browser at once.

    Whoever has its address is let in, so it is not kept: the same key opens another page.
    """
    asked = await body.read(request, PortalCreate)
    return await idempotency.anew(request, parts, asked, lambda: parts.purchases.portal(request.user.user_id, asked))


@get(
    "/subscription",
    operation_id="get_subscription",
    summary="Get the subscription",
    guards=[READ],
    responses=problems(401, 403, 429, 503),
)
async def get_subscription(request: UserRequest, parts: NamedDependency[Parts]) -> Subscription:
    """The plan, until when it is paid, and what comes then. Without a subscription only the plan is there."""
    return await parts.changes.shown(request.user.user_id)


@post(
    "/subscription/preview",
    operation_id="preview_subscription_change",
    summary="Preview a change of plan",
    status_code=200,
    guards=[WRITE],
    responses=problems(400, 401, 402, 403, 404, 409, 413, 415, 422, 429, 503),
    operation_class=bodies(SubscriptionPreviewCreate, "Idempotency-Key"),
)
async def preview_subscription_change(
    request: UserRequest, parts: NamedDependency[Parts]
) -> Response[SubscriptionPreview]:
    """What a change of plan would cost at once and bring, and when. Sending its `proration_date` with the change makes
    it cost exactly that, for an hour.
    """
    asked = await body.read(request, SubscriptionPreviewCreate)
    return await idempotency.once(
        request, parts, asked, lambda: parts.changes.preview(request.user.user_id, asked.plan)
    )


@post(
    "/subscription/change",
    operation_id="change_subscription",
    summary="Change the plan",
    status_code=200,
    guards=[WRITE],
    responses=problems(400, 401, 402, 403, 404, 409, 413, 415, 422, 429, 503),
    operation_class=bodies(SubscriptionChange, "Idempotency-Key"),
)
async def change_subscription(request: UserRequest, parts: NamedDependency[Parts]) -> Response[Subscription]:
    """Change the plan: to a dearer one now, for the rest of the period; to a cheaper one, or to `free`, when the period
    ends. Naming the present plan takes back what was to come.

    A payment that fails changes nothing, and the answer says what to do. Credits come once a change is paid.
    """
    asked = await body.read(request, SubscriptionChange)
    return await idempotency.once(request, parts, asked, lambda: parts.changes.change(request.user.user_id, asked))


def _shown(row: EntryRow, locale: str) -> LedgerEntry:
    return LedgerEntry(
        id=row.id,
        created_at=int(row.created_at.timestamp()),
        kind=row.kind,
        bucket=row.bucket,
        amount=row.amount,
        video_id=row.video_id,
        invoice=row.invoice,
        note=_note(row, "fr" if locale == "fr" else "en"),
    )


def _note(row: EntryRow, locale: Language) -> str | None:
    """What a refund or a dispute could not take so far."""
    if row.due is None or row.taken == row.due:
        return None
    return NOTES[locale].format(taken=row.taken, due=row.due)


router = Router(
    path="/billing",
    route_handlers=[
        get_balance,
        list_ledger_entries,
        list_plans,
        change_overage,
        create_checkout,
        create_pack_checkout,
        create_portal,
        get_subscription,
        preview_subscription_change,
        change_subscription,
    ],
    tags=["Billing"],
)
