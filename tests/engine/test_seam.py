"""What the autoencoder lost beside a film that is kept is given back where nothing moves."""

from __future__ import annotations

import torch

from engine.seam import REACH, Edge


def scene() -> tuple[torch.Tensor, torch.Tensor]:
    """A frame with grain, and without."""
    smooth = torch.full((3, 16, 24), 0.5)
    grain = 0.02 * torch.randn(smooth.shape, generator=torch.Generator().manual_seed(1))
    return smooth + grain, smooth


def test_what_stands_still_goes_on_as_the_film_left_it() -> None:
    true, made = scene()
    frames = made.repeat(REACH + 4, 1, 1, 1)
    mended = Edge(9, true, made).mended(frames, 10)
    assert torch.allclose(mended[0], true)
    off = (mended - made).abs().mean((1, 2, 3))
    assert (off.diff()[:REACH] < 0).all()
    assert torch.equal(mended[REACH:], frames[REACH:])


def test_what_has_moved_is_left_alone() -> None:
    true, made = scene()
    frames = made.repeat(4, 1, 1, 1)
    frames[:, :, 4:8, 4:8] = 0.9
    mended = Edge(9, true, made).mended(frames, 10)
    assert torch.allclose(mended[:, :, 4:8, 4:8], frames[:, :, 4:8, 4:8], atol=1e-6)
    assert not torch.allclose(mended[:, :, 10:], frames[:, :, 10:], atol=1e-3)


def test_frames_that_lead_to_a_film_meet_it_at_their_end() -> None:
    true, made = scene()
    frames = made.repeat(6, 1, 1, 1)
    mended = Edge(10, true, made).mended(frames, 4)
    assert torch.allclose(mended[5], true)
    assert (mended[0] - made).abs().mean() < (mended[5] - made).abs().mean()
