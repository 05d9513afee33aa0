"""Random scenes: training never gets held-out combinations."""

from __future__ import annotations

import numpy as np

from engine.mini.dataset.scenes import COLOURS, MOTIONS, PLACES, THINGS, random_scene


def test_training_scenes_exclude_held_out_combinations() -> None:
    rng = np.random.default_rng(0)
    assert not any(random_scene(rng).held_out for _ in range(200))
    kept = [random_scene(rng, held_out=True) for _ in range(200)]
    assert all(scene.held_out for scene in kept)
    for name, values in (("thing", THINGS), ("colour", COLOURS), ("motion", MOTIONS), ("place", PLACES)):
        assert {getattr(scene, name) for scene in kept} == set(values)


def test_pairs_come_on_request_and_never_in_one_colour() -> None:
    rng = np.random.default_rng(1)
    pairs = [random_scene(rng, pair=True) for _ in range(100)]
    assert all(scene.second and scene.second[1] != scene.colour for scene in pairs)
    assert not any(random_scene(rng, pair=False).second for _ in range(100))
    assert 5 < sum(random_scene(rng).second is not None for _ in range(100)) < 40
