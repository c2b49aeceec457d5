"""What playbooks achieved."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Depends, Query
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks.core.comparing import Life, compare, fair, others
from services.playbooks.core.effect_words import notes
from services.playbooks.core.rules import RulesInForce
from services.playbooks.outcomes import compared, figures
from services.playbooks.outcomes.figures import Span
from services.playbooks.views.effect import (
    Effect,
    EffectLine,
    Fired,
    Flags,
    Holdout,
    Kept,
    Messages,
    Score,
    Took,
)
from services.playbooks.views.people import Money
from shared.auth.keys import require
from shared.clock import Clock
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page
from shared.web.problems import Problem, invalid
from shared.web.routes import Router

From = Annotated[datetime | None, Query(alias="from", description="Since when; a year before `to`, unless given.")]
Until = Annotated[datetime | None, Query(alias="to", description="Before when; now, unless given.")]
_YEAR: Final = timedelta(days=365)
_ENDS: Final = {
    "running": "running",
    "itself": "over_by_itself",
    "done": "all_done",
    "false_alarm": "false_alarm",
    "outside": "ended_from_outside",
    "left": "customer_left",
}
_WAITING: Final = ""


def span_of(since: datetime | None, until: datetime | None, now: datetime) -> Span:
    """What was asked for, in UTC, which is what an instant without a zone means. Raises a problem."""
    end = _utc("to", until) if until is not None else now
    start = _utc("from", since) if since is not None else end - _YEAR
    if start >= end:
        raise invalid("query.from", "it must lie before `to`, which is now unless it is given")
    return Span(start, end)


def _utc(name: str, at: datetime) -> datetime:
    if not 1970 < at.year < 9999:
        raise invalid(f"query.{name}", "it is beyond what is known here; ask for an instant from 1971 to 9998")
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def routes(uow: UnitOfWork, clock: Clock, rules: RulesInForce) -> Router:
    """`/v1/effect`, and `/v1/playbooks/{id}/effect`."""
    router = Router(prefix="/v1", tags=["playbooks"], dependencies=[Depends(require("read"))])

    def title(playbook: str) -> str:
        known = rules().library.every.get(playbook)
        return known.title if known is not None else playbook

    @router.get("/effect", summary="What each playbook came to, in short")
    async def lines(since: From = None, until: Until = None) -> Page[EffectLine]:
        """By their firings of that time; those that did nothing then are left out."""
        span = span_of(since, until, clock.now())
        async with uow.begin() as c:
            found = await _lines(c, span, None)
        return Page(items=[EffectLine(**{**found[id], "title": title(id)}) for id in sorted(found)])

    @router.get("/playbooks/{id}/effect", summary="What one playbook achieved")
    async def one(id: str, since: From = None, until: Until = None) -> Effect:
        """By its firings of that time. Of fewer than ten there are counts alone."""
        now = clock.now()
        span, today = span_of(since, until, now), now.astimezone(UTC).date()
        async with uow.begin() as c:
            found = await _lines(c, span, id)
            known = rules().library.every.get(id)
            if known is None and id not in found:
                raise Problem(404, "not_found", f"There is no playbook {id}. GET /v1/playbooks lists them.")
            line = found.get(id) or _line(id, {}, {}, [])
            followed = await compared.followed(c, id, span, today)
            lives = await compared.untouched(c, id) if any(followed.courses.values()) else []
            percent = known.holdout if known is not None else 0
            held = await _holdout(c, id, span, now, percent) if percent or line["episodes"].held_out else None
            to_close = Took.of(await figures.closed(c, span, id))
        # It takes some tenths of a second at most, and the service has other things to do.
        scores = await asyncio.to_thread(_scores, followed, lives)
        told = {**line, "title": title(id), "to_close": to_close, "score": scores, "holdout": held}
        shown = Effect(**told, since=span.since, until=span.until, words=[])
        return shown.model_copy(update={"words": notes(shown.model_dump())})

    return router


def _scores(followed: compared.Followed, lives: Sequence[Life]) -> list[Score]:
    found = list[Score]()
    for days, courses in followed.courses.items():
        told = compare(courses, others(lives, {one.state for one in courses}, days))
        found.append(Score.of_(days, followed.of[days], followed.waiting[days], told))
    return found


async def _holdout(c: AsyncConnection, id: str, span: Span, now: datetime, percent: int) -> Holdout:
    two = await compared.groups(c, id, span, now.astimezone(UTC).date(), now)
    return Holdout.of(percent, two[False], two[True], fair(two[False], two[True]))


async def _lines(c: AsyncConnection, span: Span, playbook: str | None) -> dict[str, dict[str, Any]]:
    fired, worked = await figures.fired(c, span, playbook), await figures.worked(c, span, playbook)
    shares = await figures.shares(c, span, playbook)
    return {
        id: _line(
            *(id, fired.get(id, {}), worked.get(id, {})), Kept.of([one for one in shares if one.episode.playbook == id])
        )
        for id in fired.keys() | worked.keys()
    }


def _line(id: str, fired: Mapping[str, Any], worked: Mapping[str, Any], kept: Sequence[Kept]) -> dict[str, Any]:
    items, told = worked.get("items", {}), dict(worked.get("messages", {}))
    ends = {name: fired.get(column, 0) for column, name in _ENDS.items()}
    more = {"held_out": fired.get("held_out", 0), "in_shadow": fired.get("shadow", 0), "found": fired.get("found", 0)}
    won = [Money(**one) for one in worked.get("won", ())]
    return {
        "playbook": id,
        "title": id,
        "episodes": Fired(fired=fired.get("fired", 0), **ends, **more),
        "tasks": items.get("task", {}),
        "alerts": items.get("alert", {}),
        "flags": Flags(**items.get("flag", {}), won_minor=won),
        "first_touch": Took.of(figures.times_in(fired)),
        "messages": Messages(waiting=told.pop(_WAITING, 0), **told),
        "kept": list(kept),
    }
