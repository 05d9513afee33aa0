"""What a client offers, each imported when it is first used. Generated from openapi.json by `make sdk`."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kinora.resources.account import Account, AsyncAccount
    from kinora.resources.api_keys import ApiKeys, AsyncApiKeys
    from kinora.resources.auth import AsyncAuth, Auth
    from kinora.resources.billing import AsyncBilling, Billing
    from kinora.resources.images import AsyncImages, Images
    from kinora.resources.models import AsyncModels, Models
    from kinora.resources.presets import AsyncPresets, Presets
    from kinora.resources.server import AsyncServer, Server
    from kinora.resources.videos import AsyncVideos, Videos


class Resources:
    """The resources of a client."""

    @cached_property
    def videos(self) -> Videos:
        """Make, watch, fetch and stop clips."""
        from kinora.resources.videos import Videos

        return Videos(self)

    @cached_property
    def images(self) -> Images:
        """Make pictures."""
        from kinora.resources.images import Images

        return Images(self)

    @cached_property
    def presets(self) -> Presets:
        """Styles, built in and one's own."""
        from kinora.resources.presets import Presets

        return Presets(self)

    @cached_property
    def models(self) -> Models:
        """What can be asked of each model."""
        from kinora.resources.models import Models

        return Models(self)

    @cached_property
    def auth(self) -> Auth:
        """Accounts, tokens and the devices that are signed in."""
        from kinora.resources.auth import Auth

        return Auth(self)

    @cached_property
    def account(self) -> Account:
        """The person signed in."""
        from kinora.resources.account import Account

        return Account(self)

    @cached_property
    def api_keys(self) -> ApiKeys:
        """Credentials for programs."""
        from kinora.resources.api_keys import ApiKeys

        return ApiKeys(self)

    @cached_property
    def billing(self) -> Billing:
        """Credits: what is there and where it went."""
        from kinora.resources.billing import Billing

        return Billing(self)

    @cached_property
    def server(self) -> Server:
        """For whoever runs the server."""
        from kinora.resources.server import Server

        return Server(self)


class AsyncResources:
    """The awaited resources of a client."""

    @cached_property
    def videos(self) -> AsyncVideos:
        """Make, watch, fetch and stop clips."""
        from kinora.resources.videos import AsyncVideos

        return AsyncVideos(self)

    @cached_property
    def images(self) -> AsyncImages:
        """Make pictures."""
        from kinora.resources.images import AsyncImages

        return AsyncImages(self)

    @cached_property
    def presets(self) -> AsyncPresets:
        """Styles, built in and one's own."""
        from kinora.resources.presets import AsyncPresets

        return AsyncPresets(self)

    @cached_property
    def models(self) -> AsyncModels:
        """What can be asked of each model."""
        from kinora.resources.models import AsyncModels

        return AsyncModels(self)

    @cached_property
    def auth(self) -> AsyncAuth:
        """Accounts, tokens and the devices that are signed in."""
        from kinora.resources.auth import AsyncAuth

        return AsyncAuth(self)

    @cached_property
    def account(self) -> AsyncAccount:
        """The person signed in."""
        from kinora.resources.account import AsyncAccount

        return AsyncAccount(self)

    @cached_property
    def api_keys(self) -> AsyncApiKeys:
        """Credentials for programs."""
        from kinora.resources.api_keys import AsyncApiKeys

        return AsyncApiKeys(self)

    @cached_property
    def billing(self) -> AsyncBilling:
        """Credits: what is there and where it went."""
        from kinora.resources.billing import AsyncBilling

        return AsyncBilling(self)

    @cached_property
    def server(self) -> AsyncServer:
        """For whoever runs the server."""
        from kinora.resources.server import AsyncServer

        return AsyncServer(self)
