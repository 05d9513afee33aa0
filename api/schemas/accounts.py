"""Users, sessions and API keys: request and response bodies."""

from typing import Annotated, Literal

from msgspec import Meta, Struct


class User(Struct, frozen=True, kw_only=True):
    """A user account."""

    id: str
    object: Literal["user"] = "user"
    email: Annotated[str, Meta(description="E-mail address.")]
    email_verified: Annotated[bool, Meta(description="Whether the e-mail address has been verified.")]
    name: Annotated[str, Meta(description="Display name; may be empty.")]
    locale: Annotated[str, Meta(description="Language of texts addressed to the user: `en` or `fr`.")]
    plan: Annotated[str, Meta(description="Id of the current plan.")]
    created_at: int


class Tokens(Struct, frozen=True, kw_only=True):
    """An access token and the refresh token that renews it."""

    access_token: Annotated[str, Meta(description="Token to send as `Authorization: Bearer …`.")]
    token_type: Annotated[Literal["bearer"], Meta(description="Authentication scheme of the access token.")] = "bearer"  # noqa: S105 (the kind, not a token)
    expires_in: Annotated[int, Meta(description="Lifetime of the access token, in seconds.")]
    refresh_token: Annotated[str, Meta(description="Token to exchange for the next pair; valid once.")]
    user: Annotated[User, Meta(description="The signed-in user.")]


class Session(Struct, frozen=True, kw_only=True):
    """A signed-in device."""

    id: str
    object: Literal["session"] = "session"
    user_agent: Annotated[str, Meta(description="`User-Agent` the device sent when it signed in.")]
    created_at: int
    used_at: Annotated[int, Meta(description="Time of the last request, in Unix seconds.")]
    expires_at: Annotated[
        int, Meta(description="Time at which the session ends unless it is used before, in Unix seconds.")
    ]
    current: Annotated[bool, Meta(description="Whether this session made the request.")]


class ApiKey(Struct, frozen=True, kw_only=True):
    """An API key, without the key itself."""

    id: str
    object: Literal["api_key"] = "api_key"
    name: Annotated[str, Meta(description="Name given by the owner.")]
    scopes: Annotated[list[str], Meta(description="Permissions of the key.")]
    hint: Annotated[str, Meta(description="Last characters of the key, to recognise it by.")]
    created_at: int
    used_at: Annotated[
        int | None, Meta(description="Time of the last use, in Unix seconds; null if the key was never used.")
    ]


class NewApiKey(ApiKey, frozen=True, kw_only=True):
    """A new API key. This is the only response that contains `key`."""

    key: Annotated[
        str | None, Meta(description="The key; null if the response is a replay under the same `Idempotency-Key`.")
    ]


Email = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=254,
        pattern=r"^[^@\s\x00-\x1f\x7f]+@([^@\s\x00-\x1f\x7f]+\.)*[^@\s\x00-\x1f\x7f.]+\Z",
        description="E-mail address.",
    ),
]
Language = Literal["en", "fr"]
Password = Annotated[str, Meta(min_length=8, max_length=256, description="Password, 8 to 256 characters.")]
PersonName = Annotated[str, Meta(max_length=100, description="Display name.")]
Scope = Literal["videos:read", "videos:write", "account:read", "account:write"]


class SignUp(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Account to create."""

    email: Email
    password: Password
    name: PersonName = ""
    locale: Annotated[Language, Meta(description="Language of texts addressed to the user.")] = "en"


class LogIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Credentials to sign in with."""

    email: Email
    password: Annotated[str, Meta(min_length=1, max_length=256, description="Password of the account.")]


class Refresh(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Refresh token to exchange."""

    refresh_token: Annotated[
        str, Meta(min_length=1, max_length=200, description="The most recent refresh token; valid once.")
    ]


class ProfileUpdate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes to the account. Fields that are left out keep their value."""

    name: PersonName | None = None
    locale: Annotated[Language | None, Meta(description="Language of texts addressed to the user.")] = None


class ApiKeyCreate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """API key to create. Without `scopes` it may read and write videos and read the account."""

    name: Annotated[str, Meta(min_length=1, max_length=100, description="Name to recognise the key by.")]
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=10, description="Permissions of the key.")] | None = (
        None
    )
