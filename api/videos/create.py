"""What routes about videos share: placing an order for what a body asks, and answering with the video."""

from typing import cast

import msgspec
from litestar import Response

from api import idempotency
from api.errors import NotFound
from api.http import body
from api.http.requests import UserRequest, parse_prefer_wait
from api.http.state import AppState
from api.schemas.video_requests import Making
from api.schemas.videos import Video
from api.sql.generations import Generation
from api.sql.idempotency import Answer
from api.videos import quote, spec
from api.videos.quote import Terms
from api.videos.serializers import poll_headers
from api.videos.submission import Submission


def terms(request: UserRequest, app_state: AppState) -> Terms:
    """What whoever asks is limited and charged by."""
    return Terms(app_state.tariff.find_plan(request.user.plan, request.user.plan_version), app_state.tariff.prices)


async def shown(row: Generation, app_state: AppState) -> Response[Video]:
    """The video as it is now, with how soon to ask again."""
    await app_state.views.pace.refresh()
    video = app_state.views.video(row)
    return Response(video, headers=poll_headers(video), status_code=200)


async def make(request: UserRequest, app_state: AppState, asked: Making) -> Answer:
    """Place an order for what was asked, or answer a repetition as the first time. Raises every kind of problem."""
    user_id = request.user.user_id
    key = idempotency.key_of(request.headers.get("idempotency-key"))
    fingerprint = body.fingerprint(request.method, request.url.path, asked)
    if key and (kept := await app_state.submissions.find_answer(user_id, key, fingerprint)):
        return kept  # first of all: what it was made from may be gone by now
    await app_state.views.pace.refresh()
    async with app_state.sources.found(spec.references(asked), user_id) as footage:
        style = await app_state.presets.style(asked.preset, user_id)
        order = quote.place(asked, terms(request, app_state), app_state.settings, footage, style)
        submission = Submission(
            user_id=user_id,
            order=order,
            fingerprint=fingerprint,
            key=key,
            retried=request.headers.get("x-stainless-retry-count", "0") not in ("", "0"),
            pictures=[
                await app_state.sources.picture(one.reference, user_id, one.field) for one in order.draft.pictures
            ],
        )
        return await app_state.submissions.submit(submission, lambda row: _answer(row, fingerprint, app_state))


async def made(request: UserRequest, app_state: AppState, asked: Making) -> Response[Video]:
    """The new video, at once or, if the client waits, once it is done."""
    answer = await make(request, app_state, asked)
    if (wait := parse_prefer_wait(request)) and (done := await _done(answer, request.user.user_id, wait, app_state)):
        return done
    kept = Response(answer.body, status_code=answer.status, headers=answer.headers, media_type="application/json")
    return cast("Response[Video]", kept)


async def _done(answer: Answer, user_id: str, wait: int, app_state: AppState) -> Response[Video] | None:
    """The created video once it is done; None if it has been deleted since, when the first answer must do."""
    location = answer.headers["Location"]
    try:
        row = await app_state.feeds.terminal(location.rpartition("/")[2], user_id, wait)
    except NotFound:
        return None
    done = await shown(row, app_state)
    done.headers["Location"] = location
    return done


def _answer(row: Generation, fingerprint: bytes, app_state: AppState) -> Answer:
    """The reply to a create, ready to be sent and to be kept."""
    video = app_state.views.video(row)
    headers = {"Location": f"/v1/videos/{row.id}", **poll_headers(video)}
    return Answer(fingerprint=fingerprint, status=200, headers=headers, body=msgspec.json.encode(video))
