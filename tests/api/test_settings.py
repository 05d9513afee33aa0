"""Settings from environment variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.environment import SettingsError
from api.settings import Settings

SECRET = {"KINORA_SECRET": "sixteen letters.."}


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"KINORA_PORT": "tcp://10.0.0.1:8000"}, "KINORA_PORT is tcp://10.0.0.1:8000, which Kubernetes sets"),
        ({"KINORA_PORT": "99999"}, "KINORA_PORT is '99999', which is invalid"),
        ({"KINORA_PROT": "8000"}, "KINORA_PROT is not a setting of Kinora: did you mean KINORA_PORT?"),
        ({"KINORA_COLOUR": "red"}, "KINORA_COLOUR is not a setting of Kinora: docs/operating.md"),
        ({"KINORA_LOG_LEVEL": "loud"}, "KINORA_LOG_LEVEL is 'loud', which is invalid: it takes debug, info"),
        ({"KINORA_RATE_LIMITS": "never"}, "KINORA_RATE_LIMITS is 'never', which is invalid: it takes true or false"),
        ({"KINORA_LEASE": "0"}, "KINORA_LEASE is '0', which is invalid"),
        ({"KINORA_LEASE": "nan"}, "KINORA_LEASE is 'nan', which is invalid"),
        ({"KINORA_FULL_DISK": "95"}, "KINORA_FULL_DISK is '95', which is invalid"),
        ({"KINORA_HOST": "0.0.0.0:8000"}, "KINORA_HOST is '0.0.0.0:8000', but it takes an address or a name"),
        ({"KINORA_HOST": "http://localhost"}, "KINORA_HOST is 'http://localhost', but"),
        ({"KINORA_PUBLIC_URL": "api.example.com"}, "KINORA_PUBLIC_URL is 'api.example.com', but it takes an address"),
        ({"KINORA_PUBLIC_URL": "https://a b"}, "KINORA_PUBLIC_URL is 'https://a b', but"),
        ({"KINORA_PUBLIC_URL": "https://api.example.com?x=1"}, "KINORA_PUBLIC_URL is"),
        (
            {"KINORA_PUBLIC_URL": "https://api.example.com/v1/"},
            "KINORA_PUBLIC_URL is 'https://api.example.com/v1/': leave",
        ),
        ({"KINORA_CORS_ORIGINS": "app.example.com"}, "KINORA_CORS_ORIGINS has 'app.example.com', but it takes origins"),
        ({"KINORA_CORS_ORIGINS": "https://a.example/x"}, "KINORA_CORS_ORIGINS has 'https://a.example/x', but"),
        ({"REDIS_URL": "localhost"}, "REDIS_URL is no address: one begins with redis://."),
        ({"DATABASE_URL": "mysql://h"}, "DATABASE_URL begins with mysql://, but Kinora needs"),
    ],
)
def test_an_invalid_variable_is_reported_in_a_sentence(variables: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        Settings.from_env(SECRET | variables)
    assert str(refusal.value).startswith(sentence)
    assert "\n" not in str(refusal.value)


def test_an_invalid_secret_is_not_repeated() -> None:
    with pytest.raises(SettingsError, match=r"^KINORA_STRIPE_WEBHOOK_SECRETS is invalid") as refusal:
        Settings.from_env(SECRET | {"KINORA_STRIPE_WEBHOOK_SECRETS": "[whsec_hush"})
    assert "hush" not in str(refusal.value)


def test_variables_of_kubernetes_and_of_the_sdk_are_ignored() -> None:
    others = {
        "KINORA_SERVICE_HOST": "10.0.0.1",
        "KINORA_SERVICE_PORT": "8000",
        "KINORA_SERVICE_PORT_HTTP": "8000",
        "KINORA_PORT_8000_TCP": "tcp://10.0.0.1:8000",
        "KINORA_PORT_8000_TCP_ADDR": "10.0.0.1",
        "KINORA_REDIS_SERVICE_HOST": "10.0.0.2",
        "KINORA_REDIS_PORT_6379_TCP_PROTO": "tcp",
        "KINORA_API_KEY": "k",
        "KINORA_BASE_URL": "http://localhost",
    }
    assert Settings.from_env(SECRET | others) == Settings.from_env(SECRET)


def test_values_are_read_as_people_write_them() -> None:
    settings = Settings.from_env(
        SECRET
        | {
            "KINORA_DATA": "~/kinora",
            "KINORA_LOG_LEVEL": "INFO",
            "KINORA_RATE_LIMITS": "False",
            "KINORA_WEIGHTS": "kinora-mini=~/weights",
            "KINORA_PORT": " 8080 ",
            "REDIS_URL": "redis://h:6379/",
            "DATABASE_URL": "postgres://u:p#w@h/d",
        }
    )
    assert settings.data == Path("~/kinora").expanduser()
    assert settings.weights == {"kinora-mini": str(Path("~/weights").expanduser())}
    assert (settings.log_level, settings.rate_limits, settings.port) == ("info", False, 8080)
    assert (settings.redis_url, settings.database_url) == ("redis://h:6379", "postgresql://u:p%23w@h/d")
    assert Settings.from_env(settings.to_environment()) == settings


@pytest.mark.parametrize(
    ("variables", "origin"),
    [
        ({"KINORA_HOST": "::1"}, "http://[::1]:8000"),
        ({"KINORA_HOST": "localhost", "KINORA_PORT": "9000"}, "http://localhost:9000"),
        ({"KINORA_PUBLIC_URL": "https://example.com/kinora/"}, "https://example.com/kinora"),
        ({"KINORA_PUBLIC_URL": "https://[2001:db8::1]:8443"}, "https://[2001:db8::1]:8443"),
    ],
)
def test_the_origin_is_a_valid_url(variables: dict[str, str], origin: str) -> None:
    assert Settings.from_env(SECRET | variables).origin == origin
