"""What the autoencoder lost beside a film that is kept is given back where nothing moves."""

from __future__ import annotations

import torch

from engine.runtime.seams import FADE_FRAMES, MOVING_FADE_FRAMES, Seam


def scene() -> tuple[torch.Tensor, torch.Tensor]:
    """A frame with grain, and without."""
    smooth = torch.full((3, 16, 24), 0.5)
    grain = 0.004 * torch.randn(smooth.shape, generator=torch.Generator().manual_seed(1))
    return smooth + grain, smooth


def test_a_still_region_continues_as_the_source_video_left_it() -> None:
    true, made = scene()
    frames = made.repeat(FADE_FRAMES + 4, 1, 1, 1)
    mended = Seam(9, true, made).restore_detail(frames, 10)
    assert (mended[0] - true).abs().mean() < 0.2 * (made - true).abs().mean()
    off = (mended - made).abs().mean((1, 2, 3))
    assert (off.diff()[:FADE_FRAMES] < 0).all()
    assert torch.equal(mended[FADE_FRAMES:], frames[FADE_FRAMES:])


def test_what_has_moved_is_left_alone() -> None:
    true, made = scene()
    frames = made.repeat(MOVING_FADE_FRAMES + 3, 1, 1, 1)
    frames[:, :, 4:8, 4:8] = 0.9
    mended = Seam(9, true, made).restore_detail(frames, 10)
    assert torch.equal(mended[MOVING_FADE_FRAMES:, :, :12, :12], frames[MOVING_FADE_FRAMES:, :, :12, :12]), (
        "nor what is around it"
    )
    assert not torch.allclose(mended[MOVING_FADE_FRAMES:, :, :, 14:], frames[MOVING_FADE_FRAMES:, :, :, 14:], atol=1e-3)


def test_an_outline_that_was_lost_is_not_drawn_where_the_thing_no_longer_is() -> None:
    true, made = scene()
    true[:, 6:10, 6:10] += 0.4
    frames = made.repeat(MOVING_FADE_FRAMES + 3, 1, 1, 1)
    mended = Seam(9, true, made).restore_detail(frames, 10)
    assert torch.equal(mended[MOVING_FADE_FRAMES:, :, 2:14, 2:14], frames[MOVING_FADE_FRAMES:, :, 2:14, 2:14])
    outline = (mended - frames)[:, :, 6:10, 6:10].mean((1, 2, 3))
    assert (outline[:MOVING_FADE_FRAMES].diff() < 0).all(), "at first it is there, so that it does not vanish at once"


def test_frames_that_lead_to_a_source_video_meet_it_at_their_end() -> None:
    true, made = scene()
    frames = made.repeat(6, 1, 1, 1)
    mended = Seam(10, true, made).restore_detail(frames, 4)
    assert (mended[5] - true).abs().mean() < 0.2 * (made - true).abs().mean()
    assert (mended[0] - made).abs().mean() < (mended[5] - made).abs().mean()
