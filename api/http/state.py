"""What one web process holds open, passed to every route as `app_state`. Opened by `app`, replaced by tests."""

from typing import NamedTuple

from redis.asyncio import Redis

from api.accounts.sessions import Accounts
from api.billing.ledger.credits import CreditLedger
from api.billing.stripe.client import Stripe
from api.billing.subscriptions.changes import SubscriptionChanges
from api.billing.subscriptions.checkout import Purchases
from api.billing.tariff.tariff import Tariff
from api.http.rate_limit import Limiter
from api.keyring import Keyring
from api.messaging.events import Hub
from api.messaging.wakeups import Bell
from api.settings import Settings
from api.sql.connection import Pool
from api.storage.local import Storage
from api.uploads.ingest import Uploads
from api.uploads.store import UploadStore
from api.videos.create import VideoCreator
from api.videos.estimate import VideoEstimator
from api.videos.event_stream import VideoEventStreams
from api.videos.images import ImageCreator
from api.videos.library import VideoLibrary
from api.videos.lifecycle import VideoLifecycle
from api.videos.presets import PresetLibrary
from api.videos.references import ReferenceResolver
from api.videos.serializers import VideoSerializer
from api.videos.submission import VideoSubmissions


class AppState(NamedTuple):
    """The pool, Redis and everything built on them; one for each process."""

    settings: Settings
    tariff: Tariff
    credits: CreditLedger
    stripe: Stripe
    purchases: Purchases
    changes: SubscriptionChanges
    bell: Bell
    pool: Pool
    redis: Redis
    storage: Storage
    keyring: Keyring
    limiter: Limiter
    hub: Hub
    accounts: Accounts
    submissions: VideoSubmissions
    lifecycle: VideoLifecycle
    library: VideoLibrary
    references: ReferenceResolver
    creator: VideoCreator
    estimator: VideoEstimator
    images: ImageCreator
    uploads: Uploads
    upload_store: UploadStore
    presets: PresetLibrary
    event_streams: VideoEventStreams
    serializer: VideoSerializer
