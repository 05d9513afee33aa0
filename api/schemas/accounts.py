"""People, sessions and API keys: answers and bodies."""

from typing import Annotated, Literal

from msgspec import Meta, Struct


class User(Struct, frozen=True, kw_only=True):
    """The person signed in."""

    id: Annotated[str, Meta(description="Their id.")]
    object: Annotated[Literal["user"], Meta(description="What kind of object this is.")] = "user"
    email: Annotated[str, Meta(description="Their e-mail address.")]
    email_verified: Annotated[bool, Meta(description="Whether it is known to be theirs.")]
    name: Annotated[str, Meta(description="What they want to be called.")]
    locale: Annotated[str, Meta(description="The language of texts meant for them.")]
    plan: Annotated[str, Meta(description="The id of their plan.")]
    created_at: Annotated[int, Meta(description="When they signed up, in Unix seconds.")]


class Tokens(Struct, frozen=True, kw_only=True):
    """A fresh pair. The access token is sent as a bearer for `expires_in` seconds; the refresh token works once."""

    access_token: Annotated[str, Meta(description="Sent as a bearer with every request.")]
    token_type: Annotated[Literal["bearer"], Meta(description="How the access token is sent.")] = "bearer"  # noqa: S105 (the kind, not a token)
    expires_in: Annotated[int, Meta(description="How long the access token works, in seconds.")]
    refresh_token: Annotated[str, Meta(description="Exchanged, once, for the next pair.")]
    user: Annotated[User, Meta(description="Who is signed in.")]


class Session(Struct, frozen=True, kw_only=True):
    """A device that is signed in."""

    id: Annotated[str, Meta(description="Its id.")]
    object: Annotated[Literal["session"], Meta(description="What kind of object this is.")] = "session"
    user_agent: Annotated[str, Meta(description="What the device calls itself.")]
    created_at: Annotated[int, Meta(description="When it signed in, in Unix seconds.")]
    used_at: Annotated[int, Meta(description="When it last asked for anything, in Unix seconds.")]
    expires_at: Annotated[int, Meta(description="When it is signed out unless it is used, in Unix seconds.")]
    current: Annotated[bool, Meta(description="Whether it is the device that asks.")]


class ApiKey(Struct, frozen=True, kw_only=True):
    """An API key without its secret; `hint` is the end of it."""

    id: Annotated[str, Meta(description="Its id, which is no secret.")]
    object: Annotated[Literal["api_key"], Meta(description="What kind of object this is.")] = "api_key"
    name: Annotated[str, Meta(description="What its owner calls it.")]
    scopes: Annotated[list[str], Meta(description="What it may do.")]
    hint: Annotated[str, Meta(description="The last characters of the key.")]
    created_at: Annotated[int, Meta(description="When it was made, in Unix seconds.")]
    used_at: Annotated[int | None, Meta(description="When it was last used, in Unix seconds; null if never.")]


class NewApiKey(ApiKey, frozen=True, kw_only=True):
    """An API key as its creation answers it: the only time `key` is shown. A replay has null there."""

    key: Annotated[str | None, Meta(description="The key itself; null in a replay.")]


Email = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=254,
        pattern=r"^[^@\s\x00-\x1f\x7f]+@([^@\s\x00-\x1f\x7f]+\.)*[^@\s\x00-\x1f\x7f.]+\Z",
        description="An e-mail address.",
    ),
]
Language = Literal["en", "fr"]
Password = Annotated[str, Meta(min_length=8, max_length=256, description="A secret that only its owner knows.")]
PersonName = Annotated[str, Meta(max_length=100, description="What they want to be called.")]
Scope = Literal["videos:read", "videos:write", "account:read", "account:write"]


class SignUp(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new account."""

    email: Email
    password: Password
    name: PersonName = ""
    locale: Annotated[Language, Meta(description="The language of texts meant for them.")] = "en"


class LogIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Credentials of an account."""

    email: Email
    password: Annotated[str, Meta(min_length=1, max_length=256, description="The account's password.")]


class Refresh(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The refresh token of the last answer."""

    refresh_token: Annotated[str, Meta(min_length=1, max_length=200, description="The last one; it works once.")]


class ProfileUpdate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person may change of their own account."""

    name: PersonName | None = None
    locale: Annotated[Language | None, Meta(description="The language of texts meant for them.")] = None


class ApiKeyCreate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key for a program. Without `scopes` it may do all that its owner may do to videos, and read the account."""

    name: Annotated[str, Meta(min_length=1, max_length=100, description="What its owner calls it.")]
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=10, description="What it may do.")] | None = None
