"""Routes that send media: to their owner, or to the bearer of a signed URL, by GET and HEAD."""

from collections.abc import Callable
from typing import Annotated, Any, cast

from litestar import route
from litestar.di import NamedDependency, Provide
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from api.errors import Invalid, Unauthorized
from api.http.authentication import Caller, requires_scope
from api.http.openapi.operations import DocumentedOperation, per_method, problem_responses
from api.http.requests import UserRequest
from api.http.state import AppState
from api.keyring import Keyring


class MediaReader:
    """Who reads: a user, or the bearer of a signed URL."""

    def __init__(self, keyring: Keyring, user_id: str | None, expires: int | None, signature: str | None) -> None:
        self._keyring = keyring
        self._user_id = user_id
        self._expires = expires
        self._signature = signature

    def authorize_path(self, path: str) -> str | None:
        """The user who reads, or None for the bearer of a URL signed for `path`. Raises Invalid, Unauthorized."""
        if self._user_id is not None:
            return self._user_id
        if self._expires is None or self._signature is None:
            raise Invalid("A signed URL has both `expires` and `signature`.", param="expires")
        if not self._keyring.is_media_signature(path, self._expires, self._signature):
            raise Unauthorized("This URL has expired or its signature is invalid. Fetch the video again for a new one.")
        return None


def provide_media_reader(
    request: UserRequest,
    app_state: NamedDependency[AppState],
    expires: Annotated[int | None, QueryParameter(description="Expiry of the signed URL, in Unix seconds.")] = None,
    signature: Annotated[
        str | None,
        QueryParameter(description="Signature of the signed URL, instead of a bearer token.", max_length=128),
    ] = None,
) -> MediaReader:
    """The dependency `reader` of these routes."""
    caller = cast("Caller | None", request.user)
    return MediaReader(app_state.keyring, caller.user_id if caller else None, expires, signature)


def media_route(
    path: str, *, get: str, head: str, summary: str, statuses: tuple[int, ...], operation: type[DocumentedOperation]
) -> Callable[[Any], HTTPRouteHandler]:
    """A route for GET and HEAD, with the operation ids `get` and `head`, whose handler takes `reader: MediaReader`."""
    return route(
        path,
        http_method=[HttpMethod.GET, HttpMethod.HEAD],
        operation_id=per_method(GET=get, HEAD=head),
        summary=summary,
        guards=[requires_scope("videos:read")],
        opt={"signature": True},
        responses=problem_responses(*statuses),
        operation_class=operation,
        dependencies={"reader": Provide(provide_media_reader, sync_to_thread=False)},
    )
