"""What one web process holds open, handed to every route as `parts`. Opened by `app`, replaced by tests."""

from typing import NamedTuple

from redis.asyncio import Redis

from api.arrivals import Arrivals
from api.billing.changes import Changes
from api.billing.credits import Credits
from api.billing.purchases import Purchases
from api.billing.stripe import Stripe
from api.billing.tariff import Tariff
from api.db import Pool
from api.events import Hub
from api.feeds import Feeds
from api.presets import Presets
from api.queue import Bell
from api.ratelimit import Limiter
from api.settings import Settings
from api.sources import Sources
from api.storage import Storage
from api.tokens import Keyring
from api.uploads import Uploads
from api.videos import Videos
from api.views import Views


class Parts(NamedTuple):
    """The pool, Redis and what is built on them. One for each process."""

    settings: Settings
    tariff: Tariff
    credits: Credits
    stripe: Stripe
    purchases: Purchases
    changes: Changes
    bell: Bell
    pool: Pool
    redis: Redis
    storage: Storage
    keyring: Keyring
    limiter: Limiter
    hub: Hub
    videos: Videos
    sources: Sources
    uploads: Uploads
    arrivals: Arrivals
    presets: Presets
    feeds: Feeds
    views: Views
