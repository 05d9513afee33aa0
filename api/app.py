"""The Litestar application: opens the pool and Redis, mounts the routes. Imports no engine code."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from litestar import Litestar, Router
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import ASGIApp

from api.http import problems
from api.http.authentication import AuthenticationMiddleware
from api.http.head_requests import answer_head
from api.http.middleware import wrap_app
from api.http.public_path import serve_below, top_folders
from api.http.response_headers import EXPOSED_HEADERS, vary_by_origin
from api.http.state import AppState, build_app_state
from api.routes import (
    account,
    api_keys,
    auth,
    billing,
    docs,
    health,
    images,
    models,
    presets,
    stripe_webhook,
    uploads,
    video_create,
    video_streams,
    videos,
)
from api.settings import Settings
from api.sql import connection

Opener = Callable[[Settings], AbstractAsyncContextManager[AppState]]


@asynccontextmanager
async def open_app_state(settings: Settings) -> AsyncIterator[AppState]:
    """Connect to PostgreSQL, which must be reachable, and to Redis, which may come later."""
    pool = await connection.connect(settings.database_url, connections=settings.database_connections)
    try:
        async with build_app_state(settings, pool) as app_state:
            yield app_state
    finally:
        await pool.close()


def create_app(settings: Settings, opener: Opener = open_app_state) -> Litestar:
    """The Litestar application. `opener` lets tests supply their own state."""
    return Litestar(
        route_handlers=[_v1_router(), health.router, docs.router],
        lifespan=[_app_state_lifespan(settings, opener)],
        dependencies={"app_state": Provide(_provide_app_state, sync_to_thread=False)},
        exception_handlers=problems.HANDLERS,
        openapi_config=None,  # api.http.openapi.document writes the document, routes.docs serves it
        cors_config=_cors_config(settings),
        before_send=[vary_by_origin] if settings.cors_origins else [],
        request_max_body_size=settings.max_upload * 4 // 3 + 1_000_000,
        logging_config=None,
        debug=False,
    )


def create_asgi_app(settings: Settings, opener: Opener = open_app_state) -> ASGIApp:
    """The application in its middleware, as it is served."""
    app = create_app(settings, opener)
    return serve_below(settings.public_path, top_folders(app), wrap_app(answer_head(app)))


def _v1_router() -> Router:
    return Router(
        path="/v1",
        route_handlers=[
            auth.router,
            account.router,
            api_keys.router,
            video_create.router,
            videos.router,
            videos.feed,
            video_streams.router,
            images.router,
            presets.router,
            uploads.router,
            models.router,
            billing.router,
            stripe_webhook.router,
        ],
        middleware=[AuthenticationMiddleware],
    )


def _app_state_lifespan(settings: Settings, opener: Opener) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """The lifespan during which `app.state.app_state` is open."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with opener(settings) as app_state:
            app.state.app_state = app_state
            yield

    return lifespan


def _provide_app_state(state: State) -> AppState:
    app_state: AppState = state.app_state
    return app_state


def _cors_config(settings: Settings) -> CORSConfig | None:
    """Web clients of the configured origins may also read the headers of responses."""
    if not settings.cors_origins:
        return None
    return CORSConfig(allow_origins=settings.cors_origins, expose_headers=EXPOSED_HEADERS)
