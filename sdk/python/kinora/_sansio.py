"""One logic for both worlds: what a call does is a generator of asks, and a sync or an async driver fulfils them.

A flow yields `Ask`s, which name a method of the transport, and receives what that method answered, or its exception.
A flow that produces many things yields each as an `Item`. Nothing here touches a socket or knows what HTTP is.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, closing
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

T = TypeVar("T")


class Ask(NamedTuple):
    """A method of the transport, by its name, and its arguments."""

    method: str
    arguments: tuple[Any, ...] = ()


class Item(NamedTuple):
    """One of the things that a flow produces, for whoever iterates over it."""

    value: Any


Flow = Generator[Ask, Any, T]
"""Asks, and returns one thing."""
Stream = Generator["Ask | Item", Any, None]
"""Asks, and produces many."""


class Transport(Protocol):
    """Fulfils asks. The scope around a flow closes whatever the flow left open when it ended or was abandoned."""

    def scope(self) -> AbstractContextManager[Any]: ...


class AsyncTransport(Protocol):
    """The same, with coroutines for methods."""

    def scope(self) -> AbstractAsyncContextManager[Any]: ...


class _Course(Generic[T]):
    """Where a flow stands: what it wants next, what it will be told, what it returned."""

    result: T

    def __init__(self, flow: Generator[Any, Any, T]) -> None:
        self._flow = flow
        self._answer: Any = None
        self._error: Exception | None = None

    def next(self) -> Any:
        """What the flow wants now; None when it has ended."""
        answer, error = self._answer, self._error
        self._answer = self._error = None
        try:
            return self._flow.send(answer) if error is None else self._flow.throw(error)
        except StopIteration as end:
            self.result = end.value
            return None

    def told(self, answer: Any) -> None:
        self._answer = answer

    def failed(self, error: Exception) -> None:
        self._error = error

    def close(self) -> None:
        """Let go of what the flow holds now, not when the last traceback that knows it is forgotten."""
        self._flow.close()


def run(flow: Flow[T], transport: Transport) -> T:
    """Fulfil a flow's asks one after the other and return what it returns."""
    course = _Course(flow)
    with closing(course), transport.scope() as hands:
        while (ask := course.next()) is not None:
            try:
                course.told(getattr(hands, ask.method)(*ask.arguments))
            except Exception as error:  # the flow is who knows what to do about it
                course.failed(error)
    return course.result


async def run_async(flow: Flow[T], transport: AsyncTransport) -> T:
    """The same, awaiting each answer."""
    course = _Course(flow)
    with closing(course):
        async with transport.scope() as hands:
            while (ask := course.next()) is not None:
                try:
                    course.told(await getattr(hands, ask.method)(*ask.arguments))
                except Exception as error:  # the flow is who knows what to do about it
                    course.failed(error)
    return course.result


def each(stream: Stream, transport: Transport) -> Generator[Any, None, None]:
    """What a flow of many things produces."""
    course = _Course(stream)
    with closing(course), transport.scope() as hands:
        while (wanted := course.next()) is not None:
            if isinstance(wanted, Item):
                yield wanted.value
                continue
            try:
                course.told(getattr(hands, wanted.method)(*wanted.arguments))
            except Exception as error:  # the flow is who knows what to do about it
                course.failed(error)


async def each_async(stream: Stream, transport: AsyncTransport) -> AsyncGenerator[Any, None]:
    """The same, awaiting each answer."""
    course = _Course(stream)
    with closing(course):
        async with transport.scope() as hands:
            while (wanted := course.next()) is not None:
                if isinstance(wanted, Item):
                    yield wanted.value
                    continue
                try:
                    course.told(await getattr(hands, wanted.method)(*wanted.arguments))
                except Exception as error:  # the flow is who knows what to do about it
                    course.failed(error)
