"""Sign-up, sign-in and sessions. A session is one device and one family of refresh tokens. Knows no HTTP."""

from __future__ import annotations

from datetime import timedelta

from api import ids, keyring
from api.accounts.passwords import hash_password, verify_password
from api.accounts.profiles import get_profile
from api.billing.ledger.credits import CreditLedger
from api.errors import EmailTaken, Forbidden, NotFound, Unauthorized
from api.keyring import Keyring
from api.schemas.accounts import LogIn, SignUp, Tokens
from api.settings import Settings
from api.sql import sessions, users
from api.sql.connection import Database, Pool, transaction

SESSION_LIFETIME = timedelta(days=180)
REFRESH_GRACE = 30.0  # seconds in which a refresh token may be presented again, because its first answer was lost
USER_AGENT_LENGTH = 200


class Accounts:
    """Opens, renews and ends sessions."""

    def __init__(self, pool: Pool, keyring: Keyring, credits: CreditLedger, settings: Settings) -> None:
        self._pool = pool
        self._keyring = keyring
        self._credits = credits
        self._settings = settings

    async def sign_up(self, request: SignUp, user_agent: str) -> Tokens:
        """Create an account with its first allowance and sign it in. Raises EmailTaken.

        The address is not confirmed yet, so all of the free allowance is granted at once only by a server that nobody
        outside this machine can reach.
        """
        password_hash = await hash_password(request.password)
        async with transaction(self._pool) as db:
            user_id = await self._insert_user(db, request, password_hash)
            return await self._open_session(db, user_id, user_agent)

    async def _insert_user(self, db: Database, request: SignUp, password_hash: str) -> str:
        user_id = ids.new_id(ids.USER)
        added = await users.insert_user(
            db,
            id=user_id,
            email=request.email.lower(),
            password_hash=password_hash,
            name=request.name,
            locale=request.locale,
            full_allowance=self._settings.loopback,
        )
        if not added:
            raise EmailTaken("There is an account with this address; sign in with POST /v1/auth/login.", param="email")
        await self._credits.lock_spendable(db, user_id)
        return user_id

    async def log_in(self, request: LogIn, user_agent: str) -> Tokens:
        """Open a session. Raises Forbidden for a suspended account, and Unauthorized.

        Unauthorized has the same wording and costs the same work whether the address or the password is wrong.
        """
        async with self._pool.acquire() as db:
            account = await users.find_credentials(db, request.email.lower())
        password_hash = await verify_password(account.password_hash if account else None, request.password)
        if account is None or password_hash is None:
            raise Unauthorized("The e-mail address or the password is wrong.")
        _refuse_suspended(suspended=account.suspended)
        async with transaction(self._pool) as db:
            if password_hash != account.password_hash:
                await users.set_password_hash(db, account.id, old=account.password_hash, new=password_hash)
            return await self._open_session(db, account.id, user_agent)

    async def refresh_tokens(self, refresh_token: str) -> Tokens:
        """Exchange a refresh token for the next pair. Raises Unauthorized, and Forbidden for a suspended account.

        A token presented after its successor was used, or after the grace period, means that one of the two was
        stolen: the whole session ends. That must be committed, so the error is raised after the block.
        """
        async with transaction(self._pool) as db:
            tokens = await self._rotate_tokens(db, refresh_token)
        if tokens is None:
            raise Unauthorized("The refresh token is no longer valid. Sign in again with POST /v1/auth/login.")
        return tokens

    async def end_session(self, user_id: str, session_id: str) -> None:
        """Sign a device out; its access tokens stop working too. Raises NotFound."""
        async with transaction(self._pool) as db:
            if not ids.is_valid_id(session_id, ids.SESSION) or not await sessions.revoke_session(
                db, session_id, user_id
            ):
                raise NotFound("You have no open session with this id; GET /v1/auth/sessions lists them.")

    async def _open_session(self, db: Database, user_id: str, user_agent: str) -> Tokens:
        session_id, refresh_token = ids.new_id(ids.SESSION), keyring.new_refresh_token()
        await sessions.insert_session(
            db,
            id=session_id,
            user_id=user_id,
            user_agent=user_agent[:USER_AGENT_LENGTH],
            refresh_hash=keyring.token_digest(refresh_token),
            lifetime=SESSION_LIFETIME,
        )
        return await self._issue_tokens(db, user_id, session_id, refresh_token)

    async def _issue_tokens(self, db: Database, user_id: str, session_id: str, refresh_token: str) -> Tokens:
        return Tokens(
            access_token=self._keyring.issue_access_token(user_id, session_id),
            expires_in=keyring.ACCESS_SECONDS,
            refresh_token=refresh_token,
            user=await get_profile(db, user_id),
        )

    async def _rotate_tokens(self, db: Database, refresh_token: str) -> Tokens | None:
        rotation = await sessions.lock_rotation(db, keyring.token_digest(refresh_token))
        if rotation is None or rotation.ended:
            return None
        _refuse_suspended(suspended=rotation.suspended)
        successor = await self._successor_token(db, rotation, refresh_token)
        if successor is None:
            await sessions.revoke_session(db, rotation.session_id, rotation.user_id)
            return None
        return await self._issue_tokens(db, rotation.user_id, rotation.session_id, successor)

    async def _successor_token(self, db: Database, rotation: sessions.TokenRotation, refresh_token: str) -> str | None:
        """The next token: a new one, the same again within the grace period, or None for a reused token."""
        candidates = {keyring.token_digest(token): token for token in self._keyring.refresh_successors(refresh_token)}
        if rotation.used_ago is None:
            new = next(iter(candidates))
            await sessions.rotate_token(db, rotation.session_id, keyring.token_digest(refresh_token), new)
            return candidates[new]
        if rotation.used_ago > REFRESH_GRACE:
            return None
        issued = await sessions.find_unused_token(db, rotation.session_id, list(candidates))
        return None if issued is None else candidates[issued]


def _refuse_suspended(*, suspended: bool) -> None:
    if suspended:
        raise Forbidden("This account is suspended. Contact the operator of this server.")
