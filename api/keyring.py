"""Creates and verifies credentials: access and refresh tokens, API keys, media signatures. Does no I/O.

A separate key for each purpose is derived from one secret. Signatures of the previous secret are still accepted, so
that rotating the secret signs nobody out.

    access token   JWT valid for 15 minutes that names a user and a session
    refresh token  opaque, valid once, stored as its SHA-256; its successor is derived from it
    API key        `kin_`, 30 random characters and 6 of checksum; stored as its SHA-256
    signature      grants access to one media path until it expires, for players that send no header
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import string
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from api.errors import Unauthorized
from api.settings import MIN_SECRET_LENGTH

ACCESS_SECONDS = 15 * 60
ALGORITHM = "EdDSA"
ISSUER = "kinora"
AUDIENCE = "kinora-api"
TYPE = "at+jwt"  # RFC 9068; keeps any other JWT from passing as an access token
MAX_REMEMBERED = 4096

KEY_PREFIX = "kin_"
REFRESH_PREFIX = "kir_"
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
KEY_RANDOM = 30
KEY_CHECKSUM = 6


class AccessClaims(NamedTuple):
    """The claims of an access token. `expires_at` is in Unix seconds."""

    user_id: str
    session_id: str
    expires_at: float


class _DerivedKeys(NamedTuple):
    """The keys derived from one secret."""

    kid: str
    signing: Ed25519PrivateKey
    refresh: bytes
    media: bytes


class Keyring:
    """Signs with the current secret and accepts signatures of the previous one.

    Raises ValueError if a secret is too short. `clock` gives Unix seconds.
    """

    def __init__(self, secret: str, previous_secret: str = "", *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._current = _derive_keys(secret)
        self._accepted = [self._current] + ([_derive_keys(previous_secret)] if previous_secret else [])
        self._verifying = {keys.kid: keys.signing.public_key() for keys in self._accepted}
        self._verified: OrderedDict[str, AccessClaims] = OrderedDict()

    def issue_access_token(self, user_id: str, session_id: str) -> str:
        """A bearer token for the user and session, valid for ACCESS_SECONDS."""
        now = int(self._clock())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "sid": session_id,
            "iat": now,
            "exp": now + ACCESS_SECONDS,
        }
        headers = {"kid": self._current.kid, "typ": TYPE}
        return jwt.encode(claims, self._current.signing, algorithm=ALGORITHM, headers=headers)

    def verify_access_token(self, token: str) -> AccessClaims:
        """The claims of a valid token. Raises Unauthorized. Does not check that the session still exists.

        Verifying a signature takes about 100 µs, so the most recently used tokens are cached.
        """
        claims = self._verified.get(token) or self._verify_signature(token)
        if claims.expires_at <= self._clock():
            self._verified.pop(token, None)
            raise Unauthorized("The access token has expired. Get a new one from POST /v1/auth/refresh.")
        self._remember_claims(token, claims)
        return claims

    def _remember_claims(self, token: str, claims: AccessClaims) -> None:
        self._verified[token] = claims
        self._verified.move_to_end(token)
        if len(self._verified) > MAX_REMEMBERED:
            self._verified.popitem(last=False)

    def _verify_signature(self, token: str) -> AccessClaims:
        try:
            payload = self._decode_token(token)
        except jwt.InvalidTokenError as error:
            raise Unauthorized(
                "The access token is invalid. Send it exactly as POST /v1/auth/login returned it."
            ) from error
        return AccessClaims(payload["sub"], payload["sid"], float(payload["exp"]))

    def _decode_token(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        key = self._verifying.get(str(header.get("kid")))
        if key is None or header.get("typ") != TYPE:
            raise jwt.InvalidTokenError(header)
        return jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            # The caller checks the expiry by its own clock, also for cached tokens.
            options={"require": ["exp", "iat", "sub", "sid"], "verify_exp": False, "verify_iat": False},
        )

    def refresh_successors(self, refresh_token: str) -> list[str]:
        """The successors of the refresh token: under the current secret, then under the previous one.

        A successor is computed, not random, so a client that lost the response and retries gets the same one although
        the server stores only its hash.
        """
        return [
            REFRESH_PREFIX + _base64_text(hmac.digest(keys.refresh, refresh_token.encode(), "sha256"))
            for keys in self._accepted
        ]

    def sign_media(self, path: str, expires: int) -> str:
        """A signature that grants access to the path until `expires` (Unix seconds)."""
        return _media_signature(self._current, path, expires)

    def is_media_signature(self, path: str, expires: int, signature: str) -> bool:
        """Whether the signature is valid for the path and expiry, and has not expired."""
        expected = [_media_signature(keys, path, expires) for keys in self._accepted]
        matches = [hmac.compare_digest(item.encode(), signature.encode()) for item in expected]
        return any(matches) and expires > self._clock()


def new_refresh_token() -> str:
    """The first refresh token of a session: 256 random bits."""
    return REFRESH_PREFIX + _base64_text(secrets.token_bytes(32))


def new_api_key() -> str:
    """A new API key: 178 random bits, and a checksum that lets secret scanners rule out look-alikes."""
    body = KEY_PREFIX + "".join(secrets.choice(BASE62) for _ in range(KEY_RANDOM))
    return body + _key_checksum(body)


def is_api_key(text: str) -> bool:
    """Whether the text has the form and checksum of an API key, so that a mistyped one costs no query."""
    body, checksum = text[:-KEY_CHECKSUM], text[-KEY_CHECKSUM:]
    return (
        text.isascii()
        and len(text) == len(KEY_PREFIX) + KEY_RANDOM + KEY_CHECKSUM
        and body.startswith(KEY_PREFIX)
        and checksum == _key_checksum(body)
    )


def token_digest(token: str) -> bytes:
    """The stored form of a refresh token or API key. Both are random, so a plain SHA-256 without salt is enough."""
    return hashlib.sha256(token.encode()).digest()


def _key_checksum(body: str) -> str:
    """CRC-32 in base 62, six characters."""
    number, characters = zlib.crc32(body.encode()), ""
    for _ in range(KEY_CHECKSUM):
        number, index = divmod(number, len(BASE62))
        characters = BASE62[index] + characters
    return characters


def _derive_keys(secret: str) -> _DerivedKeys:
    if len(secret) < MIN_SECRET_LENGTH:
        raise ValueError(f"a secret needs at least {MIN_SECRET_LENGTH} characters")
    signing = Ed25519PrivateKey.from_private_bytes(_derive_key(secret, "access token"))
    public = signing.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    kid = hashlib.sha256(public).hexdigest()[:16]
    return _DerivedKeys(kid, signing, _derive_key(secret, "refresh token"), _derive_key(secret, "media"))


def _derive_key(secret: str, purpose: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=f"kinora {purpose}".encode()).derive(secret.encode())


def _media_signature(keys: _DerivedKeys, path: str, expires: int) -> str:
    return _base64_text(hmac.digest(keys.media, f"{expires}\n{path}".encode(), "sha256"))


def _base64_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
