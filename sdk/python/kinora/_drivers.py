"""Drivers of flows, synchronous and asynchronous: they have each command carried out and send its result back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import closing
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from kinora._sansio import Command, Emit, Flow, ItemFlow

if TYPE_CHECKING:
    from kinora._transport import SyncTransport
    from kinora._transport_async import AsyncTransport

T = TypeVar("T")
Yielded = TypeVar("Yielded")


class _FlowState(Generic[Yielded, T]):
    """A flow between two steps: the result or error to send into it next, and what it returned."""

    result: T

    def __init__(self, flow: Generator[Yielded, Any, T]) -> None:
        self._flow = flow
        self._answer: Any = None
        self._error: Exception | None = None

    def advance(self) -> Yielded | None:
        """Resume the flow and return what it yields; None once it has ended."""
        answer, error = self._answer, self._error
        self._answer = self._error = None
        try:
            return self._flow.send(answer) if error is None else self._flow.throw(error)
        except StopIteration as end:
            self.result = end.value
            return None

    def succeed(self, answer: Any) -> None:
        """Send the command's result into the flow with the next step."""
        self._answer = answer

    def fail(self, error: Exception) -> None:
        """Raise the command's error in the flow with the next step."""
        self._error = error

    def close(self) -> None:
        """Release what the flow holds now, not when the last traceback that refers to it is collected."""
        self._flow.close()


def run_sync(flow: Flow[T], transport: SyncTransport) -> T:
    """Run a flow to its end and return its result."""
    state: _FlowState[Command, T] = _FlowState(flow)
    with closing(state), transport.open_executor() as executor:
        while (command := state.advance()) is not None:
            try:
                state.succeed(executor.execute(command))
            except Exception as error:  # the flow decides what to do about it
                state.fail(error)
    return state.result


async def run_async(flow: Flow[T], transport: AsyncTransport) -> T:
    """Run a flow to its end and return its result."""
    state: _FlowState[Command, T] = _FlowState(flow)
    with closing(state):
        async with transport.open_executor() as executor:
            while (command := state.advance()) is not None:
                try:
                    state.succeed(await executor.execute(command))
                except Exception as error:  # the flow decides what to do about it
                    state.fail(error)
    return state.result


def iterate_sync(flow: ItemFlow[T], transport: SyncTransport) -> Generator[T, None, None]:
    """The items of a flow."""
    state: _FlowState[Command | Emit[T], None] = _FlowState(flow)
    with closing(state), transport.open_executor() as executor:
        while (step := state.advance()) is not None:
            if isinstance(step, Emit):
                yield step.item
                continue
            try:
                state.succeed(executor.execute(step))
            except Exception as error:  # the flow decides what to do about it
                state.fail(error)


async def iterate_async(flow: ItemFlow[T], transport: AsyncTransport) -> AsyncGenerator[T, None]:
    """The items of a flow."""
    state: _FlowState[Command | Emit[T], None] = _FlowState(flow)
    with closing(state):
        async with transport.open_executor() as executor:
            while (step := state.advance()) is not None:
                if isinstance(step, Emit):
                    yield step.item
                    continue
                try:
                    state.succeed(await executor.execute(step))
                except Exception as error:  # the flow decides what to do about it
                    state.fail(error)
