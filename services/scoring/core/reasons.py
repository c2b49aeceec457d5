"""Why a measure moved, in a customer-success manager's words."""

from collections.abc import Mapping

from services.scoring.core.decision import Occasion
from services.scoring.core.measures import MEASURES
from services.scoring.core.measures.base import View
from services.scoring.core.measures.feedback import role_of
from services.scoring.core.sentences import answered, happened
from shared.messages.assessments import Cause, MeasureReading
from shared.messages.stamps import instant_of
from shared.words import listed


def reason(
    old: float | None, new: MeasureReading, view: View, occasion: Occasion, before: int
) -> tuple[str, list[str]]:
    """What moved a measure from its `old` raw value, and the events that did it.

    `before` is when it was last read, in microseconds.
    """
    cause = occasion.cause
    if cause.type == "reading.muted" and cause.data.get("measure") == new.name:
        return new.words, [f"{cause.source} {cause.id}"]
    if cause.type is not None and cause.type.startswith(MEASURES[new.name].moved_by or ("-",)):
        return _of_event(old, new, view, cause), [f"{cause.source} {cause.id}"]
    if cause.kind == "usage":
        moved = new.name.startswith("usage.") and (new.raw or 0) != (old or 0)
        return new.words, list(occasion.events) if moved else []
    return _gone(new.name, view, before) or new.words, []


def _gone(name: str, view: View, before: int) -> str | None:
    """What has left the measure's window since it was last read."""
    then = view.kept(("then", before), lambda: View(view.account, instant_of(before), view.catalogue))
    if then.today >= view.today:
        return None
    counted = MEASURES[name].counted
    here = counted(view)
    gone = [words for key, words in counted(then).items() if key not in here]
    if not gone:
        return None
    return listed(gone, most=1)


def _of_event(old: float | None, new: MeasureReading, view: View, cause: Cause) -> str:
    data = cause.data
    kind, _, what = (cause.type or "").partition(".")
    match kind:
        case "feedback":
            return answered(what, f"their {role_of(view, str(data.get('contact_id')))}", data)
        case "ticket" if new.name == "support.urgent":
            fewer = (new.raw or 0) < (old or 0)
            return f"urgent ticket {data.get('ticket_id')} {_state_of(what, data)}" if fewer else new.words
        case "invoice" if what in ("issued", "payment_failed"):
            return new.words
        case _:
            said = happened(f"{kind}.{what}", data)
            return new.words if said is None else f"{said}: {new.words}"


def _state_of(what: str, data: Mapping[str, object]) -> str:
    if data.get("merged_into"):
        return f"goes on in {data['merged_into']}"
    closed = what == "closed" or data.get("closed_at") is not None
    return "is closed" if closed else f"is now {data.get('priority')}"
