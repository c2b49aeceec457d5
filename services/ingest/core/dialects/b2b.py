"""Segment's B2B SaaS spec: what its events come to where no mapping says otherwise.

https://segment.com/docs/connections/spec/b2b-saas

A trial is the account's unnamed subscription, which counts only while billing names none. It is told as a term that
runs out, never as a cancellation: the spec's `Trial Ended` comes whether they buy or not, and who doesn't buy is told
by `Account Deleted`. So nobody who stays is taken for having left, in whatever order the two come.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from services.ingest.core.dialects.fields import instant_in
from services.ingest.core.dialects.traits import of_contact

Come = list[tuple[str, dict[str, Any]]]
"""Types of events, and their data."""
Props = Mapping[str, Any]


def _account_created(props: Props, _: str | None) -> Come:
    name = _text(props, "account_name")
    return [("account.updated", {"traits": {"name": name} if name else {}}), _milestone("account_created")]


def _account_deleted(_: Props, __: str | None) -> Come:
    return [("account.churned", {"reason": "account deleted"})]


def _signed_up(props: Props, user: str | None) -> Come:
    traits, _ = of_contact({name: value for name, value in props.items() if name != "type"})
    return [*_contact(user, traits=traits), _milestone("signed_up")]


def _invite_sent(_: Props, __: str | None) -> Come:
    return [_milestone("invite_sent")]


def _user_added(props: Props, user: str | None) -> Come:
    role = "_".join((_text(props, "role") or "").lower().split())
    return [*_contact(user, **({"role": role} if role else {})), _milestone("account_added_user")]


def _user_removed(_: Props, user: str | None) -> Come:
    return _contact(user, role="left")


def _trial_started(props: Props, _: str | None) -> Come:
    started, ends = (instant_in(props.get(f"trial_{name}_date"), f"trial_{name}_date") for name in ("start", "end"))
    plan = _text(props, "trial_plan_name")
    said = {"status": "trialing", "plan": plan, "started_at": started, "renews_at": ends}
    changed = {name: value for name, value in said.items() if value is not None}
    return [("subscription.changed", changed), _milestone("trial_started")]


def _trial_ended(props: Props, _: str | None) -> Come:
    plan = _text(props, "trial_plan_name")
    return [("subscription.changed", {"status": "active", **({"plan": plan} if plan else {}), "renews_at": None})]


def _signed_out(_: Props, __: str | None) -> Come:
    return []


EVENTS: Final[Mapping[str, Callable[[Props, str | None], Come]]] = {
    "Account Created": _account_created,
    "Account Deleted": _account_deleted,
    "Signed Up": _signed_up,
    "User Signed Up": _signed_up,
    "Signed Out": _signed_out,
    "Invite Sent": _invite_sent,
    "Invited": _invite_sent,
    "Account Added User": _user_added,
    "Account Removed User": _user_removed,
    "Trial Started": _trial_started,
    "Trial Ended": _trial_ended,
}
"""What each comes to, by its properties and its user. `Signed In` is a use, as any other event is."""
LEAVE: Final = frozenset({"Account Deleted", "Account Removed User"})
"""Those that don't say that their user is at the account."""


def _contact(user: str | None, **said: Any) -> Come:
    return [("contact.updated", {"contact_id": user, "user_ids": [user], **said})] if user else []


def _milestone(name: str) -> tuple[str, dict[str, Any]]:
    return "milestone.reached", {"milestone": name}


def _text(props: Props, name: str) -> str | None:
    value = props.get(name)
    return value.strip()[:128] or None if isinstance(value, str) else None
