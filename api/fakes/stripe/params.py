"""The parameters of a request, read by name and type. Parameters that were never read are rejected, as at Stripe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from api.fakes.stripe import errors
from api.fakes.stripe.errors import Json


class Params:
    """Nested parameters. Every reader raises StripeError 400 for a value of the wrong type."""

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        self.values = dict(values)
        self._path = path
        self._read: set[str] = set()
        self._nested: dict[str, list[Params]] = {}

    def full_name(self, key: str) -> str:
        """The parameter's full name with brackets."""
        return f"{self._path}[{key}]" if self._path else key

    def has_value(self, key: str) -> bool:
        """Whether the parameter was sent, even empty."""
        return key in self.values

    def optional_text(self, key: str) -> str | None:
        """A string; None when absent or empty, which is how a value is unset."""
        value = self._read_value(key)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise errors.invalid_request(f"Invalid string: {value}", param=self.full_name(key))
        return value

    def required_text(self, key: str) -> str:
        value = self.optional_text(key)
        if value is None:
            raise errors.missing_parameter(self.full_name(key))
        return value

    def optional_int(self, key: str) -> int | None:
        value = self._read_value(key)
        if value is None or value == "":
            return None
        try:
            return int(value)
        except (TypeError, ValueError):
            fault = errors.invalid_request(
                f"Invalid integer: {value}", code="parameter_invalid_integer", param=self.full_name(key)
            )
            raise fault from None

    def required_int(self, key: str) -> int:
        value = self.optional_int(key)
        if value is None:
            raise errors.missing_parameter(self.full_name(key))
        return value

    def optional_bool(self, key: str) -> bool | None:
        value = self._read_value(key)
        if value is None or isinstance(value, bool):
            return value
        if value not in ("true", "false"):
            raise errors.invalid_request(f"Invalid boolean: {value}", param=self.full_name(key))
        return bool(value == "true")

    def one_of(self, key: str, options: Sequence[str], default: str) -> str:
        """One of `options`, or the default when absent."""
        value = self.optional_text(key)
        if value is not None and value not in options:
            raise errors.invalid_request(
                f"Invalid {key}: must be one of {', '.join(options)}", param=self.full_name(key)
            )
        return value or default

    def string_map(self, key: str) -> dict[str, str] | None:
        """A map of strings such as metadata; `{}` where an empty string unsets the whole map, None when absent."""
        value = self._read_value(key)
        if value is None:
            return None
        if value == "":
            return {}
        if not isinstance(value, dict) or any(isinstance(nested, dict) for nested in value.values()):
            raise errors.invalid_request("Invalid hash", param=self.full_name(key))
        return {name: str(text) for name, text in value.items()}

    def merge_metadata(self, current: Json | None) -> dict[str, str]:
        """`metadata` over the current metadata. An empty value removes its key; an empty map removes all of them."""
        changes = self.string_map("metadata")
        if changes is None:
            return dict(current or {})
        return {key: text for key, text in {**(current or {}), **changes}.items() if text != ""} if changes else {}

    def string_list(self, key: str) -> list[str] | None:
        value = self._read_value(key)
        if value is None:
            return None
        return [str(item) for item in self._list_items(key, value)]

    def nested_params(self, key: str) -> Params:
        """A nested group of parameters; empty when absent."""
        value = self._read_value(key)
        if value is not None and not isinstance(value, dict):
            raise errors.invalid_request("Invalid object", param=self.full_name(key))
        if key not in self._nested:
            self._nested[key] = [Params(value or {}, self.full_name(key))]
        return self._nested[key][0]

    def nested_list(self, key: str) -> list[Params]:
        """A list of nested groups."""
        value = self._read_value(key)
        if key not in self._nested:
            self._nested[key] = [
                Params(row, f"{self.full_name(key)}[{index}]")
                for index, row in enumerate(self._list_items(key, value or {}))
                if isinstance(row, dict)
            ]
        return self._nested[key]

    def ignore_params(self, *keys: str) -> None:
        """Accept parameters that Stripe takes and that make no difference here."""
        self._read |= {key for key in keys if key in self.values}

    def unread_names(self) -> list[str]:
        """Full names of the parameters that were never read."""
        return list(self._iterate_unread())

    def _iterate_unread(self) -> Iterator[str]:
        for key in self.values:
            if key not in self._read:
                yield self.full_name(key)
        for groups in self._nested.values():
            for group in groups:
                yield from group._iterate_unread()  # noqa: SLF001 - its own kind

    def _read_value(self, key: str) -> Any:
        self._read.add(key)
        return self.values.get(key)

    def _list_items(self, key: str, value: Any) -> list[Any]:
        if isinstance(value, list):
            return value
        if value == "":
            return []
        if not isinstance(value, dict) or not all(index.isdigit() for index in value):
            raise errors.invalid_request("Invalid array", param=self.full_name(key))
        return [value[index] for index in sorted(value, key=int)]
