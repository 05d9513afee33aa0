"""Secrets that prove who asks: access and refresh tokens, API keys, media signatures. Does no I/O.

Every key is derived from one secret, each for its own purpose. What the previous secret signed is still
accepted, so a secret is changed without anybody being signed out.

    access token   a JWT of 15 minutes that names a user and a session
    refresh token  opaque, works once, kept as its SHA-256; its successor is derived from it
    API key        `kin_`, 30 random characters, 6 of checksum; kept as its SHA-256
    signature      opens one media path until a time, for players that send no header
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

ACCESS_SECONDS = 15 * 60
ALGORITHM = "EdDSA"
ISSUER = "kinora"
AUDIENCE = "kinora-api"
TYPE = "at+jwt"  # RFC 9068: no other JWT of ours can be passed off as an access token
MAX_REMEMBERED = 4096
MIN_SECRET_LENGTH = 16

KEY_PREFIX = "kin_"
REFRESH_PREFIX = "kir_"
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
KEY_RANDOM = 30
KEY_CHECKSUM = 6


class AccessClaims(NamedTuple):
    """What an access token says. `expires_at` is in Unix seconds."""

    user_id: str
    session_id: str
    expires_at: float


class _DerivedKeys(NamedTuple):
    """All that one secret derives."""

    kid: str
    signing: Ed25519PrivateKey
    refresh: bytes
    media: bytes


class Keyring:
    """Signs with the present secret, accepts the previous one's signatures too.

    Raises ValueError for a secret too short to keep one. `clock` gives Unix seconds.
    """

    def __init__(self, secret: str, previous_secret: str = "", *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._current = _derive_keys(secret)
        self._accepted = [self._current] + ([_derive_keys(previous_secret)] if previous_secret else [])
        self._verifying = {keys.kid: keys.signing.public_key() for keys in self._accepted}
        self._verified: OrderedDict[str, AccessClaims] = OrderedDict()

    def issue_access_token(self, user_id: str, session_id: str) -> str:
        """A bearer token for this user and session, good for ACCESS_SECONDS."""
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
        """What the token says, once it is proved. Raises Unauthorized.

        Checking a signature costs about 100 µs, so proved tokens are remembered, the latest used first.
        Whether the session still stands is for the database to say.
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
                "The access token is not one of ours. Send it exactly as POST /v1/auth/login answered it."
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
            # The expiry is judged by the caller's clock, for fresh and remembered tokens alike.
            options={"require": ["exp", "iat", "sub", "sid"], "verify_exp": False, "verify_iat": False},
        )

    def refresh_successors(self, refresh_token: str) -> list[str]:
        """What may follow this refresh token: under the present secret, then under the previous one.

        A successor is computed, not drawn, so a phone that lost the answer and asks again is given the same
        one although the server keeps only its hash.
        """
        return [
            REFRESH_PREFIX + _base64_text(hmac.digest(keys.refresh, refresh_token.encode(), "sha256"))
            for keys in self._accepted
        ]

    def sign_media(self, path: str, expires: int) -> str:
        """The signature that opens this path until `expires` (Unix seconds)."""
        return _media_signature(self._current, path, expires)

    def is_media_signature(self, path: str, expires: int, signature: str) -> bool:
        """Whether the signature was made by us for this path and expiry, and the time has not come yet."""
        ours = [_media_signature(keys, path, expires) for keys in self._accepted]
        matches = [hmac.compare_digest(each.encode(), signature.encode()) for each in ours]
        return any(matches) and expires > self._clock()


def new_refresh_token() -> str:
    """The first of a family: 256 random bits."""
    return REFRESH_PREFIX + _base64_text(secrets.token_bytes(32))


def new_api_key() -> str:
    """A fresh API key: 178 random bits, and a checksum by which a scanner tells it from a look-alike."""
    body = KEY_PREFIX + "".join(secrets.choice(BASE62) for _ in range(KEY_RANDOM))
    return body + _key_checksum(body)


def is_api_key(text: str) -> bool:
    """Whether form and checksum are an API key's: a mistyped one is known without asking the database."""
    body, checksum = text[:-KEY_CHECKSUM], text[-KEY_CHECKSUM:]
    return (
        text.isascii()
        and len(text) == len(KEY_PREFIX) + KEY_RANDOM + KEY_CHECKSUM
        and body.startswith(KEY_PREFIX)
        and checksum == _key_checksum(body)
    )


def token_digest(token: str) -> bytes:
    """What is kept of a refresh token or an API key. They are random, so a plain SHA-256 hides them well."""
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
