"""Figures of one process: each is kept once, by whoever counts it, and read from there by status, metrics and logs.

Who counts something declares it on the process's `Figures`, so that a service shows what it feeds and nothing else.
Names are Prometheus's: base units, and never an account id in a label.
"""

from bisect import bisect_left
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Literal, TypeVar

FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Seconds, for what is over within a request or a batch."""
ROAD: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)
"""Seconds, for an event's whole road."""

Labels = tuple[str, ...]
Refresh = Callable[[], Awaitable[None]]


class Figure:
    """One number, or one by labels. A `counter` only grows; a `gauge` is what it was set to last."""

    def __init__(self, name: str, says: str, kind: Literal["counter", "gauge"], labels: Labels) -> None:
        self.name, self.says, self.kind, self.labels = name, says, kind, labels
        self.values: dict[Labels, float] = {} if labels else {(): 0}

    def add(self, by: float = 1, *labels: str) -> None:
        """Count so many more."""
        self.values[labels] = self.values.get(labels, 0) + by

    def set(self, value: float, *labels: str) -> None:
        """It is so many now."""
        self.values[labels] = value

    def __call__(self, *labels: str) -> float:
        """Its value; 0 where nothing has happened."""
        return self.values.get(labels, 0)


class Times:
    """How long something took, in seconds: how often at most so long, by labels."""

    def __init__(self, name: str, says: str, buckets: Sequence[float], labels: Labels) -> None:
        self.name, self.says, self.labels, self.buckets = name, says, labels, tuple(buckets)
        self.counts: dict[Labels, list[int]] = {}
        self.sums: dict[Labels, float] = {}
        if not labels:
            self._begin(())

    def _begin(self, labels: Labels) -> None:
        self.counts[labels], self.sums[labels] = [0] * (len(self.buckets) + 1), 0.0

    def observe(self, seconds: float, *labels: str) -> None:
        """One took so long."""
        if labels not in self.counts:
            self._begin(labels)
        self.counts[labels][bisect_left(self.buckets, seconds)] += 1
        self.sums[labels] += seconds


_F = TypeVar("_F", Figure, Times)


class Figures:
    """All figures of one process of a service. main.py makes one and hands it down."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.all: dict[str, Figure | Times] = {}
        self._refreshes: list[Refresh] = []

    def count(self, name: str, says: str, *labels: str) -> Figure:
        """A figure that only grows; its name ends in `_total`."""
        return self._declared(Figure(name, says, "counter", labels))

    def level(self, name: str, says: str, *labels: str) -> Figure:
        """A figure that goes up and down."""
        return self._declared(Figure(name, says, "gauge", labels))

    def times(self, name: str, says: str, *labels: str, buckets: Sequence[float] = FAST) -> Times:
        """How long something takes, in seconds."""
        return self._declared(Times(name, says, buckets, labels))

    def _declared(self, figure: _F) -> _F:
        """What was declared by that name, perhaps by another part of the process that counts the same."""
        found = self.all.setdefault(figure.name, figure)
        assert type(found) is type(figure), f"{figure.name} is declared twice, and differently"
        return found

    def before_reading(self, refresh: Refresh) -> None:
        """Have this done before figures are shown: it must be quick, and not fail."""
        self._refreshes.append(refresh)

    async def refresh(self) -> None:
        """Bring what is looked up, and not counted, up to date."""
        for refresh in self._refreshes:
            await refresh()


def effect(figures: Figures) -> Times:
    """How long events took to have an effect: `scored`, `decided`, `delivered`."""
    return figures.times(
        "keepwell_event_to_effect_seconds",
        "From ingest accepting an event to what it caused: scored, decided, delivered.",
        "effect",
        buckets=ROAD,
    )


def set_all(figure: Figure, values: Mapping[str, float]) -> None:
    """Set a figure with one label to exactly these."""
    figure.values = {(label,): value for label, value in values.items()}
