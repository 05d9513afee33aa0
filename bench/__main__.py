"""`python -m bench [names…]`: runs measurements and prints one table. It asserts no figure."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable

import uvloop

from bench.engine import eta, gpu_transformer, long_videos, pipelines, turbo
from bench.report import Row, format_table
from bench.service import claim_latency, content, creates, reads, sdk, streams

MEASUREMENTS: dict[str, Callable[[], Awaitable[list[Row]]]] = {
    "creates": creates.measure_creates,
    "claim_latency": claim_latency.measure_claim_latency,
    "reads": reads.measure_reads,
    "content": content.measure_content,
    "streams": streams.measure_event_streams,
    "sdk": sdk.measure_sdk,
    "pipelines": pipelines.measure_pipelines,
    "long_videos": long_videos.measure_long_videos,
    "turbo": turbo.measure_turbo,
    "eta": eta.measure_eta,
    "gpu_transformer": gpu_transformer.measure_gpu_transformer,
}


async def run_measurements(names: Iterable[str]) -> list[Row]:
    """One after another: two at once would measure each other."""
    rows: list[Row] = []
    for name in names:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        rows += await MEASUREMENTS[name]()
    return rows


def main() -> None:
    """Measure what is named, or all of it."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Kinora beside its peers.")
    known = ", ".join(MEASUREMENTS)
    parser.add_argument("names", nargs="*", metavar="name", help=f"any of {known}; all of them if none is named")
    names = parser.parse_args().names or list(MEASUREMENTS)
    if unknown := set(names) - MEASUREMENTS.keys():
        parser.error(f"there is no {', '.join(unknown)}; there are {known}")
    # The loop of the web process, so that a peer written in Python runs on the same one.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(format_table(runner.run(run_measurements(names))))


if __name__ == "__main__":
    main()
