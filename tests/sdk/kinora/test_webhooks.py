"""Webhooks: signed events are decoded, anything else is refused."""

from __future__ import annotations

import hmac
import time
from base64 import b64decode, b64encode
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kinora import WebhookError, verify_webhook

from tests.support.api_examples import video

SECRET = "whsec_" + b64encode(b"a secret of thirty-two bytes, or so").decode()
BODY = msgspec.json.encode({"type": "video.completed", "timestamp": "2026-11-25T12:00:00Z", "data": video()})


def signed(body: bytes = BODY, *, sent: int | None = None, secret: str = SECRET) -> dict[str, str]:
    moment = int(time.time()) if sent is None else sent
    key = b64decode(secret.removeprefix("whsec_"))
    signature = b64encode(hmac.digest(key, f"msg_1.{moment}.".encode() + body, sha256)).decode()
    return {"Webhook-Id": "msg_1", "Webhook-Timestamp": str(moment), "Webhook-Signature": f"v1,{signature}"}


def test_the_signature_of_the_standards_test_vector_is_valid() -> None:
    """The vector that the Standard Webhooks libraries are tested with; its body is no event of ours."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    with pytest.raises(WebhookError, match="is valid, but"):
        verify_webhook(
            b'{"test": 2432232314}', headers, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", tolerance=float("inf")
        )


def test_an_event_is_decoded_with_its_video() -> None:
    event = verify_webhook(BODY, signed(), SECRET)
    assert (event.id, event.type) == ("msg_1", "video.completed")
    assert event.video is not None
    assert event.video.id == video()["id"]


def test_one_valid_signature_of_several_is_enough() -> None:
    headers = signed()
    headers["Webhook-Signature"] = f"v1,AAAA v2,BBBB {headers['Webhook-Signature']}"
    assert verify_webhook(BODY, headers, SECRET).type == "video.completed"


@given(st.integers(0, len(BODY) * 8 - 1))
def test_a_changed_bit_is_refused(bit: int) -> None:
    body = bytearray(BODY)
    body[bit // 8] ^= 1 << bit % 8
    with pytest.raises(WebhookError, match="does not match"):
        verify_webhook(bytes(body), signed(), SECRET)


@pytest.mark.parametrize("ago", [301, -301, 10**9])
def test_a_timestamp_out_of_tolerance_is_refused(ago: int) -> None:
    with pytest.raises(WebhookError, match="seconds from now"):
        verify_webhook(BODY, signed(sent=int(time.time()) - ago), SECRET)


@pytest.mark.parametrize("missing", ["Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"])
def test_a_missing_header_is_refused(missing: str) -> None:
    headers = {name: value for name, value in signed().items() if name != missing}
    with pytest.raises(WebhookError, match="are required"):
        verify_webhook(BODY, headers, SECRET)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Webhook-Signature", "v1,é"),
        ("Webhook-Signature", "v1,\udcff"),
        ("Webhook-Id", "\udcff"),
        ("Webhook-Timestamp", "9" * 400),
        ("Webhook-Timestamp", "9" * 5000),
    ],
)
def test_a_forged_header_is_refused_whatever_it_holds(header: str, value: str) -> None:
    with pytest.raises(WebhookError):
        verify_webhook(BODY, {**signed(), header: value}, SECRET)


@pytest.mark.parametrize("secret", ["whsec_not base 64!", "whsec_", "", "clé"])
def test_an_invalid_secret_is_refused(secret: str) -> None:
    """Not even where the signature fits: a setting that is missing must not let everybody in."""
    with pytest.raises(WebhookError, match="whsec_"):
        verify_webhook(BODY, signed(secret="whsec_"), secret)
