"""Tokens are proved, expire, survive a change of secret, and cannot be forged or confused."""

from __future__ import annotations

import base64
import json

import jwt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.errors import Unauthorized
from api.keyring import (
    ACCESS_SECONDS,
    AUDIENCE,
    ISSUER,
    KEY_PREFIX,
    MAX_REMEMBERED,
    TYPE,
    AccessClaims,
    Keyring,
    is_api_key,
    new_api_key,
    new_refresh_token,
)

SECRET = "a secret of many characters"
OTHER = "quite another secret of many characters"
NOW = 1_800_000_000.0


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keyring(clock: Clock) -> Keyring:
    return Keyring(SECRET, clock=clock)


def _with_payload(token: str, **changes: object) -> str:
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    changed = base64.urlsafe_b64encode(json.dumps({**claims, **changes}).encode()).rstrip(b"=").decode()
    return f"{header}.{changed}.{signature}"


# -- access tokens ------------------------------------------------------------------------------------------


def test_an_access_token_carries_its_claims(keyring: Keyring) -> None:
    claims = keyring.verify_access_token(keyring.issue_access_token("user_1", "session_1"))
    assert claims == AccessClaims("user_1", "session_1", NOW + 15 * 60)


@pytest.mark.parametrize("read_before", [False, True], ids=["fresh", "remembered"])
def test_an_access_token_expires_to_the_second(keyring: Keyring, clock: Clock, *, read_before: bool) -> None:
    token = keyring.issue_access_token("user_1", "session_1")
    clock.now += ACCESS_SECONDS - 1
    if read_before:
        keyring.verify_access_token(token)
    clock.now += 1
    with pytest.raises(Unauthorized, match="expired"):
        keyring.verify_access_token(token)


def test_a_previous_secret_is_accepted_until_it_is_removed(clock: Clock) -> None:
    token = Keyring(SECRET, clock=clock).issue_access_token("user_1", "session_1")
    assert Keyring(OTHER, SECRET, clock=clock).verify_access_token(token).user_id == "user_1"
    with pytest.raises(Unauthorized):
        Keyring(OTHER, clock=clock).verify_access_token(token)


def test_the_cache_of_tokens_is_bounded_and_keeps_the_latest(keyring: Keyring) -> None:
    first = keyring.issue_access_token("user_1", "session_first")
    others = [keyring.issue_access_token("user_1", f"session_{n}") for n in range(MAX_REMEMBERED)]
    for token in [first, *others[:-1], first, others[-1]]:
        keyring.verify_access_token(token)
    assert len(keyring._verified) == MAX_REMEMBERED
    assert first in keyring._verified
    assert others[0] not in keyring._verified


def test_an_altered_payload_is_refused(keyring: Keyring) -> None:
    with pytest.raises(Unauthorized):
        keyring.verify_access_token(_with_payload(keyring.issue_access_token("user_1", "session_1"), sub="user_2"))


@pytest.mark.parametrize(
    ("claims", "headers"),
    [
        ({"aud": "somebody-else"}, {}),
        ({"iss": "somebody-else"}, {}),
        ({"sid": None}, {}),
        ({}, {"typ": "JWT"}),
        ({}, {"kid": "unknown"}),
    ],
)
def test_a_valid_signature_of_other_claims_is_refused(
    keyring: Keyring, claims: dict[str, object], headers: dict[str, object]
) -> None:
    usual = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "user_1",
        "sid": "session_1",
        "iat": NOW,
        "exp": NOW + 9,
    }
    merged = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    usual_headers = {"kid": keyring._current.kid, "typ": TYPE}
    token = jwt.encode(merged, keyring._current.signing, algorithm="EdDSA", headers={**usual_headers, **headers})
    with pytest.raises(Unauthorized):
        keyring.verify_access_token(token)


