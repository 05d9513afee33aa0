"""Events, webhook endpoints (snapshot events) and event destinations (thin events)."""

from __future__ import annotations

from urllib.parse import urlsplit

from api.fakes.stripe import errors, events, lists
from api.fakes.stripe.account import PRIVATE, StripeAccount, new_id
from api.fakes.stripe.errors import Json
from api.fakes.stripe.params import Params

ENDPOINT, DESTINATION = "webhook_endpoint", "v2.core.event_destination"
UNDELIVERED = "SELECT DISTINCT event FROM deliveries WHERE state != 'delivered'"


def retrieve_event(account: StripeAccount, params: Params, event_id: str) -> Json:
    return events.retrieve_event(account, event_id)


def list_events(account: StripeAccount, params: Params) -> Json:
    """Events of the last 30 days by type, time or delivery success."""
    event_type, event_types = params.optional_text("type"), params.string_list("types")
    where: dict[str, object] = {"created >=": account.now() - events.RETENTION}
    if event_type is not None and event_types is not None:
        raise errors.invalid_request("You may only specify one of these parameters: type, types.", param="type")
    if event_type is not None and "*" in event_type:
        where["type GLOB"] = event_type
    elif event_type is not None or event_types:
        where["type"] = event_types or [str(event_type)]
    delivered = params.optional_bool("delivery_success")
    if delivered is not None:
        late = [row[0] for row in account.store.connection.execute(UNDELIVERED)]
        where["id NOT IN" if delivered else "id IN"] = late
    page = lists.list_page(account, params, "event", "/v1/events", where)
    page["data"] = [
        {**event, "pending_webhooks": events.count_undelivered(account, event["id"])} for event in page["data"]
    ]
    return page


def retrieve_thin_event(account: StripeAccount, params: Params, event_id: str) -> Json:
    """A thin event with the `data` and `changes` that are not delivered."""
    return account.require_object("v2.core.event", event_id)


def create_webhook_endpoint(account: StripeAccount, params: Params) -> Json:
    """Only this response contains the endpoint's secret."""
    url = _check_url(params.required_text("url"), "url")
    enabled = params.string_list("enabled_events")
    if not enabled:
        raise errors.missing_parameter("enabled_events")
    endpoint: Json = {
        "id": new_id("we_1"),
        "object": ENDPOINT,
        "api_version": params.optional_text("api_version"),
        "application": None,
        "created": account.now(),
        "description": params.optional_text("description"),
        "enabled_events": enabled,
        "livemode": False,
        "metadata": params.string_map("metadata") or {},
        "status": "enabled",
        "url": url,
        PRIVATE: {"secret": new_id("whsec_", 32)},
    }
    params.ignore_params("connect")
    account.create_object(endpoint)
    return {**endpoint, "secret": endpoint[PRIVATE]["secret"]}


def _check_url(url: str, param: str) -> str:
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise errors.invalid_request(f"Invalid URL: {url}", code="url_invalid", param=param)
    return url


def retrieve_webhook_endpoint(account: StripeAccount, params: Params, endpoint_id: str) -> Json:
    return account.require_object(ENDPOINT, endpoint_id)


def list_webhook_endpoints(account: StripeAccount, params: Params) -> Json:
    return lists.list_page(account, params, ENDPOINT, "/v1/webhook_endpoints")


def update_webhook_endpoint(account: StripeAccount, params: Params, endpoint_id: str) -> Json:
    endpoint = account.require_object(ENDPOINT, endpoint_id)
    if params.has_value("url"):
        endpoint["url"] = _check_url(params.required_text("url"), "url")
    if params.has_value("enabled_events"):
        endpoint["enabled_events"] = params.string_list("enabled_events") or []
    if params.has_value("description"):
        endpoint["description"] = params.optional_text("description")
    disabled = params.optional_bool("disabled")
    if disabled is not None:
        endpoint["status"] = "disabled" if disabled else "enabled"
    endpoint["metadata"] = params.merge_metadata(endpoint["metadata"])
    return account.update_object(endpoint)


