"""Why a measure moved, in a customer-success manager's words."""

from collections.abc import Mapping

from services.scoring.core.clock import instant_of
from services.scoring.core.decision import Occasion
from services.scoring.core.measures import MEASURES
from services.scoring.core.measures.base import View
from services.scoring.core.measures.feedback import quoted, role_of
from shared.messages.assessments import Cause, MeasureReading
from shared.words import clean, listed

_EXCERPT = 160


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
            return _of_answer(what, view, data)
        case "ticket" if new.name == "support.urgent":
            fewer = (new.raw or 0) < (old or 0)
            return f"urgent ticket {data.get('ticket_id')} is {_state_of(what, data)}" if fewer else new.words
        case "ticket":
            return f"ticket {data.get('ticket_id')} was {what}: {new.words}"
        case "invoice" if what in ("paid", "voided"):
            return f"invoice {data.get('invoice_id')} was {what}: {new.words}"
        case "invoice" if what == "credited":
            return f"invoice {data.get('invoice_id')} was credited: {new.words}"
        case "payment":
            state = {"open": "is disputed", "won": "is disputed no more", "lost": "was disputed, and lost"}
            return f"invoice {data.get('invoice_id')} {state.get(str(data.get('state')), what)}: {new.words}"
        case "milestone":
            return f"milestone {data.get('milestone')} was reached: {new.words}"
        case _:
            return new.words


def _state_of(what: str, data: Mapping[str, object]) -> str:
    closed = what == "closed" or data.get("closed_at") is not None
    return "closed" if closed else f"now {data.get('priority')}"


def _of_answer(what: str, view: View, data: Mapping[str, object]) -> str:
    who = role_of(view, str(data.get("contact_id")))
    score = int(str(data.get("score")))
    said = quoted(clean(str(data.get("comment") or ""), _EXCERPT))
    match what:
        case "nps":
            return f"their {who} scored us {score}{said}"
        case "csat":
            return f"their {who} rated us {score} of 5{said}"
        case _:
            ease = "easy" if score >= 5 else "hard" if score <= 3 else "neither easy nor hard"
            return f"their {who} found it {ease} ({score} of 7){said}"
