"""A web process's state with other settings, another tariff, or less patience."""

from __future__ import annotations

from api.http.state import AppState
from api.messaging.events import Announcer, CommandOutbox
from api.videos.create import VideoCreator
from api.videos.estimate import VideoEstimator
from api.videos.images import ImageCreator
from api.videos.submission import VideoSubmissions


def rebuild_creates(app_state: AppState) -> AppState:
    """The state with what creates videos built anew from its settings, tariff and credits."""
    announcer = Announcer(CommandOutbox(app_state.redis))
    submissions = VideoSubmissions(
        app_state.settings, app_state.pool, app_state.storage, app_state.credits, app_state.wakeups, announcer
    )
    creator = VideoCreator(
        app_state.settings, app_state.tariff, app_state.references, app_state.presets, submissions, app_state.serializer
    )
    estimator = VideoEstimator(app_state.pool, creator, app_state.credits, app_state.serializer.pace)
    return with_image_wait(app_state._replace(submissions=submissions, creator=creator, estimator=estimator))


def with_image_wait(app_state: AppState, seconds: float = 60.0) -> AppState:
    """The state with requests for images that wait so long."""
    images = ImageCreator(
        app_state.pool,
        app_state.storage,
        app_state.creator,
        app_state.event_streams,
        app_state.serializer,
        wait=seconds,
    )
    return app_state._replace(images=images)
