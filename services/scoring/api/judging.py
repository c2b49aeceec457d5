"""What people say of an account by hand: how they judge it, that a reading is wrong, and what they note."""

from datetime import timedelta

from services.scoring import views
from services.scoring.api.parts import aware
from services.scoring.api.saying import Operator, Saying, author_of
from services.scoring.core.measures import MEASURES
from services.scoring.core.state import MUTE_DAYS
from services.scoring.core.surveys import KEPT
from services.scoring.views.timeline import Note
from shared.clock import Clock
from shared.conditions import did_you_mean
from shared.messages.accounts import NoteAdded, PulseSet, ReadingMuted
from shared.web.problems import Problem, invalid
from shared.web.routes import Router


def routes(say: Saying, clock: Clock) -> Router:
    """`PUT /v1/accounts/{id}/pulse` and `/mutes/{measure}`, `POST /v1/accounts/{id}/notes`."""
    router = Router(prefix="/v1", tags=["accounts"])

    @router.put("/accounts/{id}/pulse", status_code=202, summary="Judge an account, from 1 to 10, and say why")
    async def set_pulse(id: str, body: views.Pulse, caller: Operator) -> views.Said:
        return await say(id, PulseSet(score=body.score, note=body.note, author=author_of(caller)))

    @router.put("/accounts/{id}/mutes/{measure}", status_code=202, summary="Say that a reading is wrong")
    async def mute(id: str, measure: str, body: views.MuteUntil, caller: Operator) -> views.Said:
        until = aware(body.until)
        if measure not in MEASURES:
            hint = did_you_mean(measure, MEASURES) or f"There are {', '.join(MEASURES)}."
            raise Problem(404, "not_found", f"There is no measure {measure!r}. {hint}")
        if until > clock.now() + timedelta(days=MUTE_DAYS):
            raise invalid("body.until", f"it lies more than {MUTE_DAYS} days ahead; say so again when it is over")
        return await say(id, ReadingMuted(measure=measure, until=until, reason=body.reason, author=author_of(caller)))

    @router.post("/accounts/{id}/notes", status_code=202, summary="Write on the timeline of an account, or of $company")
    async def note(id: str, body: Note, caller: Operator) -> views.Said:
        at = None if body.at is None else aware(body.at)
        if at is not None and not clock.now() - KEPT < at < clock.now() + KEPT:
            raise invalid("body.at", f"it lies more than {KEPT.days} days away; a timeline goes no further")
        return await say(id, NoteAdded(text=body.text, at=at, author=author_of(caller)))

    return router
