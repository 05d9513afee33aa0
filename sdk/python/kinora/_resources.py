"""The resources of a client, each imported when it is first used. Generated from openapi.json by `make sdk`."""

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
    """The resources of a synchronous client."""

    @cached_property
    def videos(self) -> VideosAPI:
        """Generate, watch, download and cancel videos."""
        from kinora.resources.videos import VideosAPI

        return VideosAPI(self)

    @cached_property
    def images(self) -> ImagesAPI:
        """Generate images."""
        from kinora.resources.images import ImagesAPI

        return ImagesAPI(self)

    @cached_property
    def uploads(self) -> UploadsAPI:
        """Images and videos uploaded for use in requests."""
        from kinora.resources.uploads import UploadsAPI

        return UploadsAPI(self)

    @cached_property
    def presets(self) -> PresetsAPI:
        """Style presets, built in or one's own."""
        from kinora.resources.presets import PresetsAPI

        return PresetsAPI(self)

    @cached_property
    def models(self) -> ModelsAPI:
        """Models and their capabilities."""
        from kinora.resources.models import ModelsAPI

        return ModelsAPI(self)

    @cached_property
    def auth(self) -> AuthAPI:
        """Accounts, tokens and sessions."""
        from kinora.resources.auth import AuthAPI

        return AuthAPI(self)

    @cached_property
    def account(self) -> AccountAPI:
        """The signed-in user."""
        from kinora.resources.account import AccountAPI

        return AccountAPI(self)

    @cached_property
    def api_keys(self) -> ApiKeysAPI:
        """Credentials for programs."""
        from kinora.resources.api_keys import ApiKeysAPI

        return ApiKeysAPI(self)

    @cached_property
    def billing(self) -> BillingAPI:
        """Credits, plans and purchases."""
        from kinora.resources.billing import BillingAPI

        return BillingAPI(self)

    @cached_property
    def server(self) -> ServerAPI:
        """Health and metrics for the operator."""
        from kinora.resources.server import ServerAPI

        return ServerAPI(self)


class AsyncResources:
    """The resources of an asynchronous client."""

    @cached_property
    def videos(self) -> AsyncVideosAPI:
        """Generate, watch, download and cancel videos."""
        from kinora.resources.videos import AsyncVideosAPI

        return AsyncVideosAPI(self)

    @cached_property
    def images(self) -> AsyncImagesAPI:
        """Generate images."""
        from kinora.resources.images import AsyncImagesAPI

        return AsyncImagesAPI(self)

    @cached_property
    def uploads(self) -> AsyncUploadsAPI:
        """Images and videos uploaded for use in requests."""
        from kinora.resources.uploads import AsyncUploadsAPI

        return AsyncUploadsAPI(self)

    @cached_property
    def presets(self) -> AsyncPresetsAPI:
        """Style presets, built in or one's own."""
        from kinora.resources.presets import AsyncPresetsAPI

        return AsyncPresetsAPI(self)

    @cached_property
    def models(self) -> AsyncModelsAPI:
        """Models and their capabilities."""
        from kinora.resources.models import AsyncModelsAPI

        return AsyncModelsAPI(self)

    @cached_property
    def auth(self) -> AsyncAuthAPI:
        """Accounts, tokens and sessions."""
        from kinora.resources.auth import AsyncAuthAPI

        return AsyncAuthAPI(self)

    @cached_property
    def account(self) -> AsyncAccountAPI:
        """The signed-in user."""
        from kinora.resources.account import AsyncAccountAPI

        return AsyncAccountAPI(self)

    @cached_property
    def api_keys(self) -> AsyncApiKeysAPI:
        """Credentials for programs."""
        from kinora.resources.api_keys import AsyncApiKeysAPI

        return AsyncApiKeysAPI(self)

    @cached_property
    def billing(self) -> AsyncBillingAPI:
        """Credits, plans and purchases."""
        from kinora.resources.billing import AsyncBillingAPI

        return AsyncBillingAPI(self)

    @cached_property
    def server(self) -> AsyncServerAPI:
        """Health and metrics for the operator."""
        from kinora.resources.server import AsyncServerAPI

        return AsyncServerAPI(self)
