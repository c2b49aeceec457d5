"""W3C trace context: one trace from the POST to the message that it caused, carried as a `traceparent` header.

Ids are made from random bytes that the edge passes in; nothing here reaches for a random source.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, NamedTuple

HEADER: Final = "traceparent"

RandomBytes = Callable[[int], bytes]
"""Gives that many random bytes: `secrets.token_bytes` at the edge, something fixed in tests."""

_HEX: Final = frozenset("0123456789abcdef")


class Trace(NamedTuple):
    """Where we are in a trace: 32 and 16 lower-case hexadecimal digits, and the flags byte."""

    trace_id: str
    span_id: str
    flags: str = "01"

    def header(self) -> str:
        """The value of `traceparent`."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


current: ContextVar[Trace | None] = ContextVar("keepwell_trace", default=None)
"""The trace of what is being done; logs and outgoing messages carry it."""


account: ContextVar[str | None] = ContextVar("keepwell_account", default=None)
"""The account that is being worked on; lines that are logged name it."""


def parse(text: str | None) -> Trace | None:
    """Read a `traceparent` (https://www.w3.org/TR/trace-context/). None where there is none."""
    if not text:
        return None
    parts = text.strip().split("-")
    if len(parts) < 4 or (parts[0] == "00" and len(parts) != 4):
        return None
    version, trace_id, span_id, flags = parts[:4]
    lengths = (len(version), len(trace_id), len(span_id), len(flags)) == (2, 32, 16, 2)
    if not lengths or version == "ff" or not _HEX.issuperset(version + trace_id + span_id + flags):
        return None
    if trace_id == "0" * 32 or span_id == "0" * 16:
        return None
    return Trace(trace_id, span_id, flags)


def new(random: RandomBytes) -> Trace:
    """The first span of a new trace."""
    return Trace(random(16).hex(), random(8).hex())


def child(parent: Trace | None, random: RandomBytes) -> Trace:
    """A span within the parent's trace; without a parent, a new trace."""
    return new(random) if parent is None else parent._replace(span_id=random(8).hex())


def headers() -> dict[str, str]:
    """What a message or request sent from here carries: the current trace, if there is one."""
    trace = current.get()
    return {} if trace is None else {HEADER: trace.header()}


@contextmanager
def within(carried: Mapping[str, str]) -> Iterator[Trace | None]:
    """Do the block as part of the trace that a message's headers carry."""
    trace = parse(carried.get(HEADER))
    token = current.set(trace)
    try:
        yield trace
    finally:
        current.reset(token)


@contextmanager
def about(id: str) -> Iterator[None]:
    """Lines logged within the block name this account."""
    token = account.set(id)
    try:
        yield
    finally:
        account.reset(token)
