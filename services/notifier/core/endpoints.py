"""Endpoints: what each is told, and of an account's health what is new to it."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple

import msgspec

from shared.messages.outward import WEBHOOK_TYPES, WebhookType

NAMED: Final[tuple[WebhookType, ...]] = ("playbook.called", "test")
"""They go to the one endpoint that they name, whatever it subscribes to."""
HEALTH: Final = "health.changed"
_OF_ITEMS: Final = ("task", "alert", "flag")

FAILING_FROM: Final = 8
"""Attempts that failed one after the other, so many as are made at once: from then on one at a time is made."""
PROBES: Final = tuple(timedelta(seconds=s) for s in (5, 15, 60, 300))
"""How long after each such attempt the next is made."""
DISABLED_AFTER: Final = timedelta(days=5)
"""Of failures alone."""
FORMER_SECRET: Final = timedelta(hours=24)
"""How long a secret goes on signing beside the one that has taken its place."""
MOST: Final = 100
"""Endpoints. Each may have eight connections."""


class Filter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an event must be about: each list that is given must have its own. What an event has no word of, as of the
    severity of an answer, fits no such list."""

    accounts: list[str] = []
    segments: list[str] = []
    plans: list[str] = []
    owners: list[str] = []
    bands: list[str] = []
    matters: list[str] = []
    severity: list[str] = []

    def fits(self, type: str, data: Mapping[str, Any]) -> bool:
        """Whether an event fits."""
        account = data.get("account") or {}
        has = {
            "accounts": account.get("id"),
            "segments": account.get("segment"),
            "plans": account.get("plan"),
            "owners": account.get("owner"),
            "bands": data.get("band") if type == HEALTH else account.get("band"),
            "matters": data.get("matter"),
            "severity": data.get("severity"),
        }
        return all(not (wanted := getattr(self, name)) or value in wanted for name, value in has.items())

    @property
    def for_items(self) -> list[str]:
        """What is given that only tasks, alerts and flags have."""
        return [name for name in ("matters", "severity") if getattr(self, name)]


class Endpoint(NamedTuple):
    """What decides what an endpoint is told."""

    id: str
    name: str | None
    types: list[str] | None
    """None: all."""
    filter: Filter
    score_by: float | None
    """Of health: points, by which the score must have moved; None: only another band is told."""
    enabled: bool

    def wants(self, type: str, data: Mapping[str, Any]) -> bool:
        """Whether an event is for it; of health, whether it would be if it were new."""
        subscribes = type not in NAMED if self.types is None else type in self.types
        return subscribes and self.filter.fits(type, data)

    @property
    def subscribed(self) -> set[str]:
        """The types that it is told of."""
        return set(WEBHOOK_TYPES if self.types is None else self.types) - set(NAMED)


class Health(NamedTuple):
    """How an account stood when an endpoint was told last, or when it was first looked at for it."""

    rev: int
    score: float | None
    band: str


def wanted(endpoints: Iterable[Endpoint]) -> tuple[list[str], float | None]:
    """The types that some endpoint subscribes to, and the smallest change of score that one wants to hear of."""
    known = list(endpoints)
    types = set[str]().union(*(one.subscribed for one in known))
    points = [one.score_by for one in known if one.score_by is not None and HEALTH in one.subscribed]
    return [one for one in WEBHOOK_TYPES if one in types], min(points, default=None)


def is_of_items(type: str) -> bool:
    """Whether it tells of a task, alert or flag."""
    return type.partition(".")[0] in _OF_ITEMS


def compared(
    data: Mapping[str, Any], told: Health | None, score_by: float | None
) -> tuple[dict[str, Any] | None, Health]:
    """What an endpoint is told of an account's health, and what it is compared with from then on.

    None: nothing, because it is no other band, and the score has not moved by as much; or it comes late.
    """
    before = told or Health(-1, data.get("previous_score"), data.get("previous_band") or "unknown")
    now = Health(data.get("rev") or 0, data.get("score"), data.get("band") or "unknown")
    if now.rev <= before.rev:
        return None, before
    moved = (
        score_by is not None
        and now.score is not None
        and before.score is not None
        and abs(now.score - before.score) >= score_by
    )
    if now.band == before.band and not moved:
        return None, before
    return {**data, "previous_score": before.score, "previous_band": before.band}, now
