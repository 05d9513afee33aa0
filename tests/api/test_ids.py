"""Ids sort by creation, also within a millisecond, and are checked by kind."""

from __future__ import annotations

from api import ids


def test_ids_sort_by_creation() -> None:
    created = [ids.new_id("lot") for _ in range(20_000)]  # many to a millisecond
    assert created == sorted(created)
    assert len(set(created)) == len(created)
    assert all(ids.is_valid_id(id_, "lot") for id_ in created)


def test_only_an_id_of_the_kind_is_valid() -> None:
    created = ids.new_id("video")
    assert ids.is_valid_id(created, "video")
    assert not ids.is_valid_id(created, "lot")
    assert not ids.is_valid_id(created[:-1], "video")
    assert not ids.is_valid_id(created.lower(), "video")
