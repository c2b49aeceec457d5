"""What is counted and logged of deliveries that came to their end."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from services.notifier.store.endings import Ending
from shared.figures import Figures, effect
from shared.messages import tracing

_LOG: Final = logging.getLogger(__name__)


class Noting:
    """One sender's."""

    def __init__(self, figures: Figures, arrived: Callable[[str, str, datetime], None]) -> None:
        self._arrived = arrived
        self._deliveries = figures.count(
            "keepwell_deliveries_total", "Deliveries that came to an end.", "channel", "state"
        )
        self._effect = effect(figures)

    def note(self, endings: Iterable[Ending]) -> None:
        """Count and log them, each in the trace of the event that caused it."""
        for one in endings:
            self._deliveries.add(1, one.transport, one.state)
            if one.state == "delivered":
                self._arrived(one.transport, one.target, one.settled_at)
            if one.state == "delivered" and one.caused_at is not None:
                seconds = (one.settled_at - one.caused_at).total_seconds()
                self._effect.observe(max(0.0, seconds), "delivered")
            level = logging.INFO if one.state == "delivered" else logging.WARNING
            seen = {"delivery": one.id, "channel": one.transport, "attempts": one.attempts}
            with tracing.about(one.account_id), tracing.within({tracing.HEADER: one.traceparent or ""}):
                _LOG.log(level, "%s%s", one.state, f": {one.reason}" if one.reason else "", extra=seen)
