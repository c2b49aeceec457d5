"""What a peer tells of a backlog that it has drained: its own processor time from the first event to its end.

Peers run in environments of their own, so this and `job.py` need nothing but Python.
"""

import json
import resource
import sys
import time


def used() -> tuple[float, float]:
    """Seconds by the clock, and of this process's processor in all of its threads."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), own.ru_utime + own.ru_stime


class Meter:
    """Counts events, and begins with the first of them."""

    def __init__(self) -> None:
        self.events = 0
        self.counted = 0
        """Without those that had been seen before, where the peer looks."""
        self._began: tuple[float, float] | None = None

    def begin(self) -> None:
        """The first event is here, or is asked for."""
        self._began = used()

    def end(self) -> None:
        """All is counted and stored: say so in one line."""
        assert self._began is not None
        (clock, cpu), (began, before) = used(), self._began
        told = {"events": self.events, "counted": self.counted, "clock": clock - began, "cpu": cpu - before}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
