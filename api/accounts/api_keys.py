"""API keys: created, shown once, revoked. Only a key's hash is stored."""

from __future__ import annotations

import msgspec

from api import idempotency, ids, keyring
from api.errors import NotFound
from api.idempotency import RequestIdentity
from api.schemas.accounts import ApiKeyCreate, NewApiKey
from api.sql import api_keys
from api.sql.connection import Database, Pool, transaction
from api.sql.idempotency import StoredAnswer

HINT_LENGTH = 4
DEFAULT_SCOPES = ["videos:read", "videos:write", "account:read"]


async def create_api_key(pool: Pool, request: ApiKeyCreate, identity: RequestIdentity) -> NewApiKey:
    """Create an API key. Repeated under one Idempotency-Key, it returns the first one without its secret.

    Raises RequestInProgress and IdempotencyKeyReused.
    """
    secret = keyring.new_api_key()
    async with transaction(pool) as db:

        async def create() -> StoredAnswer:
            body = msgspec.json.encode(await _insert_api_key(db, identity.user_id, request, secret))
            return StoredAnswer(fingerprint=identity.fingerprint, status=201, headers={}, body=body)

        outcome = await idempotency.answer_once(db, identity, create)
    created = msgspec.json.decode(outcome.answer.body, type=NewApiKey)
    return created if outcome.replayed else msgspec.structs.replace(created, key=secret)


async def _insert_api_key(db: Database, user_id: str, request: ApiKeyCreate, secret: str) -> NewApiKey:
    """The new key without its secret, in the form that may be stored for replay."""
    row = await api_keys.insert_api_key(
        db,
        id=ids.new_id(ids.API_KEY),
        user_id=user_id,
        name=request.name,
        hash=keyring.token_digest(secret),
        hint=secret[-HINT_LENGTH:],
        scopes=list(dict.fromkeys(request.scopes or DEFAULT_SCOPES)),
    )
    return NewApiKey(**msgspec.structs.asdict(row), key=None)


async def revoke_api_key(pool: Pool, user_id: str, key_id: str) -> None:
    """Revoke a key at once. Raises NotFound."""
    async with transaction(pool) as db:
        if not ids.is_valid_id(key_id, ids.API_KEY) or not await api_keys.revoke_api_key(db, key_id, user_id):
            raise NotFound("You have no API key with this id; GET /v1/api_keys lists them.")
