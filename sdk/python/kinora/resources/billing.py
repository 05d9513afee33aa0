"""Credits, plans and purchases. Generated from openapi.json by `make sdk`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from kinora import types
from kinora._decoding import json_decoder
from kinora._request import ApiCall, CallOptions

if TYPE_CHECKING:
    from kinora._client import AsyncKinora, Kinora
    from kinora._pages import AsyncPages, Pages
    from kinora.types import (
        Balance,
        Checkout,
        LedgerEntry,
        Plans,
        Portal,
        Subscription,
        SubscriptionPreview,
    )


class BillingAPI:
    """Credits, plans and purchases."""

    def __init__(self, client: Any) -> None:
        self._client: Kinora = client

    def balance(self, *, timeout: float | None = None) -> Balance:
        """Get the balance.

        Return the credits available and held, in total and by bucket.

        Raises: Unauthorized, Forbidden, RateLimited, Unavailable, ServerError, ConnectionFailed.
        """
        return self._client._send(
            ApiCall("GET", "/v1/billing/balance", json_decoder(types.Balance), options=CallOptions(timeout=timeout))
        )

    def create_checkout(
        self,
        *,
        plan: str,
        success_url: str,
        cancel_url: str | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Checkout:
        """Create a checkout for a plan.

        Create a Stripe Checkout page for a subscription. The plan is active shortly after the payment.

        While the page is open, the same request returns the same page. An existing subscription is changed with `POST
        /v1/billing/subscription/change` instead.

        Arguments:
            plan: Id of the plan. (up to 32 characters)
            success_url: URL to return to after the payment. (up to 2,000 characters)
            cancel_url: URL to return to if the payment is abandoned; `success_url` if left out. (up to 2,000
                characters)

        Raises: BadRequest, Unauthorized, Forbidden, NotFound, Conflict, TooLarge, Invalid, RateLimited,
            Unavailable, ServerError, ConnectionFailed.

        Example:
            client.billing.create_checkout(plan="plus", success_url="https://example.org/paid")
        """
        return self._client._send(
            ApiCall(
                "POST",
                "/v1/billing/checkout",
                json_decoder(types.Checkout),
                body={
                    "plan": plan,
                    "success_url": success_url,
                    "cancel_url": cancel_url,
                },
                idempotent=True,
                options=CallOptions(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    def ledger(
        self,
        *,
        after: str | None = None,
        limit: int | None = None,
        order: Literal["asc", "desc"] | None = None,
        timeout: float | None = None,
    ) -> Pages[LedgerEntry]:
        """List ledger entries.

        List all changes of the balance. The amounts of all entries sum to `available`.

        Arguments:
            after: Id after which the page starts.
            limit: Largest number of items.
            order: Sort order by creation: `asc` is oldest first, `desc` newest first.

        Raises: Unauthorized, Forbidden, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._list_pages(
            ApiCall(
                "GET",
                "/v1/billing/ledger",
                json_decoder(types.LedgerEntryPage),
                query={
                    "after": after,
                    "limit": limit,
                    "order": order,
                },
                options=CallOptions(timeout=timeout),
            )
        )

    def change_overage(self, *, enabled: bool, cap: int | None = None, timeout: float | None = None) -> Balance:
        """Update overage.

        Allow or forbid overage: credits used beyond the balance, up to `cap` in a billing period.

        Overage is charged with the next invoice, so it needs a paid plan. Overage already used remains due and counts
        towards a new cap.

        Arguments:
            enabled: Whether overage is allowed.
            cap: Most credits of overage in a billing period; the `default_cap` if left out. (at least 1)

        Raises: BadRequest, Unauthorized, Forbidden, Conflict, TooLarge, Invalid, RateLimited, ServerError,
            ConnectionFailed.

        Example:
            client.billing.change_overage(enabled=True, cap=1000)
        """
        return self._client._send(
            ApiCall(
                "PATCH",
                "/v1/billing/overage",
                json_decoder(types.Balance),
                body={
                    "enabled": enabled,
                    "cap": cap,
                },
                options=CallOptions(timeout=timeout),
            )
        )

    def create_pack_checkout(
        self,
        *,
        pack: str,
        success_url: str,
        quantity: int | None = None,
        cancel_url: str | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Checkout:
        """Create a checkout for a credit pack.

        Create a Stripe Checkout page for credit packs. While it is open, the same request returns the same page.

        Arguments:
            pack: Id of the pack. (up to 32 characters)
            success_url: URL to return to after the payment. (up to 2,000 characters)
            quantity: Number of packs. Default: `1`. (1 to 10)
            cancel_url: URL to return to if the payment is abandoned; `success_url` if left out. (up to 2,000
                characters)

        Raises: BadRequest, Unauthorized, Forbidden, NotFound, Conflict, TooLarge, Invalid, RateLimited,
            Unavailable, ServerError, ConnectionFailed.

        Example:
            client.billing.create_pack_checkout(
                pack="small",
                quantity=2,
                success_url="https://example.org/paid",
            )
        """
        return self._client._send(
            ApiCall(
                "POST",
                "/v1/billing/packs/checkout",
                json_decoder(types.Checkout),
                body={
                    "pack": pack,
                    "quantity": quantity,
                    "success_url": success_url,
                    "cancel_url": cancel_url,
                },
                idempotent=True,
                options=CallOptions(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    def plans(self, *, timeout: float | None = None) -> Plans:
        """List plans.

        List the plans on sale, with credit packs, overage and the price factors of videos.

        Subscribers keep the version of the plan they bought.

        Raises: RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._send(
            ApiCall(
                "GET", "/v1/billing/plans", json_decoder(types.Plans), public=True, options=CallOptions(timeout=timeout)
            )
        )

    def create_portal(
        self, *, return_url: str | None = None, idempotency_key: str | None = None, timeout: float | None = None
    ) -> Portal:
        """Create a customer portal session.

        Create a Stripe customer portal session for invoices, cards and cancellation.

        The URL grants access to the portal, so it is not stored: a repeated request creates a new session, even with
        the same `Idempotency-Key`.

        Arguments:
            return_url: URL the portal links back to. (up to 2,000 characters)

        Raises: BadRequest, Unauthorized, Forbidden, NotFound, TooLarge, Invalid, RateLimited, Unavailable,
            ServerError, ConnectionFailed.

        Example:
            client.billing.create_portal(return_url="https://example.org/account")
        """
        return self._client._send(
            ApiCall(
                "POST",
                "/v1/billing/portal",
                json_decoder(types.Portal),
                body={
                    "return_url": return_url,
                },
                idempotent=True,
                options=CallOptions(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    def subscription(self, *, timeout: float | None = None) -> Subscription:
        """Get the subscription.

        Return the subscription. Without one, every field but `plan` is null.

        Raises: Unauthorized, Forbidden, RateLimited, Unavailable, ServerError, ConnectionFailed.
        """
        return self._client._send(
            ApiCall(
                "GET",
                "/v1/billing/subscription",
                json_decoder(types.Subscription),
                options=CallOptions(timeout=timeout),
            )
        )

    def change_subscription(
        self,
        *,
        plan: str,
        proration_date: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Subscription:
        """Change the plan.

        Change the plan. An upgrade takes effect now, prorated; a downgrade, also to `free`, at the end of the period.

        Sending the current plan cancels a scheduled change. If the payment fails, nothing changes and the problem says
        how to proceed. Credits are granted once the change is paid.

        Arguments:
            plan: Id of the plan. (up to 32 characters)
            proration_date: `proration_date` of a preview, in Unix seconds, to pay its amount. (0 to
                1,099,511,627,776)

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, TooLarge, Invalid,
            RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            client.billing.change_subscription(plan="pro", proration_date=1767225600)
        """
        return self._client._send(
            ApiCall(
                "POST",
                "/v1/billing/subscription/change",
                json_decoder(types.Subscription),
                body={
                    "plan": plan,
                    "proration_date": proration_date,
                },
                idempotent=True,
                options=CallOptions(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    def preview_subscription_change(
        self, *, plan: str, idempotency_key: str | None = None, timeout: float | None = None
    ) -> SubscriptionPreview:
        """Preview a change of plan.

        Calculate what a change of plan would cost and when it would take effect.

        For one hour, a change sent with the `proration_date` of the preview costs exactly the amount shown.

        Arguments:
            plan: Id of the plan. (up to 32 characters)

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, TooLarge, Invalid,
            RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            client.billing.preview_subscription_change(plan="pro")
        """
        return self._client._send(
            ApiCall(
                "POST",
                "/v1/billing/subscription/preview",
                json_decoder(types.SubscriptionPreview),
                body={
                    "plan": plan,
                },
                idempotent=True,
                options=CallOptions(idempotency_key=idempotency_key, timeout=timeout),
            )
        )


class AsyncBillingAPI:
    """Credits, plans and purchases."""

    def __init__(self, client: Any) -> None:
        self._client: AsyncKinora = client

    async def balance(self, *, timeout: float | None = None) -> Balance:
        """Get the balance.

        Return the credits available and held, in total and by bucket.

        Raises: Unauthorized, Forbidden, RateLimited, Unavailable, ServerError, ConnectionFailed.
        """
        return await self._client._send(
            ApiCall("GET", "/v1/billing/balance", json_decoder(types.Balance), options=CallOptions(timeout=timeout))
        )

    async def create_checkout(
        self,
        *,
        plan: str,
        success_url: str,
        cancel_url: str | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Checkout:
        """Create a checkout for a plan.

        Create a Stripe Checkout page for a subscription. The plan is active shortly after the payment.

        While the page is open, the same request returns the same page. An existing subscription is changed with `POST
        /v1/billing/subscription/change` instead.

        Arguments:
            plan: Id of the plan. (up to 32 characters)
            success_url: URL to return to after the payment. (up to 2,000 characters)
            cancel_url: URL to return to if the payment is abandoned; `success_url` if left out. (up to 2,000
                characters)

        Raises: BadRequest, Unauthorized, Forbidden, NotFound, Conflict, TooLarge, Invalid, RateLimited,
            Unavailable, ServerError, ConnectionFailed.

        Example:
            await client.billing.create_checkout(plan="plus", success_url="https://example.org/paid")
        """
        return await self._client._send(
            ApiCall(
                "POST",
                "/v1/billing/checkout",
                json_decoder(types.Checkout),
                body={
                    "plan": plan,
                    "success_url": success_url,
                    "cancel_url": cancel_url,
                },
                idempotent=True,
                options=CallOptions(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    def ledger(
        self,
        *,
        after: str | None = None,
        limit: int | None = None,
        order: Literal["asc", "desc"] | None = None,
        timeout: float | None = None,
    ) -> AsyncPages[LedgerEntry]:
        """List ledger entries.

        List all changes of the balance. The amounts of all entries sum to `available`.

        Arguments:
            after: Id after which the page starts.
            limit: Largest number of items.
            order: Sort order by creation: `asc` is oldest first, `desc` newest first.

        Raises: Unauthorized, Forbidden, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._list_pages(
            ApiCall(
                "GET",
                "/v1/billing/ledger",
                json_decoder(types.LedgerEntryPage),
                query={
                    "after": after,
                    "limit": limit,
                    "order": order,
                },
                options=CallOptions(timeout=timeout),
            )
        )

    async def change_overage(self, *, enabled: bool, cap: int | None = None, timeout: float | None = None) -> Balance:
        """Update overage.

        Allow or forbid overage: credits used beyond the balance, up to `cap` in a billing period.

        Overage is charged with the next invoice, so it needs a paid plan. Overage already used remains due and counts
        towards a new cap.

        Arguments:
            enabled: Whether overage is allowed.
            cap: Most credits of overage in a billing period; the `default_cap` if left out. (at least 1)

        Raises: BadRequest, Unauthorized, Forbidden, Conflict, TooLarge, Invalid, RateLimited, ServerError,
            ConnectionFailed.

        Example:
            await client.billing.change_overage(enabled=True, cap=1000)
        """
        return await self._client._send(
            ApiCall(
                "PATCH",
                "/v1/billing/overage",
                json_decoder(types.Balance),
                body={
                    "enabled": enabled,
                    "cap": cap,
                },
                options=CallOptions(timeout=timeout),
            )
        )

    async def create_pack_checkout(
        self,
        *,
        pack: str,
        success_url: str,
        quantity: int | None = None,
        cancel_url: str | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Checkout:
        """Create a checkout for a credit pack.

        Create a Stripe Checkout page for credit packs. While it is open, the same request returns the same page.

        Arguments:
            pack: Id of the pack. (up to 32 characters)
            success_url: URL to return to after the payment. (up to 2,000 characters)
            quantity: Number of packs. Default: `1`. (1 to 10)
            cancel_url: URL to return to if the payment is abandoned; `success_url` if left out. (up to 2,000
                characters)

        Raises: BadRequest, Unauthorized, Forbidden, NotFound, Conflict, TooLarge, Invalid, RateLimited,
            Unavailable, ServerError, ConnectionFailed.

        Example:
            await client.billing.create_pack_checkout(
                pack="small",
                quantity=2,
                success_url="https://example.org/paid",
            )
        """
        return await self._client._send(
            ApiCall(
                "POST",
                "/v1/billing/packs/checkout",
                json_decoder(types.Checkout),
                body={
                    "pack": pack,
                    "quantity": quantity,
                    "success_url": success_url,
                    "cancel_url": cancel_url,
                },
                idempotent=True,
                options=CallOptions(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    async def plans(self, *, timeout: float | None = None) -> Plans:
        """List plans.

        List the plans on sale, with credit packs, overage and the price factors of videos.

        Subscribers keep the version of the plan they bought.

        Raises: RateLimited, ServerError, ConnectionFailed.
        """
        return await self._client._send(
            ApiCall(
                "GET", "/v1/billing/plans", json_decoder(types.Plans), public=True, options=CallOptions(timeout=timeout)
            )
        )

    async def create_portal(
        self, *, return_url: str | None = None, idempotency_key: str | None = None, timeout: float | None = None
    ) -> Portal:
        """Create a customer portal session.

        Create a Stripe customer portal session for invoices, cards and cancellation.

        The URL grants access to the portal, so it is not stored: a repeated request creates a new session, even with
        the same `Idempotency-Key`.

        Arguments:
            return_url: URL the portal links back to. (up to 2,000 characters)

        Raises: BadRequest, Unauthorized, Forbidden, NotFound, TooLarge, Invalid, RateLimited, Unavailable,
            ServerError, ConnectionFailed.

        Example:
            await client.billing.create_portal(return_url="https://example.org/account")
        """
        return await self._client._send(
            ApiCall(
                "POST",
                "/v1/billing/portal",
                json_decoder(types.Portal),
                body={
                    "return_url": return_url,
                },
                idempotent=True,
                options=CallOptions(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    async def subscription(self, *, timeout: float | None = None) -> Subscription:
        """Get the subscription.

        Return the subscription. Without one, every field but `plan` is null.

        Raises: Unauthorized, Forbidden, RateLimited, Unavailable, ServerError, ConnectionFailed.
        """
        return await self._client._send(
            ApiCall(
                "GET",
                "/v1/billing/subscription",
                json_decoder(types.Subscription),
                options=CallOptions(timeout=timeout),
            )
        )

    async def change_subscription(
        self,
        *,
        plan: str,
        proration_date: int | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Subscription:
        """Change the plan.

        Change the plan. An upgrade takes effect now, prorated; a downgrade, also to `free`, at the end of the period.

        Sending the current plan cancels a scheduled change. If the payment fails, nothing changes and the problem says
        how to proceed. Credits are granted once the change is paid.

        Arguments:
            plan: Id of the plan. (up to 32 characters)
            proration_date: `proration_date` of a preview, in Unix seconds, to pay its amount. (0 to
                1,099,511,627,776)

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, TooLarge, Invalid,
            RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            await client.billing.change_subscription(plan="pro", proration_date=1767225600)
        """
        return await self._client._send(
            ApiCall(
                "POST",
                "/v1/billing/subscription/change",
                json_decoder(types.Subscription),
                body={
                    "plan": plan,
                    "proration_date": proration_date,
                },
                idempotent=True,
                options=CallOptions(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    async def preview_subscription_change(
        self, *, plan: str, idempotency_key: str | None = None, timeout: float | None = None
    ) -> SubscriptionPreview:
        """Preview a change of plan.

        Calculate what a change of plan would cost and when it would take effect.

        For one hour, a change sent with the `proration_date` of the preview costs exactly the amount shown.

        Arguments:
            plan: Id of the plan. (up to 32 characters)

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, TooLarge, Invalid,
            RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            await client.billing.preview_subscription_change(plan="pro")
        """
        return await self._client._send(
            ApiCall(
                "POST",
                "/v1/billing/subscription/preview",
                json_decoder(types.SubscriptionPreview),
                body={
                    "plan": plan,
                },
                idempotent=True,
                options=CallOptions(idempotency_key=idempotency_key, timeout=timeout),
            )
        )
