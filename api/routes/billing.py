"""Routes of the credit balance, plans and purchases."""

from litestar import Response, Router, get, patch, post
from litestar.di import NamedDependency

from api.billing.ledger import overage
from api.billing.tariff import catalog
from api.http import body, idempotency
from api.http.authentication import requires_scope
from api.http.openapi.operations import body_operation, problem_responses
from api.http.pagination import After, Limit, Order, build_page, check_cursor
from api.http.requests import UserRequest
from api.http.state import AppState
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
from api.schemas.common import Page, unix_seconds
from api.sql.connection import transaction
from api.sql.ledger import ledger_entries
from api.sql.ledger.ledger_entries import EntryRow

READ, WRITE = requires_scope("account:read"), requires_scope("account:write")
NOTES: dict[Language, str] = {
    "en": "{taken} of {due} credits could be taken back; the others are spent, set aside or expired.",
    "fr": "{taken} crédits sur {due} ont pu être repris ; les autres sont dépensés, réservés ou expirés.",
}


@get(
    "/balance",
    operation_id="get_balance",
    summary="Get the balance",
    guards=[READ],
    responses=problem_responses(401, 403, 429, 503),
)
async def get_balance(request: UserRequest, app_state: NamedDependency[AppState]) -> Balance:
    """Return the credits available and held, in total and by bucket."""
    async with transaction(app_state.pool) as db:
        return await app_state.credits.balance(db, request.user.user_id)


@get(
    "/ledger",
    operation_id="list_ledger_entries",
    summary="List ledger entries",
    guards=[READ],
    responses=problem_responses(401, 403, 422, 429),
)
async def list_ledger_entries(
    request: UserRequest,
    app_state: NamedDependency[AppState],
    after: After = None,
    limit: Limit = 20,
    order: Order = "desc",
) -> Page[LedgerEntry]:
    """List all changes of the balance. The amounts of all entries sum to `available`."""
    user_id, begin = request.user.user_id, check_cursor(after, "entry")
    async with transaction(app_state.pool) as db:
        await app_state.credits.balance(db, user_id)
        rows = await ledger_entries.list_entries(db, user_id, begin, limit + 1, descending=order == "desc")
    return build_page([_entry_response(row, request.user.locale) for row in rows], limit)


@get(
    "/plans",
    operation_id="list_plans",
    summary="List plans",
    exclude_from_auth=True,
    responses=problem_responses(429),
)
async def list_plans(app_state: NamedDependency[AppState]) -> Plans:
    """List the plans on sale, with credit packs, overage and the price factors of videos.

    Subscribers keep the version of the plan they bought.
    """
    return catalog.plans_response(app_state.tariff)


@patch(
    "/overage",
    operation_id="change_overage",
    summary="Update overage",
    guards=[WRITE],
    responses=problem_responses(400, 401, 403, 409, 413, 415, 422, 429),
    operation_class=body_operation(OverageChange),
)
async def change_overage(request: UserRequest, app_state: NamedDependency[AppState]) -> Balance:
    """Allow or forbid overage: credits used beyond the balance, up to `cap` in a billing period.

    Overage is charged with the next invoice, so it needs a paid plan. Overage already used remains due and counts
    towards a new cap.
    """
    asked, user_id = await body.read_body(request, OverageChange), request.user.user_id
    async with transaction(app_state.pool) as db:
        if asked.enabled:
            await overage.allow_overage(db, user_id, asked.cap, app_state.tariff.overage)
        else:
            await overage.forbid_overage(db, user_id)
        return await app_state.credits.balance(db, user_id)


@post(
    "/checkout",
    operation_id="create_checkout",
    summary="Create a checkout for a plan",
    status_code=200,
    guards=[WRITE],
    responses=problem_responses(400, 401, 403, 404, 409, 413, 415, 422, 429, 503),
    operation_class=body_operation(CheckoutCreate, "Idempotency-Key"),
)
async def create_checkout(request: UserRequest, app_state: NamedDependency[AppState]) -> Response[Checkout]:
    """Create a Stripe Checkout page for a subscription. The plan is active shortly after the payment.

    While the page is open, the same request returns the same page. An existing subscription is changed with
    `POST /v1/billing/subscription/change` instead.
    """
    asked = await body.read_body(request, CheckoutCreate)
    return await idempotency.respond_once(
        request, app_state, asked, lambda: app_state.purchases.open_subscription_checkout(request.user.user_id, asked)
    )


