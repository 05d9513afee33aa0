"""The web process: opens the pool and Redis, mounts the routes. Reaches no engine code."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from litestar import Litestar, Router
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import ASGIApp
from redis.asyncio import Redis

from api.accounts.sessions import Accounts
from api.billing.ledger.credits import CreditLedger
from api.billing.stripe.client import Stripe
from api.billing.stripe.lookup_keys import PriceCatalog
from api.billing.subscriptions.changes import SubscriptionChanges
from api.billing.subscriptions.checkout import Purchases
from api.billing.tariff import tariff
from api.http import problems
from api.http.authentication import Authenticate
from api.http.middleware import envelope
from api.http.rate_limit import Limiter
from api.http.state import AppState
from api.keyring import Keyring
from api.messaging.events import Announcer, Hub, Outbox
from api.messaging.wakeups import Bell
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
    video_create,
    video_streams,
    videos,
)
from api.routes import uploads as upload_routes
from api.settings import Settings
from api.sql import connection
from api.sql.connection import Pool
from api.storage.local import Storage
from api.uploads.ingest import Uploads
from api.uploads.store import UploadStore
from api.videos import event_stream
from api.videos.create import VideoCreator
from api.videos.estimate import VideoEstimator
from api.videos.eta import RenderPace
from api.videos.event_stream import VideoEventStreams
from api.videos.images import ImageCreator
from api.videos.library import VideoLibrary
from api.videos.lifecycle import VideoLifecycle
from api.videos.presets import PresetLibrary
from api.videos.references import ReferenceResolver
from api.videos.serializers import VideoSerializer
from api.videos.submission import VideoSubmissions

Opener = Callable[[Settings], AbstractAsyncContextManager[AppState]]
REDIS_TIMEOUT = 1.0
EXPOSED = [
    *("Location", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id", "openai-poll-after-ms"),
    *("Tus-Extension", "Tus-Max-Size", "Tus-Resumable", "Tus-Version"),
    *("Upload-Expires", "Upload-Length", "Upload-Metadata", "Upload-Offset"),
]


@asynccontextmanager
async def open_app_state(settings: Settings) -> AsyncIterator[AppState]:
    """Connect to PostgreSQL and Redis. PostgreSQL must answer; Redis may come later."""
    pool = await connection.connect(settings.database_url, connections=settings.database_connections)
    try:
        async with assemble(settings, pool) as app_state:
            yield app_state
    finally:
        await pool.close()


@asynccontextmanager
async def assemble(settings: Settings, pool: Pool) -> AsyncIterator[AppState]:
    """Everything that stands on a pool and on Redis. Raises TariffError."""
    sold = tariff.load_tariff(settings.tariff)
    credits = CreditLedger(sold)
    keyring, storage = Keyring(settings.secret, settings.previous_secret), Storage(settings.data / "media")
    redis = Redis.from_url(settings.redis_url, socket_connect_timeout=REDIS_TIMEOUT, health_check_interval=30)
    outbox = Outbox(redis)
    bell, stripe = Bell(redis, outbox), Stripe(settings)
    catalogue = PriceCatalog(stripe)
    announcer = Announcer(outbox)
    lifecycle = VideoLifecycle(settings, pool, credits, bell, announcer)
    library = VideoLibrary(pool, lifecycle)
    pace = RenderPace(pool)
    serializer, uploads = VideoSerializer(settings, keyring, pace), Uploads(settings)
    upload_store = UploadStore(settings, pool, storage, uploads)
    references, presets = ReferenceResolver(pool, storage, library, uploads, upload_store), PresetLibrary(pool, storage)
    submissions = VideoSubmissions(settings, pool, storage, credits, bell, announcer)
    creator = VideoCreator(settings, sold, references, presets, submissions, serializer)
    async with redis, Hub(settings.redis_url, event_stream.snapshot_loader(pool, serializer)) as hub:
        event_streams = VideoEventStreams(hub, library, serializer)
        app_state = AppState(
            settings=settings,
            tariff=sold,
            credits=credits,
            stripe=stripe,
            purchases=Purchases(settings, pool, stripe, sold, catalogue),
            changes=SubscriptionChanges(pool, stripe, sold, catalogue),
            bell=bell,
            pool=pool,
            redis=redis,
            storage=storage,
            keyring=keyring,
            limiter=Limiter(redis, enabled=settings.rate_limits, loopback=settings.loopback),
            hub=hub,
            accounts=Accounts(pool, keyring, credits, settings),
            submissions=submissions,
            lifecycle=lifecycle,
            library=library,
            references=references,
            creator=creator,
            estimator=VideoEstimator(pool, creator, credits, pace),
            uploads=uploads,
            upload_store=upload_store,
            presets=presets,
            images=ImageCreator(pool, storage, creator, event_streams, serializer),
            event_streams=event_streams,
            serializer=serializer,
        )
        try:
            yield app_state
        finally:
            await outbox.drain()
            await stripe.close()


def provide_app_state(state: State) -> AppState:
    """The dependency `app_state` of routes."""
    app_state: AppState = state.app_state
    return app_state


def create_app(settings: Settings, opener: Opener = open_app_state) -> Litestar:
    """The application. `opener` lets tests supply their own state."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with opener(settings) as app_state:
            app.state.app_state = app_state
            yield

    v1 = Router(
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
            upload_routes.router,
            models.router,
            billing.router,
            stripe_webhook.router,
        ],
        middleware=[Authenticate],
    )
    return Litestar(
        route_handlers=[v1, health.router, docs.router],
        lifespan=[lifespan],
        dependencies={"app_state": Provide(provide_app_state, sync_to_thread=False)},
        exception_handlers=problems.HANDLERS,
        openapi_config=None,  # drawn by api.http.openapi.operations, served by routes.docs
        cors_config=_cors(settings),
        request_max_body_size=settings.max_upload * 4 // 3 + 1_000_000,
        logging_config=None,
        debug=False,
    )


def _cors(settings: Settings) -> CORSConfig | None:
    """Web clients of the named origins, which may also read what the answers say beside their bodies."""
    if not settings.cors_origins:
        return None
    return CORSConfig(allow_origins=settings.cors_origins, expose_headers=EXPOSED)


def asgi(settings: Settings, opener: Opener = open_app_state) -> ASGIApp:
    """The application as it is served: in its envelope of request ids, logs and metrics."""
    return envelope(create_app(settings, opener))
