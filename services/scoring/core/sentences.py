"""What an event says, in words: a sentence for the timeline, and its beginning for reasons."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from services.scoring.core.feedback import group_of
from shared.words import clean, date_words, listed, money, monthly, person, scored

_EXCERPT: Final = 160
_DISPUTES: Final = {"open": "is disputed", "won": "is disputed no more", "lost": "was disputed, and lost"}
_FAMILIES: Final = {"ticket", "invoice", "payment", "milestone", "goal"}

Data = Mapping[str, Any]


def happened(type: str, data: Data) -> str | None:
    """What became of a ticket, invoice or milestone, in short: `invoice I-1 was paid`; None of anything else."""
    family, _, what = type.partition(".")
    if family not in _FAMILIES:
        return None
    if family == "payment":
        return f"invoice {_id(data, 'invoice_id')} {_DISPUTES.get(str(data.get('state')), what)}"
    if family == "ticket" and data.get("merged_into"):
        return f"ticket {_id(data, 'ticket_id')} goes on in {_id(data, 'merged_into')}"
    name = _id(data, family if family == "milestone" else f"{family}_id")
    return f"{family} {name} was {what.replace('_', ' ')}"


def answered(kind: str, who: str, data: Data) -> str:
    """What somebody answered: `Kim (admin) scored us 3: "too slow"`."""
    score, said = int(str(data.get("score"))), quoted(str(data.get("comment") or ""))
    match kind:
        case "nps":
            return f"{who} scored us {score}{said}"
        case "csat":
            return f"{who} rated us {score} of 5{said}"
        case _:
            ease = group_of("ces", score).replace("neutral", "neither easy nor hard")
            return f"{who} found it {ease} ({score} of 7){said}"


def quoted(text: str) -> str:
    """A text from outside, or its first words, in quotation marks after a colon; nothing without one."""
    excerpt = clean(text, _EXCERPT)
    return f': "{excerpt}"' if excerpt else ""


def sentence(type: str, data: Data | None, name: str | None, role: str | None) -> str:
    """What an event says. Its contact has this name and role, where they are known; without data they were erased."""
    if type == "contact.erased":
        return "a contact was erased"
    if data is None:
        return f"{type.replace('.', ' ').replace('_', ' ')}, of a contact who was erased"
    family, _, kind = type.partition(".")
    # What a contact is said to be is not said of them before.
    who = person(name, None if family == "contact" else role)
    if family == "feedback":
        return answered(kind, who, data)
    if type in _SAYING:
        return _SAYING[type](data, who)
    return (happened(type, data) or type.replace(".", " ").replace("_", " ")) + _more(family, data)


def _more(family: str, data: Data) -> str:
    match family:
        case "ticket":
            return f" ({_id(data, 'priority')})" + quoted(str(data.get("title") or ""))
        case "invoice":
            due = f", due {_day(data['due_at'])}" if data.get("due_at") else ""
            return f": {money(data['amount_minor'], _id(data, 'currency'))}{due}"
        case _:
            return ""


def _moved(data: Data, _who: str) -> str:
    before, after = data["previous_score"], data["score"]
    points = "" if before is None or after is None else f", {scored(before)} → {scored(after)}"
    return f"health went from {data['previous_band']} to {data['band']}{points}"


def _traits(data: Data, _who: str) -> str:
    return _listed("the account has another", "the account was updated", data.get("traits") or {})


def _subscription(data: Data, _who: str) -> str:
    said = {name: value for name, value in data.items() if name not in ("subscription_id", "mrr_minor", "currency")}
    if data.get("mrr_minor") is not None:
        said = {"revenue": monthly(data["mrr_minor"], data.get("currency")), **said}
    name = f"subscription {_id(data, 'subscription_id')}" if data.get("subscription_id") else "the subscription"
    return _listed(f"{name}:", f"{name} changed", said)


def _contact(data: Data, who: str) -> str:
    roles = [role for role in (data.get("role"), *(data.get("roles") or ())) if role]
    if "left" in roles or (data.get("traits") or {}).get("left") is True:
        return f"{who} has left them"
    if roles:
        return f"{who} is {listed([clean(str(role), _EXCERPT).replace('_', ' ') for role in dict.fromkeys(roles)])}"
    return f"more is known of {who}"


def _listed(begin: str, bare: str, said: Mapping[str, Any]) -> str:
    parts = [f"{clean(name, 40).replace('_', ' ')} {_plain(name, value)}" for name, value in said.items()]
    return f"{begin} {listed(parts, most=4)}" if parts else bare


def _plain(name: str, value: Any) -> str:
    if value is None:
        return "no longer"
    return _day(value) if name.endswith("_at") else clean(str(value), 80)


def _day(value: Any) -> str:
    try:
        return date_words(datetime.fromisoformat(str(value)))
    except ValueError:
        return clean(str(value), 40)


def _id(data: Data, name: str) -> str:
    return clean(str(data.get(name)), 128)


def _churned(data: Data, _who: str) -> str:
    return ("they left" if data.get("voluntary", True) else "they were let go") + quoted(str(data.get("reason") or ""))


def _talked(data: Data, who: str) -> str:
    us, them = _id(data, "author") if data.get("author") else "we", who if data.get("contact_id") else "them"
    return f"{us} talked with {them}: {_id(data, 'kind').replace('_', ' ')}" + quoted(str(data.get("note") or ""))


def _goal(data: Data, _who: str) -> str:
    by = f", {_id(data, 'fact')} {_id(data, 'op')} {_id(data, 'target')}" if data.get("fact") else ""
    begin = f"{_id(data, 'author')} set goal" if data.get("author") else "the goal is set,"
    return f"{begin} {_id(data, 'goal_id')}{quoted(str(data.get('title')))}{by}, by {_day(data.get('due_at'))}"


def _renewal(data: Data, _who: str) -> str:
    said = {name: data[name] for name in ("forecast", "outcome", "owner") if name in data}
    parts = [f"{name} {_plain(name, value).replace('_', ' ')}" for name, value in said.items()]
    begin = f"{_id(data, 'author')} said of the renewal"
    return (f"{begin}: {listed(parts)}" if parts else begin) + quoted(str(data.get("reason") or ""))


def _of_kind(data: Data) -> str:
    kind = _id(data, "kind")
    return "" if kind == "all" else f" of the kind {kind}"


def _interrupted(data: Data, _who: str) -> str:
    if data.get("until"):
        return f"{_id(data, 'source')} came again"
    return f"{_id(data, 'source')} stopped coming on {_day(data.get('since'))}"


def _nps_dropped(data: Data, _who: str) -> str:
    of = f" of {_id(data, 'product')}" if data.get("product") else ""
    figures = [f"{data[when]:g} ({data[f'n_{when}']} answers)" for when in ("before", "now")]
    return f"{data['kind']} NPS{of} fell from {figures[0]} to {figures[1]} within 90 days"


_SAYING: Final[Mapping[str, Callable[[Data, str], str]]] = {
    "account.assessed": _moved,
    "account.updated": _traits,
    "account.churned": _churned,
    "account.merged": lambda data, _: f"it goes on as {_id(data, 'into')}",
    "contact.consented": lambda data, who: f"{who} agreed to messages{_of_kind(data)}",
    "contact.unsubscribed": lambda data, who: f"{who} wants no more messages{_of_kind(data)}",
    "contact.updated": _contact,
    "goal.set": _goal,
    "interaction.logged": _talked,
    "nps.dropped": _nps_dropped,
    "note.added": lambda data, _: f"{_id(data, 'author')} noted" + quoted(str(data.get("text"))),
    "pulse.set": lambda data, _: (
        f"{_id(data, 'author')} set the pulse to {data.get('score')} of 10" + quoted(str(data.get("note")))
    ),
    "reading.muted": lambda data, _: (
        f"{_id(data, 'author')} muted {_id(data, 'measure')} until {_day(data.get('until'))}"
        + quoted(str(data.get("reason")))
    ),
    "renewal.updated": _renewal,
    "source.interrupted": _interrupted,
    "subscription.changed": _subscription,
    "survey.invited": lambda data, who: (
        f"{who} was asked" + (f" at {_id(data, 'touchpoint').replace('_', ' ')}" if data.get("touchpoint") else "")
    ),
}
