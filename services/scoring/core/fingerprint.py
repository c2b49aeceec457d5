"""What of an account must be equal wherever the same events were folded, in whatever order and however often."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from services.scoring.core.clock import day_of
from services.scoring.core.health import health_of
from services.scoring.core.packing import canonical
from services.scoring.core.scorecard import Rules
from services.scoring.core.state import Account
from services.scoring.core.usagedays import KEPT_DAYS, together


def fingerprint_of(
    account: Account, at: datetime, rules: Rules, used: Iterable[tuple[int, str, int, int]] = ()
) -> bytes:
    """All that is remembered of it at an instant, every measure's points, and the score before hysteresis.

    `used` is what its rows have of usage, by day and feature.
    """
    health = health_of(account, at, rules)
    points = {name: one.points for name, one in health.readings.items()}
    days = [(*key, uses) for key, uses in sorted(together(account, used).items()) if key[0] > day_of(at) - KEPT_DAYS]
    beside = (sorted(account.users.items()), points, health.score.coverage, health.score.points, days)
    return canonical(account, day_of(at)) + msgspec.msgpack.encode(beside)
