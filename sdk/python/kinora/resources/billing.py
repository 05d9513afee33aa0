"""Credits: what is there and where it went. Generated from openapi.json by `make sdk`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from kinora import types
from kinora._request import Call, Options, reader

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
    """Credits: what is there and where it went."""

    def __init__(self, client: Any) -> None:
        self._client: Kinora = client

    def balance(self, *, timeout: float | None = None) -> Balance:
        """Get the balance.

        Whole credits: what a new video may take now, what is set aside, and in which buckets it lies.

        Raises: Unauthorized, Forbidden, RateLimited, Unavailable, ServerError, ConnectionFailed.
        """
        return self._client._call(
            Call("GET", "/v1/billing/balance", reader(types.Balance), options=Options(timeout=timeout))
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
        """Open a checkout for a plan.

        A page to subscribe at, to be opened in a browser. The plan is there a moment after it has been paid.

        Asking again gives the same page while it is open. Whoever has a subscription changes that one instead.

        Arguments:
            plan: The plan, by its name. (up to 32 characters)
            success_url: Where the page leads after the payment. (up to 2,000 characters)
            cancel_url: Where it leads whoever turns back; the same without it. (up to 2,000 characters)

        Raises: BadRequest, Unauthorized, Forbidden, NotFound, Conflict, TooLarge, Invalid, RateLimited,
            Unavailable, ServerError, ConnectionFailed.

        Example:
            client.billing.create_checkout(plan="plus", success_url="https://example.org/paid")
        """
        return self._client._call(
            Call(
                "POST",
                "/v1/billing/checkout",
                reader(types.Checkout),
                body={
                    "plan": plan,
                    "success_url": success_url,
                    "cancel_url": cancel_url,
                },
                once=True,
                options=Options(idempotency_key=idempotency_key, timeout=timeout),
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

        Every movement of credits, as the balance feels it. The amounts of all pages sum to `available`.

        Arguments:
            after: Begin behind this id.
            limit: How many at most.
            order: Oldest or newest first.

        Raises: Unauthorized, Forbidden, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._pages(
            Call(
                "GET",
                "/v1/billing/ledger",
                reader(types.LedgerEntryPage),
                query={
                    "after": after,
                    "limit": limit,
                    "order": order,
                },
                options=Options(timeout=timeout),
            )
        )

    def change_overage(self, *, enabled: bool, cap: int | None = None, timeout: float | None = None) -> Balance:
        """Change overage.

        Allow credits to be used above what is there, up to `cap` in a period, or allow it no more.

        They are paid with the next invoice of a plan, so it takes a plan that is paid for. What is used already stays
        to be paid, and counts towards a new cap.

        Arguments:
            enabled: Whether it is switched on.
            cap: Credits that may be used so in a period. (at least 1)

        Raises: BadRequest, Unauthorized, Forbidden, Conflict, TooLarge, Invalid, RateLimited, ServerError,
            ConnectionFailed.

        Example:
            client.billing.change_overage(enabled=True, cap=1000)
        """
        return self._client._call(
            Call(
                "PATCH",
                "/v1/billing/overage",
                reader(types.Balance),
                body={
                    "enabled": enabled,
                    "cap": cap,
                },
                options=Options(timeout=timeout),
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
        """Open a checkout for a pack of credits.

        A page to buy credits at, which never expire. Asking again gives the same page while it is open.

        Arguments:
            pack: The pack, by its name. (up to 32 characters)
            success_url: Where the page leads after the payment. (up to 2,000 characters)
            quantity: How many. Default: `1`. (1 to 10)
            cancel_url: Where it leads whoever turns back; the same without it. (up to 2,000 characters)

        Raises: BadRequest, Unauthorized, Forbidden, NotFound, Conflict, TooLarge, Invalid, RateLimited,
            Unavailable, ServerError, ConnectionFailed.

        Example:
            client.billing.create_pack_checkout(
                pack="small",
                quantity=2,
                success_url="https://example.org/paid",
            )
        """
        return self._client._call(
            Call(
                "POST",
                "/v1/billing/packs/checkout",
                reader(types.Checkout),
                body={
                    "pack": pack,
                    "quantity": quantity,
                    "success_url": success_url,
                    "cancel_url": cancel_url,
                },
                once=True,
                options=Options(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    def plans(self, *, timeout: float | None = None) -> Plans:
        """List plans.

        What is sold: plans with their limits, packs of credits, overage, and how the price of a video comes about.

        Whoever has bought an earlier version of a plan keeps it.

        Raises: RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._call(
            Call("GET", "/v1/billing/plans", reader(types.Plans), public=True, options=Options(timeout=timeout))
        )

    def create_portal(
        self, *, return_url: str | None = None, idempotency_key: str | None = None, timeout: float | None = None
    ) -> Portal:
        """Open the portal.

        A page to see bills, enter another card, or cancel, to be opened in a browser at once.

        Whoever has its address is let in, so it is not kept: the same key opens another page.

        Arguments:
            return_url: Where the page leads back to. (up to 2,000 characters)

        Raises: BadRequest, Unauthorized, Forbidden, NotFound, TooLarge, Invalid, RateLimited, Unavailable,
            ServerError, ConnectionFailed.

        Example:
            client.billing.create_portal(return_url="https://example.org/account")
        """
        return self._client._call(
            Call(
                "POST",
                "/v1/billing/portal",
                reader(types.Portal),
                body={
                    "return_url": return_url,
                },
                once=True,
                options=Options(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    def subscription(self, *, timeout: float | None = None) -> Subscription:
        """Get the subscription.

        The plan, until when it is paid, and what comes then. Without a subscription only the plan is there.

        Raises: Unauthorized, Forbidden, RateLimited, Unavailable, ServerError, ConnectionFailed.
        """
        return self._client._call(
            Call("GET", "/v1/billing/subscription", reader(types.Subscription), options=Options(timeout=timeout))
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

        Change the plan: to a dearer one now, for the rest of the period; to a cheaper one, or to `free`, when the
        period ends. Naming the present plan takes back what was to come.

        A payment that fails changes nothing, and the answer says what to do. Credits come once a change is paid.

        Arguments:
            plan: The plan, by its name. (up to 32 characters)
            proration_date: The preview's own, in Unix seconds. (0 to 1,099,511,627,776)

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, TooLarge, Invalid,
            RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            client.billing.change_subscription(plan="pro", proration_date=1767225600)
        """
        return self._client._call(
            Call(
                "POST",
                "/v1/billing/subscription/change",
                reader(types.Subscription),
                body={
                    "plan": plan,
                    "proration_date": proration_date,
                },
                once=True,
                options=Options(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    def preview_subscription_change(
        self, *, plan: str, idempotency_key: str | None = None, timeout: float | None = None
    ) -> SubscriptionPreview:
        """Preview a change of plan.

        What a change of plan would cost at once and bring, and when. Sending its `proration_date` with the change makes
        it cost exactly that, for an hour.

        Arguments:
            plan: The plan, by its name. (up to 32 characters)

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, TooLarge, Invalid,
            RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            client.billing.preview_subscription_change(plan="pro")
        """
        return self._client._call(
            Call(
                "POST",
                "/v1/billing/subscription/preview",
                reader(types.SubscriptionPreview),
                body={
                    "plan": plan,
                },
                once=True,
                options=Options(idempotency_key=idempotency_key, timeout=timeout),
            )
        )


class AsyncBillingAPI:
    """Credits: what is there and where it went."""

    def __init__(self, client: Any) -> None:
        self._client: AsyncKinora = client

    async def balance(self, *, timeout: float | None = None) -> Balance:
        """Get the balance.

        Whole credits: what a new video may take now, what is set aside, and in which buckets it lies.

        Raises: Unauthorized, Forbidden, RateLimited, Unavailable, ServerError, ConnectionFailed.
        """
        return await self._client._call(
            Call("GET", "/v1/billing/balance", reader(types.Balance), options=Options(timeout=timeout))
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
        """Open a checkout for a plan.

        A page to subscribe at, to be opened in a browser. The plan is there a moment after it has been paid.

        Asking again gives the same page while it is open. Whoever has a subscription changes that one instead.

        Arguments:
            plan: The plan, by its name. (up to 32 characters)
            success_url: Where the page leads after the payment. (up to 2,000 characters)
            cancel_url: Where it leads whoever turns back; the same without it. (up to 2,000 characters)

        Raises: BadRequest, Unauthorized, Forbidden, NotFound, Conflict, TooLarge, Invalid, RateLimited,
            Unavailable, ServerError, ConnectionFailed.

        Example:
            await client.billing.create_checkout(plan="plus", success_url="https://example.org/paid")
        """
        return await self._client._call(
            Call(
                "POST",
                "/v1/billing/checkout",
                reader(types.Checkout),
                body={
                    "plan": plan,
                    "success_url": success_url,
                    "cancel_url": cancel_url,
                },
                once=True,
                options=Options(idempotency_key=idempotency_key, timeout=timeout),
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

        Every movement of credits, as the balance feels it. The amounts of all pages sum to `available`.

        Arguments:
            after: Begin behind this id.
            limit: How many at most.
            order: Oldest or newest first.

        Raises: Unauthorized, Forbidden, Invalid, RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._pages(
            Call(
                "GET",
                "/v1/billing/ledger",
                reader(types.LedgerEntryPage),
                query={
                    "after": after,
                    "limit": limit,
                    "order": order,
                },
                options=Options(timeout=timeout),
            )
        )

    async def change_overage(self, *, enabled: bool, cap: int | None = None, timeout: float | None = None) -> Balance:
        """Change overage.

        Allow credits to be used above what is there, up to `cap` in a period, or allow it no more.

        They are paid with the next invoice of a plan, so it takes a plan that is paid for. What is used already stays
        to be paid, and counts towards a new cap.

        Arguments:
            enabled: Whether it is switched on.
            cap: Credits that may be used so in a period. (at least 1)

        Raises: BadRequest, Unauthorized, Forbidden, Conflict, TooLarge, Invalid, RateLimited, ServerError,
            ConnectionFailed.

        Example:
            await client.billing.change_overage(enabled=True, cap=1000)
        """
        return await self._client._call(
            Call(
                "PATCH",
                "/v1/billing/overage",
                reader(types.Balance),
                body={
                    "enabled": enabled,
                    "cap": cap,
                },
                options=Options(timeout=timeout),
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
        """Open a checkout for a pack of credits.

        A page to buy credits at, which never expire. Asking again gives the same page while it is open.

        Arguments:
            pack: The pack, by its name. (up to 32 characters)
            success_url: Where the page leads after the payment. (up to 2,000 characters)
            quantity: How many. Default: `1`. (1 to 10)
            cancel_url: Where it leads whoever turns back; the same without it. (up to 2,000 characters)

        Raises: BadRequest, Unauthorized, Forbidden, NotFound, Conflict, TooLarge, Invalid, RateLimited,
            Unavailable, ServerError, ConnectionFailed.

        Example:
            await client.billing.create_pack_checkout(
                pack="small",
                quantity=2,
                success_url="https://example.org/paid",
            )
        """
        return await self._client._call(
            Call(
                "POST",
                "/v1/billing/packs/checkout",
                reader(types.Checkout),
                body={
                    "pack": pack,
                    "quantity": quantity,
                    "success_url": success_url,
                    "cancel_url": cancel_url,
                },
                once=True,
                options=Options(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    async def plans(self, *, timeout: float | None = None) -> Plans:
        """List plans.

        What is sold: plans with their limits, packs of credits, overage, and how the price of a video comes about.

        Whoever has bought an earlier version of a plan keeps it.

        Raises: RateLimited, ServerError, ConnectionFailed.
        """
        return await self._client._call(
            Call("GET", "/v1/billing/plans", reader(types.Plans), public=True, options=Options(timeout=timeout))
        )

    async def create_portal(
        self, *, return_url: str | None = None, idempotency_key: str | None = None, timeout: float | None = None
    ) -> Portal:
        """Open the portal.

        A page to see bills, enter another card, or cancel, to be opened in a browser at once.

        Whoever has its address is let in, so it is not kept: the same key opens another page.

        Arguments:
            return_url: Where the page leads back to. (up to 2,000 characters)

        Raises: BadRequest, Unauthorized, Forbidden, NotFound, TooLarge, Invalid, RateLimited, Unavailable,
            ServerError, ConnectionFailed.

        Example:
            await client.billing.create_portal(return_url="https://example.org/account")
        """
        return await self._client._call(
            Call(
                "POST",
                "/v1/billing/portal",
                reader(types.Portal),
                body={
                    "return_url": return_url,
                },
                once=True,
                options=Options(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    async def subscription(self, *, timeout: float | None = None) -> Subscription:
        """Get the subscription.

        The plan, until when it is paid, and what comes then. Without a subscription only the plan is there.

        Raises: Unauthorized, Forbidden, RateLimited, Unavailable, ServerError, ConnectionFailed.
        """
        return await self._client._call(
            Call("GET", "/v1/billing/subscription", reader(types.Subscription), options=Options(timeout=timeout))
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

        Change the plan: to a dearer one now, for the rest of the period; to a cheaper one, or to `free`, when the
        period ends. Naming the present plan takes back what was to come.

        A payment that fails changes nothing, and the answer says what to do. Credits come once a change is paid.

        Arguments:
            plan: The plan, by its name. (up to 32 characters)
            proration_date: The preview's own, in Unix seconds. (0 to 1,099,511,627,776)

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, TooLarge, Invalid,
            RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            await client.billing.change_subscription(plan="pro", proration_date=1767225600)
        """
        return await self._client._call(
            Call(
                "POST",
                "/v1/billing/subscription/change",
                reader(types.Subscription),
                body={
                    "plan": plan,
                    "proration_date": proration_date,
                },
                once=True,
                options=Options(idempotency_key=idempotency_key, timeout=timeout),
            )
        )

    async def preview_subscription_change(
        self, *, plan: str, idempotency_key: str | None = None, timeout: float | None = None
    ) -> SubscriptionPreview:
        """Preview a change of plan.

        What a change of plan would cost at once and bring, and when. Sending its `proration_date` with the change makes
        it cost exactly that, for an hour.

        Arguments:
            plan: The plan, by its name. (up to 32 characters)

        Raises: BadRequest, Unauthorized, InsufficientCredits, Forbidden, NotFound, Conflict, TooLarge, Invalid,
            RateLimited, Unavailable, ServerError, ConnectionFailed.

        Example:
            await client.billing.preview_subscription_change(plan="pro")
        """
        return await self._client._call(
            Call(
                "POST",
                "/v1/billing/subscription/preview",
                reader(types.SubscriptionPreview),
                body={
                    "plan": plan,
                },
                once=True,
                options=Options(idempotency_key=idempotency_key, timeout=timeout),
            )
        )
