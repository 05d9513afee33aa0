"""Addresses of PostgreSQL and Redis as hosting providers show them, rewritten to what asyncpg and redis-py accept.

Nothing here repeats an address in an error, because most contain a password.
"""

from __future__ import annotations

import re
import shlex
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode

POOLER_OPTION = "pgbouncer"
"""The option of a rewritten PostgreSQL address whose server is a pooler in transaction mode."""

_HOST = r"(?:\[[0-9A-Za-z:.%]+\]|[^\s:/?#@\[\]]*)(?::\d+)?"
_HOSTS = re.compile(rf"{_HOST}(?:,{_HOST})*")
_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*):(?://)?(?P<rest>.*)", re.DOTALL | re.IGNORECASE)

_DATABASE_SCHEMES = {"postgres", "postgresql"}
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_SSL_SYNONYMS = {"true": "require", "1": "require", "on": "require", "false": "disable", "0": "disable"} | {
    "no-verify": "require",  # node-postgres: encrypted, not verified
    "off": "disable",
}
_DATABASE_SYNONYMS = {"ssl": "sslmode", "schema": "search_path", "currentSchema": "search_path"} | {
    "ApplicationName": "application_name"
}
_POOLER_HINTS = {
    ("pgbouncer", "true"),  # Prisma, Supabase
    ("pool_mode", "transaction"),
    ("statement_cache_size", "0"),
    ("prepared_statement_cache_size", "0"),
    ("prepareThreshold", "0"),
    ("prepared_statements", "false"),
}
_OTHER_CLIENTS_DATABASE_OPTIONS = {
    *("channel_binding", "client_encoding", "connect_timeout", "connection_limit", "fallback_application_name"),
    *("gssencmode", "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "load_balance_hosts"),
    *("loginTimeout", "pool_max_conns", "pool_size", "pool_timeout", "require_auth", "requirepeer", "socketTimeout"),
    *("socket_timeout", "sslaccept", "sslcompression", "sslsni", "supa", "targetServerType", "tcpKeepAlive"),
    *("tcp_user_timeout", "uselibpqcompat", "workaround"),
}
"""Options of libpq, Prisma, JDBC and node-postgres that asyncpg does not have and that do not choose the server."""

_REDIS_SCHEMES = {"redis": "redis", "valkey": "redis", "rediss": "rediss", "valkeys": "rediss"} | {
    "unix": "unix",
    "redis+socket": "unix",
    "redis+unix": "unix",
}
_REDIS_OPTIONS = {"db", "ssl_ca_certs", "ssl_cert_reqs", "ssl_check_hostname"}
_OTHER_CLIENTS_REDIS_OPTIONS = {
    *("abortConnect", "client_name", "decode_responses", "encoding", "family", "health_check_interval"),
    *("max_connections", "pool_size", "prefix", "protocol", "retry_on_timeout", "socket_connect_timeout"),
    *("socket_keepalive", "socket_timeout", "ssl", "timeout", "tls", "virtual_host"),
}
_TLS_HINTS = {(name, value) for name in ("ssl", "tls") for value in ("true", "1", "yes")}


class _ServerUrl(NamedTuple):
    scheme: str
    user: str | None
    password: str | None
    hosts: str
    path: str
    options: dict[str, str]


def normalize_database_url(text: str) -> str:
    """The address of a PostgreSQL server as asyncpg takes it. Raises ValueError with the rest of a sentence."""
    text = _strip_wrapping(text).removeprefix("jdbc:")
    if "://" not in text and ";" in text:
        raise ValueError("is a .NET connection string, but Kinora needs postgresql://USER:PASSWORD@HOST:5432/DATABASE")
    url = _parse_keywords(text) if "://" not in text and "=" in text else _parse_url(text, "postgresql://")
    scheme, _, _driver = url.scheme.partition("+")
    if scheme not in _DATABASE_SCHEMES:
        raise ValueError(f"begins with {url.scheme}://, but Kinora needs postgresql://USER:PASSWORD@HOST:5432/DATABASE")
    options = _database_options(url.options)
    return _format_url(url._replace(scheme="postgresql", options=options))


def normalize_redis_url(text: str) -> str:
    """The address of a Redis server as redis-py takes it. Raises ValueError with the rest of a sentence."""
    text = _strip_wrapping(text)
    if "://" not in text and re.search(r",\s*(password|ssl)\s*=", text, re.IGNORECASE):
        raise ValueError("is a .NET connection string, but Kinora needs rediss://:PASSWORD@HOST:6380")
    url = _parse_url(text, "redis://")
    scheme = _REDIS_SCHEMES.get(url.scheme)
    if scheme is None:
        raise ValueError(f"begins with {url.scheme}://, but Kinora needs redis://, rediss:// (TLS) or unix://")
    if "," in url.hosts:
        raise ValueError("names several hosts, but Kinora uses one Redis server, not a cluster or sentinels")
    if scheme == "redis" and _TLS_HINTS & set(url.options.items()):
        scheme = "rediss"
    options = _redis_database(url, is_socket=scheme == "unix") | _redis_options(url.options)
    if scheme == "rediss" and options.get("ssl_cert_reqs") in (None, "required"):
        options.setdefault("ssl_check_hostname", "true")  # redis-py 5 accepts any host's certificate otherwise
    return _format_url(url._replace(scheme=scheme, path=url.path if scheme == "unix" else "", options=options))


def _strip_wrapping(text: str) -> str:
    """Without the white space and quotes that files of variables leave around a value."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    if re.match(r"(psql|redis-cli|valkey-cli)\s", text):
        raise ValueError("is a command, but Kinora needs only the address in it, which contains ://")
    return text


def _parse_url(text: str, example: str) -> _ServerUrl:
    """Split a URL whose user and password may contain any character, encoded or not."""
    match = _URL.fullmatch(text)
    if match is None or ("://" not in text and not match["rest"].startswith("/")):
        raise ValueError(f"is no address: one begins with {example}")
    userinfo, rest = _split_userinfo(match["rest"])
    hosts, path, query = re.fullmatch(r"([^/?#]*)([^?#]*)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    if not _HOSTS.fullmatch(hosts):
        raise ValueError("has no valid host; write special characters of a password as %XX, such as %2F for /")
    user, colon, password = (userinfo or "").partition(":")
    return _ServerUrl(
        scheme=match["scheme"].lower(),
        user=unquote(user) or None,
        password=unquote(password) if colon else None,
        hosts=hosts,
        path=path,
        options=dict(parse_qsl(query.lstrip("?#").partition("#")[0])),
    )


def _split_userinfo(rest: str) -> tuple[str | None, str]:
    """Separate `user:password` from the rest of a URL at the last @ before the options.

    The password may contain /, ? or # unencoded, which by RFC 3986 would end the authority.
    """
    options = re.search(r"\?[\w.-]+=", rest)
    head = rest[: options.start()] if options else rest
    userinfo, at, tail = head.rpartition("@")
    return userinfo if at else None, tail + rest[len(head) :]


def _parse_keywords(text: str) -> _ServerUrl:
    """Parse libpq's form `host=… port=… dbname=… user=… password=…`."""
    try:
        values = dict(part.split("=", 1) for part in shlex.split(text))
    except ValueError:
        raise ValueError("is no address: one begins with postgresql://") from None
    port = values.pop("port", "")
    host = values.pop("host", values.pop("hostaddr", ""))
    is_socket = host.startswith("/")
    options = values | ({"host": host} if is_socket else {}) | ({"port": port} if is_socket and port else {})
    return _ServerUrl(
        scheme="postgresql",
        user=options.pop("user", None),
        password=options.pop("password", None),
        hosts="" if is_socket else f"{host}:{port}" if port else host,
        path="/" + quote(options.pop("dbname", options.pop("database", "")), safe=""),
        options=options,
    )


def _database_options(options: dict[str, str]) -> dict[str, str]:
    """The options for asyncpg and the server. An option that neither knows is refused by the server, by name."""
    kept = {
        _DATABASE_SYNONYMS.get(name, name): value
        for name, value in options.items()
        if name not in _OTHER_CLIENTS_DATABASE_OPTIONS and name not in dict(_POOLER_HINTS)
    }
    if _POOLER_HINTS & set(options.items()):
        kept[POOLER_OPTION] = "true"
    if (mode := kept.get("sslmode")) is not None:
        kept["sslmode"] = mode = _SSL_SYNONYMS.get(mode.lower(), mode.lower())
        if mode not in _SSL_MODES:
            raise ValueError(f"has an unknown sslmode; it takes {_list_words(_SSL_MODES)}")
        if kept.get("sslrootcert") == "system" or (mode.startswith("verify") and not _has_root_certificate(kept)):
            kept["sslrootcert"] = _system_certificates()
    return kept


def _has_root_certificate(options: dict[str, str]) -> bool:
    return "sslrootcert" in options or Path("~/.postgresql/root.crt").expanduser().exists()


def _system_certificates() -> str:
    """The file that libpq calls `system`, which asyncpg does not know by that name."""
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.openssl_cafile


def _redis_database(url: _ServerUrl, *, is_socket: bool) -> dict[str, str]:
    """The number of the database, from an option or from the path."""
    named = url.options.get("db") or url.options.get("virtual_host") or ("" if is_socket else url.path)
    number = named.strip("/")
    if number and not number.isdecimal():
        raise ValueError("has a database that is no number; write redis://HOST:6379/0")
    return {"db": str(int(number))} if number else {}


def _redis_options(options: dict[str, str]) -> dict[str, str]:
    """The options of TLS. Raises ValueError for an option that no client is known to have."""
    if unknown := options.keys() - _REDIS_OPTIONS - _OTHER_CLIENTS_REDIS_OPTIONS:
        raise ValueError(f"has the unknown option {min(unknown)}; it takes {_list_words(sorted(_REDIS_OPTIONS))}")
    kept = {name: value for name, value in options.items() if name in _REDIS_OPTIONS - {"db"}}
    if "ssl_cert_reqs" in kept:
        kept["ssl_cert_reqs"] = kept["ssl_cert_reqs"].lower().removeprefix("cert_")
    return kept


def _format_url(url: _ServerUrl) -> str:
    userinfo = quote(url.user or "", safe="")
    if url.password is not None:
        userinfo += ":" + quote(url.password, safe="")
    authority = f"{userinfo}@{url.hosts}" if userinfo else url.hosts
    query = "?" + urlencode(url.options, quote_via=quote, safe="/") if url.options else ""
    path = "" if url.path == "/" else url.path
    return f"{url.scheme}://{authority}{path}{query}"


def _list_words(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}"