@post(
    "/packs/checkout",
    operation_id="create_pack_checkout",
    summary="Create a checkout for a credit pack",
    status_code=200,
    guards=[WRITE],
    responses=problem_responses(400, 401, 403, 404, 409, 413, 415, 422, 429, 503),
    operation_class=body_operation(PackCheckoutCreate, "Idempotency-Key"),
)
async def create_pack_checkout(request: UserRequest, app_state: NamedDependency[AppState]) -> Response[Checkout]:
    """Create a Stripe Checkout page for credit packs. While it is open, the same request returns the same page."""
    asked = await body.read_body(request, PackCheckoutCreate)
    return await idempotency.respond_once(
        request, app_state, asked, lambda: app_state.purchases.open_pack_checkout(request.user.user_id, asked)
    )


@post(
    "/portal",
    operation_id="create_portal",
    summary="Create a customer portal session",
    status_code=200,
    guards=[WRITE],
    responses=problem_responses(400, 401, 403, 404, 413, 415, 422, 429, 503),
    operation_class=body_operation(PortalCreate, "Idempotency-Key"),
)
async def create_portal(request: UserRequest, app_state: NamedDependency[AppState]) -> Response[Portal]:
    """Create a Stripe customer portal session for invoices, cards and cancellation.

    The URL grants access to the portal, so it is not stored: a repeated request creates a new session, even with the
    same `Idempotency-Key`.
    """
    asked = await body.read_body(request, PortalCreate)
    return await idempotency.respond_anew(
        request, app_state, asked, lambda: app_state.purchases.open_portal(request.user.user_id, asked)
    )


@get(
    "/subscription",
    operation_id="get_subscription",
    summary="Get the subscription",
    guards=[READ],
    responses=problem_responses(401, 403, 429, 503),
)
async def get_subscription(request: UserRequest, app_state: NamedDependency[AppState]) -> Subscription:
    """Return the subscription. Without one, every field but `plan` is null."""
    return await app_state.changes.get_subscription(request.user.user_id)


@post(
    "/subscription/preview",
    operation_id="preview_subscription_change",
    summary="Preview a change of plan",
    status_code=200,
    guards=[WRITE],
    responses=problem_responses(400, 401, 402, 403, 404, 409, 413, 415, 422, 429, 503),
    operation_class=body_operation(SubscriptionPreviewCreate, "Idempotency-Key"),
)
async def preview_subscription_change(
    request: UserRequest, app_state: NamedDependency[AppState]
) -> Response[SubscriptionPreview]:
    """Calculate what a change of plan would cost and when it would take effect.

    For one hour, a change sent with the `proration_date` of the preview costs exactly the amount shown.
    """
    asked = await body.read_body(request, SubscriptionPreviewCreate)
    return await idempotency.respond_once(
        request, app_state, asked, lambda: app_state.changes.preview_change(request.user.user_id, asked.plan)
    )


@post(
    "/subscription/change",
    operation_id="change_subscription",
    summary="Change the plan",
    status_code=200,
    guards=[WRITE],
    responses=problem_responses(400, 401, 402, 403, 404, 409, 413, 415, 422, 429, 503),
    operation_class=body_operation(SubscriptionChange, "Idempotency-Key"),
)
async def change_subscription(request: UserRequest, app_state: NamedDependency[AppState]) -> Response[Subscription]:
    """Change the plan. An upgrade takes effect now, prorated; a downgrade, also to `free`, at the end of the period.

    Sending the current plan cancels a scheduled change. If the payment fails, nothing changes and the problem says how
    to proceed. Credits are granted once the change is paid.
    """
    asked = await body.read_body(request, SubscriptionChange)
    return await idempotency.respond_once(
        request, app_state, asked, lambda: app_state.changes.change_plan(request.user.user_id, asked)
    )


def _entry_response(row: EntryRow, locale: str) -> LedgerEntry:
    return LedgerEntry(
        id=row.id,
        created_at=unix_seconds(row.created_at),
        kind=row.kind,
        bucket=row.bucket,
        amount=row.amount,
        video_id=row.video_id,
        invoice=row.invoice,
        note=_clawback_note(row, "fr" if locale == "fr" else "en"),
    )


def _clawback_note(row: EntryRow, locale: Language) -> str | None:
    """Note on the part of a refund or dispute that the balance could not cover."""
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
