"""Our job as somebody else's user would write it, with plain dictionaries, an event at a time.

Uses by feature and day, users by their last day, five measures of them, and a weighted score, which is told when it has
changed. Whether an event had been seen before is for each framework's state to say.
"""

from datetime import date
from typing import Any

State = dict[str, Any]

_KEPT = 90
_SEATS = 20
_FEATURES = 12
_WEIGHTS = (30, 25, 20, 15, 10)


def fold(state: State, event: dict[str, Any], today: int) -> float | None:
    """Count a use, in place. Returns the account's score where it differs from before."""
    day, data = date.fromisoformat(event["time"][:10]).toordinal(), event["data"]
    days = state.setdefault("days", {})
    uses = days.setdefault(str(day), {})
    uses[data["feature"]] = uses.get(data["feature"], 0) + data.get("quantity", 1)
    for old in [one for one in days if int(one) <= today - _KEPT]:
        del days[old]
    users = state.setdefault("users", {})
    users[data["user_id"]] = max(day, users.get(data["user_id"], 0))
    score = _score(days, users, today)
    if score == state.get("score"):
        return None
    state["score"] = score
    return score


def _score(days: dict[str, dict[str, int]], users: dict[str, int], today: int) -> float:
    lately = {int(day): uses for day, uses in days.items()}
    recency = max(0, 100 - 10 * (today - max(lately)))
    week = sum(sum(uses.values()) for day, uses in lately.items() if day > today - 7)
    now = sum(sum(uses.values()) for day, uses in lately.items() if day > today - 14) / 14
    before = sum(sum(uses.values()) for day, uses in lately.items() if today - 70 < day <= today - 14) / 56
    trend = min(100.0, 50 * now / before) if before else 50.0
    active = 100 * sum(day > today - 30 for day in users.values()) / _SEATS
    breadth = 100 * len({one for day, uses in lately.items() if day > today - 30 for one in uses}) / _FEATURES
    points = (recency, trend, min(100.0, active), breadth, min(100.0, week))
    return round(sum(weight * one for weight, one in zip(_WEIGHTS, points, strict=True)) / sum(_WEIGHTS), 2)
