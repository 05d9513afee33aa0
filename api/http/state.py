"""The objects a web process shares among its requests, passed to routes as `app_state`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from redis.asyncio import Redis

from api.accounts.sessions import Accounts
from api.billing.ledger.credits import CreditLedger
from api.billing.stripe.client import Stripe
from api.billing.stripe.lookup_keys import PriceCatalog
from api.billing.subscriptions.changes import SubscriptionChanges
from api.billing.subscriptions.checkout import Purchases
from api.billing.tariff import tariff
from api.billing.tariff.tariff import Tariff
from api.http.rate_limit import RateLimiter
from api.keyring import Keyring
from api.messaging.events import Announcer, CommandOutbox, EventHub
from api.messaging.wakeups import Wakeups
from api.settings import Settings
from api.sql.connection import Pool
from api.storage.local import Storage
from api.uploads.ingest import MediaIngester
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

REDIS_TIMEOUT = 1.0  # seconds to connect


class AppState(NamedTuple):
    """The pool, Redis and everything built on them; one for each process."""

    settings: Settings
    tariff: Tariff
    credits: CreditLedger
    stripe: Stripe
    purchases: Purchases
    changes: SubscriptionChanges
    wakeups: Wakeups
    pool: Pool
    redis: Redis
    storage: Storage
    keyring: Keyring
    limiter: RateLimiter
    hub: EventHub
    accounts: Accounts
    submissions: VideoSubmissions
    lifecycle: VideoLifecycle
    library: VideoLibrary
    references: ReferenceResolver
    creator: VideoCreator
    estimator: VideoEstimator
    images: ImageCreator
    media_ingester: MediaIngester
    upload_store: UploadStore
    presets: PresetLibrary
    event_streams: VideoEventStreams
    serializer: VideoSerializer


@asynccontextmanager
async def build_app_state(settings: Settings, pool: Pool) -> AsyncIterator[AppState]:
    """Build the state on an open pool, and close what this opened at the end. Raises TariffError."""
    redis = Redis.from_url(settings.redis_url, socket_connect_timeout=REDIS_TIMEOUT, health_check_interval=30)
    outbox, stripe = CommandOutbox(redis), Stripe(settings)
    serializer = VideoSerializer(settings, Keyring(settings.secret, settings.previous_secret), RenderPace(pool))
    async with redis, EventHub(settings.redis_url, event_stream.snapshot_loader(pool, serializer)) as hub:
        try:
            yield _connect_services(settings, pool, redis, outbox, hub, stripe, serializer)
        finally:
            await outbox.drain()
            await stripe.close()


def _connect_services(
    settings: Settings,
    pool: Pool,
    redis: Redis,
    outbox: CommandOutbox,
    hub: EventHub,
    stripe: Stripe,
    serializer: VideoSerializer,
) -> AppState:
    prices, catalog = tariff.load_tariff(settings.tariff), PriceCatalog(stripe)
    credits, storage = CreditLedger(prices), Storage(settings.data / "media")
    wakeups, announcer = Wakeups(redis, outbox), Announcer(outbox)
    keyring = Keyring(settings.secret, settings.previous_secret)
    lifecycle = VideoLifecycle(settings, pool, credits, wakeups, announcer)
    library, uploads = VideoLibrary(pool, lifecycle), MediaIngester(settings)
    presets = PresetLibrary(pool, storage, settings.public_path)
    upload_store = UploadStore(settings, pool, storage, uploads)
    references = ReferenceResolver(pool, storage, library, uploads, upload_store)
    submissions = VideoSubmissions(settings, pool, storage, credits, wakeups, announcer)
    creator = VideoCreator(settings, prices, references, presets, submissions, serializer)
    event_streams = VideoEventStreams(hub, library, serializer)
    return AppState(
        settings=settings,
        tariff=prices,
        credits=credits,
        stripe=stripe,
        purchases=Purchases(settings, pool, stripe, prices, catalog),
        changes=SubscriptionChanges(pool, stripe, prices, catalog),
        wakeups=wakeups,
        pool=pool,
        redis=redis,
        storage=storage,
        keyring=keyring,
        limiter=RateLimiter(redis, enabled=settings.rate_limits, loopback=settings.loopback),
        hub=hub,
        accounts=Accounts(pool, keyring, credits, settings),
        submissions=submissions,
        lifecycle=lifecycle,
        library=library,
        references=references,
        creator=creator,
        estimator=VideoEstimator(pool, creator, credits, serializer.pace),
        media_ingester=uploads,
        upload_store=upload_store,
        presets=presets,
        images=ImageCreator(pool, storage, creator, event_streams, serializer),
        event_streams=event_streams,
        serializer=serializer,
    )
