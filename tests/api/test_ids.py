"""Ids: in the order in which they were made, also within a millisecond."""

from __future__ import annotations

from api import ids


def test_ids_are_in_the_order_in_which_they_were_made() -> None:
    made = [ids.new_id("lot") for _ in range(20_000)]  # many to a millisecond
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert all(ids.is_valid_id(one, "lot") for one in made)


def test_only_an_id_of_the_kind_is_valid() -> None:
    made = ids.new_id("video")
    assert ids.is_valid_id(made, "video")
    assert not ids.is_valid_id(made, "lot")
    assert not ids.is_valid_id(made[:-1], "video")
    assert not ids.is_valid_id(made.lower(), "video")
