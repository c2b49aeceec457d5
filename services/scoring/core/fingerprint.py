"""What of an account must be equal wherever the same events were folded, in whatever order and however often."""

from datetime import datetime

import msgspec

from services.scoring.core.clock import day_of
from services.scoring.core.health import health_of
from services.scoring.core.scorecard import Rules
from services.scoring.core.state import Account, canonical


def fingerprint_of(account: Account, at: datetime, rules: Rules) -> bytes:
    """All that is remembered of it at an instant, every measure's points, and the score before hysteresis."""
    health = health_of(account, at, rules)
    points = {name: one.points for name, one in health.readings.items()}
    beside = (sorted(account.users.items()), points, health.score.coverage, health.score.points)
    return canonical(account, day_of(at)) + msgspec.msgpack.encode(beside)
