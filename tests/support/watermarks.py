"""Finds the visible mark in frames, for tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.safety.watermark import LIGHT, SHADE, make_watermark

Pixels = NDArray[np.uint8]


def relative_luminance(frames: Pixels) -> NDArray[np.float64]:
    """Relative luminance (WCAG 2, with the plain power for the curve)."""
    return np.asarray((frames / 255.0) ** 2.2 @ np.array([0.2126, 0.7152, 0.0722]), np.float64)


def mark_luminance(frames: Pixels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of the mark in frames: the luminance of its strokes, and of what touches them."""
    made = make_watermark(frames.shape[2], frames.shape[1])
    height, width, _ = made.min_brightness.shape
    corner = relative_luminance(frames[:, made.top : made.top + height, made.left : made.left + width])
    strokes = made.min_brightness[:, :, 0] > 0.9 * LIGHT
    shade = (made.min_brightness[:, :, 0] == 0) & (made.max_brightness[:, :, 0] < SHADE + 40)
    return corner[:, strokes], corner[:, shade]


def likeness(picture: Pixels, width: int, height: int) -> float:
    """How far the corner of a picture [H, W, 3], a frame of this size made smaller, goes with the mark: 1 as it is."""
    canvas = np.zeros((height, width), np.uint8)
    made = make_watermark(width, height)
    rows, columns, _ = made.min_brightness.shape
    corner = slice(made.top, made.top + rows), slice(made.left, made.left + columns)
    canvas[corner] = made.min_brightness[:, :, 0]
    scale = picture.shape[1] / width
    small = np.asarray(Image.fromarray(canvas).resize(picture.shape[1::-1], Image.Resampling.LANCZOS), float)
    there = tuple(slice(round(side.start * scale), round(side.stop * scale)) for side in corner)
    return float(np.corrcoef(small[there].ravel(), picture.mean(axis=2)[there].ravel())[0, 1])
