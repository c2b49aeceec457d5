"""The facts of an account, from its state and readings. What is not known is left out, with the reason beside."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from services.scoring.core.clock import written_us
from services.scoring.core.measures import billing, feedback, onboarding, support, usage
from services.scoring.core.measures.base import View
from services.scoring.core.profile import PLAIN
from shared.messages.assessments import FactValue, MeasureReading

LAST_SEEN: Final = "usage.last_seen_at"
_LONGEST_TRAIT = 2048
"""Bytes. A longer one stays in the state and is no fact, so that an assessment stays far below 512 KiB."""
_TRAITS = (*PLAIN, "stage")
_LINEAR = {"billing.overdue", "relationship.silence"}
"""Measures whose facts don't travel: conditions derive them from their instants."""


def account_facts(view: View) -> dict[str, FactValue]:
    """Who the account is: the facts that choose its scorecard."""
    profile = view.profile
    found: dict[str, Any] = {
        "account.id": view.account.id,
        "account.churned": profile.churned_at is not None,
        **{f"account.{name}": getattr(profile, name) for name in _TRAITS},
        **{f"account.{name}": _when(getattr(profile, name)) for name in ("signed_at", "renews_at", "churned_at")},
    }
    for name in view.catalogue.traits:
        cell = view.state.traits.get(f"traits.{name}")
        if cell is not None and len(msgspec.json.encode(cell.value)) <= _LONGEST_TRAIT:
            found[f"account.traits.{name}"] = cell.value
    return {name: value for name, value in found.items() if value is not None}


def _when(us: int | None) -> str | None:
    return None if us is None else written_us(us)


def facts_of(
    view: View, who: Mapping[str, FactValue], readings: Mapping[str, MeasureReading]
) -> tuple[dict[str, FactValue], dict[str, str]]:
    """Every fact but `health.*`, and for those that are not known the reason, where there is something to say.

    `who` is what `account_facts` says.
    """
    found: dict[str, Any] = {**who, **_usage(view), **_support(view), **_feedback(view), **_billing(view)}
    found |= _people(view)
    unknown: dict[str, str] = {}
    for name, read in readings.items():
        if name not in _LINEAR:
            found[name] = read.raw
        found[f"points.{name}"] = None if read.points is None else read.points / 100
        if read.raw is None:
            unknown[name] = read.words
    return {name: value for name, value in found.items() if value is not None}, unknown


def _usage(view: View) -> dict[str, Any]:
    state = view.state
    used, unused = usage.used_features(view)
    listed = bool(used or unused)
    return {
        LAST_SEEN: _when(state.last_used or None),
        "usage.active_users": usage.active_users(view) if state.knows_people else None,
        "usage.used_features": used if listed else None,
        "usage.unused_features": unused if listed else None,
    }


def _support(view: View) -> dict[str, Any]:
    urgent = support.urgent(view)
    return {
        "support.opened": len(support.opened(view)),
        "support.urgent_since": written_us(urgent[0][0]) if urgent else None,
        "support.open": sum(row.settled is None for row in view.tickets.values()),
    }


def _feedback(view: View) -> dict[str, Any]:
    found = feedback.nps_answers(view)
    nps = [cell for kind in ("nps", "nps.transactional") for cell in view.state.answers.get(kind, {}).values()]
    last = max(nps, key=lambda cell: (cell.at, cell.rank, cell.source, cell.id), default=None)
    return {
        "feedback.nps_answers": len(found),
        "feedback.last_nps": last.value[0] if last else None,
        "feedback.last_nps_at": written_us(last.at) if last else None,
    }


def _billing(view: View) -> dict[str, Any]:
    overdue = billing.overdue(view)
    failed = billing.payment_failed(view)
    return {
        "billing.overdue_since": written_us(overdue[0][0]) if overdue else None,
        "billing.overdue_minor": billing.overdue_minor(view) if view.state.billed else None,
        "billing.payment_failed_at": written_us(failed) if failed is not None else None,
    }


def _people(view: View) -> dict[str, Any]:
    reached, missing = onboarding.reached(view)
    champions, left_at = 0, 0
    for cells in view.state.contacts.values():
        role, left = cells.get("role"), cells.get("left")
        if role is None or role.value != "champion":
            continue
        if left is not None and left.beats(role):
            left_at = max(left_at, left.at)
        else:
            champions += 1
    interaction = view.state.interaction
    return {
        "onboarding.reached": reached if view.catalogue.milestones else None,
        "onboarding.missing": missing if view.catalogue.milestones else None,
        "relationship.last_interaction_at": written_us(interaction.at) if interaction else None,
        "contacts.champions": champions if view.state.contacts else None,
        "contacts.champion_left_at": written_us(left_at) if left_at else None,
    }
