"""What a client offers, each imported when it is first used. Generated from openapi.json by `make sdk`."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kinora.resources.account import AccountAPI, AsyncAccountAPI
    from kinora.resources.api_keys import ApiKeysAPI, AsyncApiKeysAPI
    from kinora.resources.auth import AsyncAuthAPI, AuthAPI
    from kinora.resources.billing import AsyncBillingAPI, BillingAPI
    from kinora.resources.images import AsyncImagesAPI, ImagesAPI
    from kinora.resources.models import AsyncModelsAPI, ModelsAPI
    from kinora.resources.presets import AsyncPresetsAPI, PresetsAPI
    from kinora.resources.server import AsyncServerAPI, ServerAPI
    from kinora.resources.uploads import AsyncUploadsAPI, UploadsAPI
    from kinora.resources.videos import AsyncVideosAPI, VideosAPI


class Resources:
    """The resources of a client."""

    @cached_property
    def videos(self) -> VideosAPI:
        """Make, watch, fetch and stop clips."""
        from kinora.resources.videos import VideosAPI

        return VideosAPI(self)

    @cached_property
    def images(self) -> ImagesAPI:
        """Make pictures."""
        from kinora.resources.images import ImagesAPI

        return ImagesAPI(self)

    @cached_property
    def uploads(self) -> UploadsAPI:
        """Pictures and films sent in before they are used."""
        from kinora.resources.uploads import UploadsAPI

        return UploadsAPI(self)

    @cached_property
    def presets(self) -> PresetsAPI:
        """Styles, built in and one's own."""
        from kinora.resources.presets import PresetsAPI

        return PresetsAPI(self)

    @cached_property
    def models(self) -> ModelsAPI:
        """What can be asked of each model."""
        from kinora.resources.models import ModelsAPI

        return ModelsAPI(self)

    @cached_property
    def auth(self) -> AuthAPI:
        """Accounts, tokens and the devices that are signed in."""
        from kinora.resources.auth import AuthAPI

        return AuthAPI(self)

    @cached_property
    def account(self) -> AccountAPI:
        """The person signed in."""
        from kinora.resources.account import AccountAPI

        return AccountAPI(self)

    @cached_property
    def api_keys(self) -> ApiKeysAPI:
        """Credentials for programs."""
        from kinora.resources.api_keys import ApiKeysAPI

        return ApiKeysAPI(self)

    @cached_property
    def billing(self) -> BillingAPI:
        """Credits: what is there and where it went."""
        from kinora.resources.billing import BillingAPI

        return BillingAPI(self)

    @cached_property
    def server(self) -> ServerAPI:
        """For whoever runs the server."""
        from kinora.resources.server import ServerAPI

        return ServerAPI(self)


class AsyncResources:
    """The awaited resources of a client."""

    @cached_property
    def videos(self) -> AsyncVideosAPI:
        """Make, watch, fetch and stop clips."""
        from kinora.resources.videos import AsyncVideosAPI

        return AsyncVideosAPI(self)

    @cached_property
    def images(self) -> AsyncImagesAPI:
        """Make pictures."""
        from kinora.resources.images import AsyncImagesAPI

        return AsyncImagesAPI(self)

    @cached_property
    def uploads(self) -> AsyncUploadsAPI:
        """Pictures and films sent in before they are used."""
        from kinora.resources.uploads import AsyncUploadsAPI

        return AsyncUploadsAPI(self)

    @cached_property
    def presets(self) -> AsyncPresetsAPI:
        """Styles, built in and one's own."""
        from kinora.resources.presets import AsyncPresetsAPI

        return AsyncPresetsAPI(self)

    @cached_property
    def models(self) -> AsyncModelsAPI:
        """What can be asked of each model."""
        from kinora.resources.models import AsyncModelsAPI

        return AsyncModelsAPI(self)

    @cached_property
    def auth(self) -> AsyncAuthAPI:
        """Accounts, tokens and the devices that are signed in."""
        from kinora.resources.auth import AsyncAuthAPI

        return AsyncAuthAPI(self)

    @cached_property
    def account(self) -> AsyncAccountAPI:
        """The person signed in."""
        from kinora.resources.account import AsyncAccountAPI

        return AsyncAccountAPI(self)

    @cached_property
    def api_keys(self) -> AsyncApiKeysAPI:
        """Credentials for programs."""
        from kinora.resources.api_keys import AsyncApiKeysAPI

        return AsyncApiKeysAPI(self)

    @cached_property
    def billing(self) -> AsyncBillingAPI:
        """Credits: what is there and where it went."""
        from kinora.resources.billing import AsyncBillingAPI

        return AsyncBillingAPI(self)

    @cached_property
    def server(self) -> AsyncServerAPI:
        """For whoever runs the server."""
        from kinora.resources.server import AsyncServerAPI

        return AsyncServerAPI(self)
