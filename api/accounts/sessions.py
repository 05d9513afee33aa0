"""Accounts and the credentials that open them: sign-up, log-in, sessions, API keys. Knows no HTTP."""

from __future__ import annotations

import asyncio
import os
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from api import idempotency, ids, keyring
from api.errors import EmailTaken, Forbidden, NotFound, Unauthorized
from api.http.state import Parts
from api.schemas.accounts import ApiKeyCreate, LogIn, NewApiKey, ProfileUpdate, SignUp, Tokens, User
from api.sql import api_keys, sessions, users
from api.sql.connection import Database, transaction
from api.sql.idempotency import Answer

# OWASP's second recommendation for argon2id: 19 MiB and two passes, about 25 ms of one core.
PASSWORDS = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Threads of their own: a crowd at the door takes neither more memory than this nor the threads that read files.
HASHERS = ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix="argon2")
SESSION_LIFE = timedelta(days=180)
GRACE = 30.0  # seconds in which a refresh token may come twice, because its first answer was lost
USER_AGENT_LENGTH = 200
HINT_LENGTH = 4
DEFAULT_SCOPES = ["videos:read", "videos:write", "account:read"]

T = TypeVar("T")


# -- signing in ---------------------------------------------------------------------------------------------


async def sign_up(parts: Parts, form: SignUp, user_agent: str) -> Tokens:
    """Make an account with its first allowance, and sign it in. Raises EmailTaken.

    Nobody has confirmed the address yet, so only a server that this machine alone can reach grants all of
    the free allowance at once.
    """
    password = _normal(form.password)
    password_hash = await _hashing(lambda: PASSWORDS.hash(password))
    async with transaction(parts.pool) as db:
        user_id = await _add_user(db, parts, form, password_hash)
        return await _open_session(db, parts, user_id, user_agent)


async def _add_user(db: Database, parts: Parts, form: SignUp, password_hash: str) -> str:
    user_id = ids.new(ids.USER)
    added = await users.add(
        db,
        id=user_id,
        email=form.email.lower(),
        password_hash=password_hash,
        name=form.name,
        locale=form.locale,
        full_allowance=parts.settings.loopback,
    )
    if not added:
        raise EmailTaken("There is an account with this address; sign in with POST /v1/auth/login.", param="email")
    await parts.credits.lock_spendable(db, user_id)
    return user_id


async def log_in(parts: Parts, form: LogIn, user_agent: str) -> Tokens:
    """Open a session. Raises Unauthorized, in the same words and after the same work for every reason."""
    async with parts.pool.acquire() as db:
        account = await users.credentials(db, form.email.lower())
    known = account.password_hash if account else None
    renewed = await _hashing(lambda: _check(known, _normal(form.password)))
    if account is None or renewed is None:
        raise Unauthorized("The e-mail address or the password is wrong.")
    _refuse_suspended(suspended=account.suspended)
    async with transaction(parts.pool) as db:
        if renewed != account.password_hash:
            await users.set_password_hash(db, account.id, old=account.password_hash, new=renewed)
        return await _open_session(db, parts, account.id, user_agent)


def _check(password_hash: str | None, password: str) -> str | None:
    """The hash to keep if the password is right, renewed if it was made with older costs; else None.

    Where there is no account the same work is done for nothing, so that time tells a stranger nothing.
    """
    if password_hash is None:
        PASSWORDS.hash(password)
        return None
    try:
        PASSWORDS.verify(password_hash, password)
    except VerifyMismatchError:
        return None
    return PASSWORDS.hash(password) if PASSWORDS.check_needs_rehash(password_hash) else password_hash


