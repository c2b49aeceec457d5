"""What people at the account say."""

from collections.abc import Mapping
from typing import Any, Final

from services.scoring.core import nps
from services.scoring.core.clock import DAY_US, in_words, written_us
from services.scoring.core.measures.base import Measure, Reading, View
from services.scoring.core.state import Cell
from shared.words import counted, number

NPS_DAYS: Final = 180
"""Relationship surveys go out every quarter at the least; what is older than two of them says little."""
MOMENT_DAYS: Final = 90
"""Satisfaction and ease are about a moment."""


def answers(view: View, kind: str, days: int) -> dict[str, Cell]:
    """The latest answer of each contact in the last `days` days."""
    since = (view.today - days + 1) * DAY_US
    return {contact: cell for contact, cell in view.state.answers.get(kind, {}).items() if cell.at >= since}


def nps_answers(view: View) -> dict[str, Cell]:
    """The relational answers; where there are none, the transactional ones. They are never mixed."""
    return answers(view, "nps", NPS_DAYS) or answers(view, "nps.transactional", NPS_DAYS)


def role_of(view: View, contact: str) -> str:
    """What a contact is to the account, in words."""
    return (view.state.role_of(contact) or "contact").replace("_", " ")


def _nps(view: View) -> Reading:
    found = nps_answers(view)
    if not found:
        return Reading(None, f"no NPS answer in {NPS_DAYS} days")
    result = nps.of([cell.value[0] for cell in found.values()])
    if len(found) == 1:
        ((contact, cell),) = found.items()
        return Reading(result.nps, f"their {role_of(view, contact)} scored us {cell.value[0]}" + quoted(cell.value[1]))
    return Reading(result.nps, f"NPS {number(result.nps, 0)} from {counted(len(found), 'answer')}")


def quoted(comment: str) -> str:
    """A comment, or its first words, in quotation marks."""
    return f': "{comment}"' if comment else ""


def _csat(view: View) -> Reading:
    found = answers(view, "csat", MOMENT_DAYS)
    if not found:
        return Reading(None, f"no satisfaction answer in {MOMENT_DAYS} days")
    share = nps.csat([cell.value[0] for cell in found.values()])
    return Reading(share, f"satisfaction {number(share, 0)} % from {counted(len(found), 'answer')}")


def _ces(view: View) -> Reading:
    found = answers(view, "ces", MOMENT_DAYS)
    if not found:
        return Reading(None, f"no answer on ease in {MOMENT_DAYS} days")
    mean = nps.ces([cell.value[0] for cell in found.values()])
    return Reading(mean, f"ease {number(mean, 1)} of 7 from {counted(len(found), 'answer')}")


def _said(view: View, found: Mapping[str, Cell], days: int) -> Mapping[str, str]:
    return {
        contact: f"the {cell.value[0]} of their {role_of(view, contact)} of {in_words(cell.at)} is past {days} days"
        for contact, cell in found.items()
    }


NPS = Measure(
    "feedback.nps",
    "",
    ((-100, 0), (0, 50), (30, 75), (50, 90), (100, 100)),
    _nps,
    ("feedback.nps", "contact.erased"),
    lambda view: _said(view, nps_answers(view), NPS_DAYS),
)
CSAT = Measure(
    "feedback.csat",
    "%",
    ((20, 0), (60, 40), (80, 80), (95, 100)),
    _csat,
    ("feedback.csat", "contact.erased"),
    lambda view: _said(view, answers(view, "csat", MOMENT_DAYS), MOMENT_DAYS),
)
CES = Measure(
    "feedback.ces",
    "",
    ((1, 0), (4, 40), (5, 70), (6.5, 100)),
    _ces,
    ("feedback.ces", "contact.erased"),
    lambda view: _said(view, answers(view, "ces", MOMENT_DAYS), MOMENT_DAYS),
)


def facts(view: View) -> dict[str, Any]:
    """What else is known of their answers."""
    nps_cells = [cell for kind in ("nps", "nps.transactional") for cell in view.state.answers.get(kind, {}).values()]
    last = max(nps_cells, key=lambda cell: (cell.at, cell.rank, cell.source, cell.id), default=None)
    return {
        "feedback.nps_answers": len(nps_answers(view)),
        "feedback.last_nps": last.value[0] if last else None,
        "feedback.last_nps_at": written_us(last.at) if last else None,
    }
