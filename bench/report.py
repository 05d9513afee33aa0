"""The table of results: figures of one run side by side, so that the ratio matters and not the machine's speed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

HEADINGS = ("measured", "Kinora", "beside it", "ratio", "goal")


class Row(NamedTuple):
    """One line. Each column is text; an empty one says that there is nothing to say."""

    what: str
    ours: str
    peer: str = ""
    ratio: str = ""
    goal: str = ""


def format_table(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table, its columns aligned."""
    lines = [HEADINGS, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    written = [_format_line(line, widths) for line in lines]
    return "\n".join([written[0], _format_line(tuple("-" * width for width in widths), widths), *written[1:]])


def _format_line(cells: tuple[str, ...], widths: list[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


def format_figure(value: float) -> str:
    """A number to three digits or so: nobody's machine repeats the fourth."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def format_ratio(ours: float, peer: float) -> str:
    """Our figure as a part of the peer's."""
    return f"{ours / peer:.2f}"


def format_percent(share: float) -> str:
    """A share of one processor core, or of anything else."""
    return f"{share * 100:.3g} %"