async def _hashing(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(HASHERS, work)


def _normal(password: str) -> str:
    """One form for what keyboards write in several: é is one character on some and two on others."""
    return unicodedata.normalize("NFKC", password)


def _refuse_suspended(*, suspended: bool) -> None:
    if suspended:
        raise Forbidden("This account is suspended. Write to whoever runs this server.")


# -- sessions -----------------------------------------------------------------------------------------------


async def _open_session(db: Database, parts: Parts, user_id: str, user_agent: str) -> Tokens:
    session_id, refresh_token = ids.new(ids.SESSION), keyring.new_refresh_token()
    await sessions.add(
        db,
        id=session_id,
        user_id=user_id,
        user_agent=user_agent[:USER_AGENT_LENGTH],
        refresh_hash=keyring.digest(refresh_token),
        life=SESSION_LIFE,
    )
    return await _answer(db, parts, user_id, session_id, refresh_token)


async def _answer(db: Database, parts: Parts, user_id: str, session_id: str, refresh_token: str) -> Tokens:
    return Tokens(
        access_token=parts.keyring.access_token(user_id, session_id),
        expires_in=keyring.ACCESS_SECONDS,
        refresh_token=refresh_token,
        user=await profile(db, user_id),
    )


async def refresh(parts: Parts, refresh_token: str) -> Tokens:
    """Spend a refresh token for the next pair. Raises Unauthorized, and Forbidden for a suspended account.

    A token that comes back after its successor was used, or after the grace, was stolen or the thief is the
    one with the successor: the whole family ends. That must be committed, so the refusal follows the block.
    """
    async with transaction(parts.pool) as db:
        answer = await _rotate(db, parts, refresh_token)
    if answer is None:
        raise Unauthorized("The refresh token is not good any more. Sign in again with POST /v1/auth/login.")
    return answer


async def _rotate(db: Database, parts: Parts, refresh_token: str) -> Tokens | None:
    rotation = await sessions.lock_rotation(db, keyring.digest(refresh_token))
    if rotation is None or rotation.ended:
        return None
    _refuse_suspended(suspended=rotation.suspended)
    successor = await _successor(db, parts, rotation, refresh_token)
    if successor is None:
        await sessions.revoke(db, rotation.session_id, rotation.user_id)
        return None
    return await _answer(db, parts, rotation.user_id, rotation.session_id, successor)


async def _successor(db: Database, parts: Parts, rotation: sessions.Rotation, refresh_token: str) -> str | None:
    """The token that follows: a new one, the same again within the grace, or None for a token reused."""
    candidates = {keyring.digest(each): each for each in parts.keyring.successors(refresh_token)}
    if rotation.used_ago is None:
        new = next(iter(candidates))
        await sessions.rotate(db, rotation.session_id, keyring.digest(refresh_token), new)
        return candidates[new]
    if rotation.used_ago > GRACE:
        return None
    given = await sessions.unused(db, rotation.session_id, list(candidates))
    return None if given is None else candidates[given]


async def end_session(parts: Parts, user_id: str, session_id: str) -> None:
    """Sign a device out; its access tokens stop working too. Raises NotFound."""
    async with transaction(parts.pool) as db:
        if not ids.valid(session_id, ids.SESSION) or not await sessions.revoke(db, session_id, user_id):
            raise NotFound("You have no open session with this id; GET /v1/auth/sessions lists them.")


# -- the person ---------------------------------------------------------------------------------------------


async def profile(db: Database, user_id: str) -> User:
    """The user. Raises NotFound if the account has been deleted this moment."""
    user = await users.find(db, user_id)
    if user is None:
        raise NotFound("This account has been deleted.")
    return user


async def update_profile(parts: Parts, user_id: str, form: ProfileUpdate) -> User:
    """Change what the form names. Raises NotFound as `profile` does."""
    async with transaction(parts.pool) as db:
        await users.update(db, user_id, name=form.name, locale=form.locale)
        return await profile(db, user_id)


# -- API keys -----------------------------------------------------------------------------------------------


async def create_key(
    parts: Parts, user_id: str, form: ApiKeyCreate, idempotency_key: str | None, fingerprint: bytes
) -> NewApiKey:
    """Make an API key; asked again under one Idempotency-Key, the first one without its secret.

    Raises StillRunning and KeyReused.
    """
    secret = keyring.new_api_key()
    async with transaction(parts.pool) as db:

        async def create() -> Answer:
            body = msgspec.json.encode(await _add_key(db, user_id, form, secret))
            return Answer(fingerprint=fingerprint, status=201, headers={}, body=body)

        outcome = await idempotency.answer_once(db, user_id, idempotency_key, fingerprint, create)
    created = msgspec.json.decode(outcome.answer.body, type=NewApiKey)
    return created if outcome.replayed else msgspec.structs.replace(created, key=secret)


async def _add_key(db: Database, user_id: str, form: ApiKeyCreate, secret: str) -> NewApiKey:
    """The new key without its secret, as it may be kept for replay."""
    stored = await api_keys.add(
        db,
        id=ids.new(ids.API_KEY),
        user_id=user_id,
        name=form.name,
        hash=keyring.digest(secret),
        hint=secret[-HINT_LENGTH:],
        scopes=list(dict.fromkeys(form.scopes or DEFAULT_SCOPES)),
    )
    return NewApiKey(**msgspec.structs.asdict(stored), key=None)


async def revoke_key(parts: Parts, user_id: str, key_id: str) -> None:
    """End a key at once. Raises NotFound."""
    async with transaction(parts.pool) as db:
        if not ids.valid(key_id, ids.API_KEY) or not await api_keys.revoke(db, key_id, user_id):
            raise NotFound("You have no API key with this id; GET /v1/api_keys lists them.")
