"""Credits: what is there and where it went. Generated from openapi.json by `make sdk`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from kinora import types
from kinora._calls import Call, Options, reader

if TYPE_CHECKING:
    from kinora._client import AsyncKinora, Kinora
    from kinora._pages import AsyncPages, Pages
    from kinora.types import Balance, LedgerEntry, Plan


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

    def plans(self, *, timeout: float | None = None) -> Pages[Plan]:
        """List plans.

        What each plan allows. Sizes are limited by the picture's short side, in pixels.

        Raises: RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._pages(
            Call("GET", "/v1/billing/plans", reader(types.PlanPage), public=True, options=Options(timeout=timeout))
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

    def plans(self, *, timeout: float | None = None) -> AsyncPages[Plan]:
        """List plans.

        What each plan allows. Sizes are limited by the picture's short side, in pixels.

        Raises: RateLimited, ServerError, ConnectionFailed.
        """
        return self._client._pages(
            Call("GET", "/v1/billing/plans", reader(types.PlanPage), public=True, options=Options(timeout=timeout))
        )