@pytest.mark.parametrize("algorithm", ["HS256", "none"])
def test_other_algorithms_are_refused(keyring: Keyring, algorithm: str) -> None:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "u", "sid": "s", "iat": NOW, "exp": NOW + 9}
    key = "" if algorithm == "none" else "x" * 32
    headers = {"kid": keyring._current.kid, "typ": TYPE}
    token = jwt.encode(claims, key, algorithm=algorithm, headers=headers)
    with pytest.raises(Unauthorized):
        keyring.verify_access_token(token)


@given(st.text() | st.builds(".".join, st.lists(st.text(alphabet="aeyJ0=-_{}"), min_size=3, max_size=3)))
def test_any_text_is_refused_in_the_same_way(text: str) -> None:
    with pytest.raises(Unauthorized):
        Keyring(SECRET).verify_access_token(text)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="16 characters"):
        Keyring("short")


# -- refresh tokens -----------------------------------------------------------------------------------------


def test_a_refresh_successor_is_deterministic() -> None:
    token = new_refresh_token()
    assert Keyring(SECRET).refresh_successors(token) == Keyring(SECRET).refresh_successors(token)
    assert Keyring(SECRET).refresh_successors(token) != Keyring(OTHER).refresh_successors(token)


def test_a_successor_under_the_previous_secret_is_accepted() -> None:
    token = new_refresh_token()
    present, previous = Keyring(OTHER, SECRET).refresh_successors(token)
    assert [present] == Keyring(OTHER).refresh_successors(token)
    assert [previous] == Keyring(SECRET).refresh_successors(token)


def test_refresh_successors_never_repeat(keyring: Keyring) -> None:
    family = [new_refresh_token()]
    for _ in range(50):
        family.append(keyring.refresh_successors(family[-1])[0])
    assert len(set(family)) == 51
    assert all(len(token) == len(family[0]) for token in family)


# -- API keys -----------------------------------------------------------------------------------------------


def test_an_api_key_has_its_form() -> None:
    key = new_api_key()
    assert key.startswith("kin_")
    assert len(key) == 40
    assert is_api_key(key)


@given(position=st.integers(min_value=0, max_value=39), character=st.characters())
@example(position=4, character="\ud800")
def test_a_mistyped_api_key_is_detected_by_its_checksum(position: int, character: str) -> None:
    key = new_api_key()
    mistyped = key[:position] + character + key[position + 1 :]
    assert is_api_key(mistyped) == (mistyped == key)


@given(st.text())
def test_no_other_text_is_an_api_key(text: str) -> None:
    assert not is_api_key(text)
    assert not is_api_key(KEY_PREFIX + text)


# -- media signatures ---------------------------------------------------------------------------------------

PATH = "/v1/videos/vid_1/content"


def test_a_signature_is_valid_until_it_expires(keyring: Keyring, clock: Clock) -> None:
    signature = keyring.sign_media(PATH, int(NOW) + 60)
    assert keyring.is_media_signature(PATH, int(NOW) + 60, signature)
    clock.now += 60
    assert not keyring.is_media_signature(PATH, int(NOW) + 60, signature)


def test_a_signature_is_invalid_for_another_path(keyring: Keyring) -> None:
    expires = int(NOW) + 60
    signature = keyring.sign_media(PATH, expires)
    assert not keyring.is_media_signature(PATH.replace("vid_1", "vid_2"), expires, signature)
    assert not keyring.is_media_signature(PATH, expires + 1, signature)
    assert not keyring.is_media_signature(PATH, expires, signature[:-1])
    assert not keyring.is_media_signature(PATH, expires, "é")
    assert not Keyring(OTHER, clock=Clock()).is_media_signature(PATH, expires, signature)


def test_signed_urls_survive_a_rotation_of_the_secret(keyring: Keyring) -> None:
    expires = int(NOW) + 60
    signature = keyring.sign_media(PATH, expires)
    assert Keyring(OTHER, SECRET, clock=Clock()).is_media_signature(PATH, expires, signature)
