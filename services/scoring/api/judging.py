"""What people say of an account by hand: how they judge it, that a reading is wrong, and what they note.

Nothing is written here: it is published, as whatever happens to an account is, and folded with the rest.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Annotated, Final

from fastapi import Depends

from services.scoring import queries, views
from services.scoring.api.parts import aware, found
from services.scoring.core.measures import MEASURES
from services.scoring.core.state import MUTE_DAYS
from services.scoring.core.surveys import KEPT
from services.scoring.views.timeline import Note
from shared.auth.keys import Caller, require
from shared.clock import Clock
from shared.conditions import did_you_mean
from shared.log.protocol import Outgoing
from shared.messages import tracing
from shared.messages.accounts import NoteAdded, PulseSet, ReadingMuted
from shared.messages.envelope import encode, wrap
from shared.messages.registry import COMPANY, topic_of
from shared.pg.uow import UnitOfWork
from shared.web.problems import Problem, invalid
from shared.web.routes import Router

Publish = Callable[[Sequence[Outgoing]], Awaitable[None]]
_SOURCE: Final = "keepwell/people"
_Operator = Annotated[Caller, Depends(require("operate"))]


def routes(uow: UnitOfWork, clock: Clock, publish: Publish, random: tracing.RandomBytes) -> Router:
    """`PUT /v1/accounts/{id}/pulse` and `/mutes/{measure}`, `POST /v1/accounts/{id}/notes`."""
    router = Router(prefix="/v1", tags=["accounts"])

    async def say(account: str, data: PulseSet | ReadingMuted | NoteAdded) -> views.Said:
        if account != COMPANY or not isinstance(data, NoteAdded):
            async with uow.begin() as c:
                found(await queries.one(c, account), account)
        id, type, now = random(16).hex(), data.types[0], clock.now()
        event = wrap(data, id=id, source=_SOURCE, type=type, subject=account, time=now, accepted=now)
        headers = {**tracing.headers(), "ce_type": type}
        await publish([Outgoing(topic_of(type), account, encode(event), headers)])
        return views.Said(source=_SOURCE, id=id)

    @router.put("/accounts/{id}/pulse", status_code=202, summary="Judge an account, from 1 to 10, and say why")
    async def set_pulse(id: str, body: views.Pulse, caller: _Operator) -> views.Said:
        return await say(id, PulseSet(score=body.score, note=body.note, author=_author(caller)))

    @router.put("/accounts/{id}/mutes/{measure}", status_code=202, summary="Say that a reading is wrong")
    async def mute(id: str, measure: str, body: views.MuteUntil, caller: _Operator) -> views.Said:
        until = aware(body.until)
        if measure not in MEASURES:
            hint = did_you_mean(measure, MEASURES) or f"There are {', '.join(MEASURES)}."
            raise Problem(404, "not_found", f"There is no measure {measure!r}. {hint}")
        if until > clock.now() + timedelta(days=MUTE_DAYS):
            raise invalid("body.until", f"it lies more than {MUTE_DAYS} days ahead; say so again when it is over")
        return await say(id, ReadingMuted(measure=measure, until=until, reason=body.reason, author=_author(caller)))

    @router.post("/accounts/{id}/notes", status_code=202, summary="Write on the timeline of an account, or of $company")
    async def note(id: str, body: Note, caller: _Operator) -> views.Said:
        at = None if body.at is None else aware(body.at)
        if at is not None and not clock.now() - KEPT < at < clock.now() + KEPT:
            raise invalid("body.at", f"it lies more than {KEPT.days} days away; a timeline goes no further")
        return await say(id, NoteAdded(text=body.text, at=at, author=_author(caller)))

    return router


def _author(caller: Caller) -> str:
    """Who holds the key, else its name."""
    return caller.csm or caller.name
