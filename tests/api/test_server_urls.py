"""Addresses of servers as hosting providers write them."""

from __future__ import annotations

import pytest
from redis.asyncio.connection import parse_url

from api.server_urls import normalize_database_url, normalize_redis_url


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("postgres://u:p@h:5432/d", "postgresql://u:p@h:5432/d"),
        ("postgresql+asyncpg://u:p@h/d?ssl=require", "postgresql://u:p@h/d?sslmode=require"),
        ("postgres://u:p#w@h:5432/d", "postgresql://u:p%23w@h:5432/d"),
        ("postgres://u:p%23w@h/d", "postgresql://u:p%23w@h/d"),
        ("postgres://u:p@s/w?r@h/d", "postgresql://u:p%40s%2Fw%3Fr@h/d"),
        ("postgres://u.ref:p@h:6543/d?pgbouncer=true&connection_limit=1", "postgresql://u.ref:p@h:6543/d?pgbouncer=true"),
        ("postgresql://u:p@h/d?sslmode=require&channel_binding=require", "postgresql://u:p@h/d?sslmode=require"),
        ("postgres://u:p@h/d?sslmode=no-verify&", "postgresql://u:p@h/d?sslmode=require"),
        ("postgres://u:p@h/d?sslrootcert=/ca.crt&sslmode=verify-full", "postgresql://u:p@h/d?sslrootcert=/ca.crt&sslmode=verify-full"),
        ("postgres://u:p@[::1]:5/d?application_name=a@b", "postgresql://u:p@[::1]:5/d?application_name=a%40b"),
        ("postgres://u:p@h1:1,h2:2/d?target_session_attrs=read-write", "postgresql://u:p@h1:1,h2:2/d?target_session_attrs=read-write"),
        ("postgresql:///d?host=/run/postgresql&user=u", "postgresql:///d?host=/run/postgresql&user=u"),
        ("postgresql:///?host=/run/postgresql&dbname=d", "postgresql://?host=/run/postgresql&dbname=d"),
        ("postgresql://u@%2Frun%2Fpostgresql/d", "postgresql://u@%2Frun%2Fpostgresql/d"),
        ("host=h port=5432 dbname=d user=u password='p w' sslmode=require", "postgresql://u:p%20w@h:5432/d?sslmode=require"),
        ("host=/run/postgresql dbname=d user=u", "postgresql://u@/d?host=/run/postgresql"),
        ("jdbc:postgresql://h/d?user=u&password=p&prepareThreshold=0", "postgresql://h/d?user=u&password=p&pgbouncer=true"),
        (" 'postgres://u:p@h/d'\n", "postgresql://u:p@h/d"),
        ("postgres://u:p@h/d?options=-c%20search_path%3Dk", "postgresql://u:p@h/d?options=-c%20search_path%3Dk"),
    ],
)  # fmt: skip
def test_a_database_url_is_written_as_asyncpg_reads_it(written: str, read: str) -> None:
    assert normalize_database_url(written) == read
    assert normalize_database_url(read) == read


def test_verified_tls_without_a_certificate_uses_those_of_the_system(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for options in ("sslmode=verify-full", "sslmode=verify-full&sslrootcert=system"):
        assert "sslrootcert=/" in normalize_database_url(f"postgres://u:p@h/d?{options}")


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("mysql://u:hush@h/d", "begins with mysql://"),
        ("psql 'postgres://u:hush@h/d'", "is a command"),
        ("h:5432", "is no address"),
        ("Server=h;Password=hush", "is a .NET connection string"),
        ("postgres://u:hush@h:port/d", "has no valid host"),
        ("postgres://u:hush@h/d?sslmode=sure", "has an unknown sslmode"),
    ],
)
def test_an_unusable_database_url_is_refused_without_repeating_it(written: str, reason: str) -> None:
    with pytest.raises(ValueError, match="^" + reason) as refusal:
        normalize_database_url(written)
    assert "hush" not in str(refusal.value)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("redis://h:6379", "redis://h:6379"),
        ("redis://h:6379/", "redis://h:6379"),
        ("redis://h:6379/2/", "redis://h:6379?db=2"),
        ("redis://h:6379/?db=3", "redis://h:6379?db=3"),
        ("redis://default:p#w/@h:6379/0?family=0&decode_responses=true", "redis://default:p%23w%2F@h:6379?db=0"),
        ("rediss://:p@h:6380?ssl_cert_reqs=CERT_NONE", "rediss://:p@h:6380?ssl_cert_reqs=none"),
        ("rediss://h", "rediss://h?ssl_check_hostname=true"),
        ("redis://h/1?ssl=true", "rediss://h?db=1&ssl_check_hostname=true"),
        ("valkeys://u:p@[::1]:6", "rediss://u:p@[::1]:6?ssl_check_hostname=true"),
        ("unix:///run/redis.sock?db=1", "unix:///run/redis.sock?db=1"),
        ("unix:/run/redis.sock", "unix:///run/redis.sock"),
        ("redis+socket:///run/redis.sock?virtual_host=1", "unix:///run/redis.sock?db=1"),
        ('"redis://h:6379/0"', "redis://h:6379?db=0"),
    ],
)
def test_a_redis_url_is_written_as_redis_py_reads_it(written: str, read: str) -> None:
    assert normalize_redis_url(written) == read
    assert normalize_redis_url(read) == read
    assert parse_url(read)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("localhost:6379", "is no address"),
        ("https://:hush@h", "begins with https://"),
        ("h:6380,password=hush,ssl=True", "is a .NET connection string"),
        ("redis+sentinel://:hush@h:1/x", "begins with redis\\+sentinel://"),
        ("redis://:hush@h1:1,h2:2", "names several hosts"),
        ("redis://:hush@h/kinora", "has a database that is no number"),
        ("redis://:hush@h?databse=1", "has the unknown option databse"),
    ],
)
def test_an_unusable_redis_url_is_refused_without_repeating_it(written: str, reason: str) -> None:
    with pytest.raises(ValueError, match="^" + reason) as refusal:
        normalize_redis_url(written)
    assert "hush" not in str(refusal.value)