def delete_webhook_endpoint(account: StripeAccount, params: Params, endpoint_id: str) -> Json:
    account.require_object(ENDPOINT, endpoint_id)
    account.store.delete_object(ENDPOINT, endpoint_id)
    return {"id": endpoint_id, "object": ENDPOINT, "deleted": True}


def create_event_destination(account: StripeAccount, params: Params) -> Json:
    """URL and signing secret are only returned where `include` names them."""
    if params.required_text("type") != "webhook_endpoint":
        raise errors.invalid_request("This fake Stripe delivers to webhook endpoints only.", param="type")
    if params.required_text("event_payload") != "thin":
        raise errors.invalid_request(
            "This fake Stripe's destinations are thin; snapshots go to v1 endpoints.", param="event_payload"
        )
    url = _check_url(params.nested_params("webhook_endpoint").required_text("url"), "webhook_endpoint.url")
    enabled = params.string_list("enabled_events")
    if not enabled:
        raise errors.missing_parameter("enabled_events")
    now = events.format_timestamp(account.now())
    destination: Json = {
        "id": new_id("ed_test_", 28),
        "object": DESTINATION,
        "created": now,
        "description": params.optional_text("description") or "",
        "enabled_events": enabled,
        "event_payload": "thin",
        "events_from": params.string_list("events_from") or ["self"],
        "livemode": False,
        "metadata": params.string_map("metadata") or {},
        "name": params.required_text("name"),
        "snapshot_api_version": None,
        "status": "enabled",
        "status_details": None,
        "type": "webhook_endpoint",
        "updated": now,
        "webhook_endpoint": {"signing_secret": None, "url": None},
        PRIVATE: {"secret": new_id("whsec_", 32), "url": url},
    }
    return _destination_response(account.create_object(destination), params)


def _destination_response(destination: Json, params: Params) -> Json:
    included = params.string_list("include") or []
    private = destination[PRIVATE]
    parts = {"signing_secret": private["secret"], "url": private["url"]}
    chosen = {name: value if f"webhook_endpoint.{name}" in included else None for name, value in parts.items()}
    return {**destination, "webhook_endpoint": chosen}


def retrieve_event_destination(account: StripeAccount, params: Params, destination_id: str) -> Json:
    return _destination_response(account.require_object(DESTINATION, destination_id), params)


def list_event_destinations(account: StripeAccount, params: Params) -> Json:
    """All destinations, as a list of version 2 of the API."""
    params.ignore_params("limit")
    rows = [_destination_response(destination, params) for destination in account.store.find_objects(DESTINATION)]
    shown = [{name: value for name, value in row.items() if name != PRIVATE} for row in rows]
    return {"data": shown, "next_page_url": None, "previous_page_url": None}


def delete_event_destination(account: StripeAccount, params: Params, destination_id: str) -> Json:
    account.require_object(DESTINATION, destination_id)
    account.store.delete_object(DESTINATION, destination_id)
    return {"id": destination_id, "object": DESTINATION}


ROUTES = (
    ("GET", "/v1/events", list_events),
    ("GET", "/v1/events/{}", retrieve_event),
    ("POST", "/v1/webhook_endpoints", create_webhook_endpoint),
    ("GET", "/v1/webhook_endpoints", list_webhook_endpoints),
    ("GET", "/v1/webhook_endpoints/{}", retrieve_webhook_endpoint),
    ("POST", "/v1/webhook_endpoints/{}", update_webhook_endpoint),
    ("DELETE", "/v1/webhook_endpoints/{}", delete_webhook_endpoint),
    ("GET", "/v2/core/events/{}", retrieve_thin_event),
    ("POST", "/v2/core/event_destinations", create_event_destination),
    ("GET", "/v2/core/event_destinations", list_event_destinations),
    ("GET", "/v2/core/event_destinations/{}", retrieve_event_destination),
    ("DELETE", "/v2/core/event_destinations/{}", delete_event_destination),
)
