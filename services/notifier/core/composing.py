"""What a message says: one action in words. Relative times are true at `now`, the instant of sending, on the reader's
wall clock."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from services.notifier.core.message import Item, Message, Reason, ref
from services.notifier.core.standing import AS_TOLD, Stands, as_it_stands, offer, status
from shared.messages.actions import AccountCard, ActionRequested, Recipient
from shared.words import (
    apportioned,
    clean,
    counted,
    in_days,
    moment,
    monthly,
    renewal,
    signed,
    span,
    whole,
    zone_label,
)

MOST_REASONS: Final = 6
LONGEST_LINE: Final = 300
_LONGEST_REASON: Final = 700
"""Room for what a customer wrote."""
_MOST_ALSO: Final = 8
_MOST_IN_SHORT: Final = 3
_LONGEST_TODO: Final = 1_000
"""What an alert asks for, and its task."""

_NOUNS: Final = {"flag": "expansion flag", "digest": "list"}
"""What people call a kind, where it is not by its name."""


def compose(
    action: ActionRequested, now: datetime, *, shared: bool = False, reach: str = "", stands: Stands = AS_TOLD
) -> Message:
    """One alert, task or flag as a message. `shared` names the recipient, because others read there too; `reach` says
    how whom to call is reached, and `stands` what happened to it since it was told."""
    offered = offer(action, stands, shared=shared)
    action = as_it_stands(action, stands.told, shared=shared)
    zone = zone_of(action.recipient)
    account = action.account
    title = title_of(action)
    due = due_words(action, now, shared)
    name = name_of(account)
    recipient, mention = reader([action.recipient], shared)
    label = noun(action.kind).capitalize()
    return Message(
        kind=action.kind,
        label=f"{label} · due {due}" if due and action.kind == "task" else label,
        severity=action.severity,
        band=account.band,
        subject=title if name.casefold() in title.casefold() else f"{name}: {title}",
        title=title,
        status=status(stands.told, action.recipient, now, shared=shared),
        headline=headline(account, now),
        score=score_words(account),
        reasons=reasons(action),
        contact=_contact(action, title, reach),
        also=_also(action, _MOST_ALSO),
        since=_since(action, now, zone),
        task=_task(action, title, due),
        todo=clean_todo(action, title),
        due=due,
        recipient=recipient,
        mention=mention,
        footer=_footer(action),
        offer=offered,
        matter=action.matter,
        accounts=[account.id],
    )


def item(
    action: ActionRequested,
    now: datetime,
    shared: bool,
    todo: str,
    *,
    name_reader: bool,
    is_first: bool = True,
    reach: str = "",
    stands: Stands = AS_TOLD,
) -> Item:
    """One action in a message about many: the account at a glance, its first reason, and what is asked; what else is
    open there, with the first about it."""
    offered = offer(action, stands, shared=shared)
    action = as_it_stands(action, stands.told, shared=shared)
    why = reasons(action)
    return Item(
        headline=headline(action.account, now),
        score=score_words(action.account),
        band=action.account.band,
        reason=Reason(why[0].points, clean(why[0].text, LONGEST_LINE)) if why else None,
        todo=todo,
        due=due_words(action, now, shared),
        also="; ".join(_also(action, _MOST_IN_SHORT)) if is_first else "",
        contact=_reached(action, reach) if reach else "",
        recipient=called(action.recipient) if name_reader else "",
        ref=ref_of(action),
        status=status(stands.told, action.recipient, now, shared=shared),
        offer=offered,
    )


def reader(people: Collection[Recipient | None], shared: bool) -> tuple[str, str]:
    """Whom it is for, by name and Slack id, where others read it too; nobody, when it is for several."""
    one = next(iter(people)) if shared and len(people) == 1 else None
    return (called(one), one.slack or "") if one else ("", "")


def headline(account: AccountCard, now: datetime) -> str:
    """The account at a glance: `Northwind · Pro · €4,200/month · renews in 41 days`, and the last contact."""
    parts = [name_of(account)]
    if account.plan:
        plan = clean(account.plan, 40)
        parts.append(plan[:1].upper() + plan[1:])
    if account.mrr_minor is not None:
        parts.append(monthly(account.mrr_minor, account.currency))
    if account.renews_at is not None:
        parts.append(renewal(account.renews_at, now))
    if account.last_contact_at is not None and (when := in_days(account.last_contact_at, now)):
        parts.append(f"last contact {when}")
    return " · ".join(filter(None, parts))


def score_words(account: AccountCard) -> str:
    """`74 → 52 amber`, `52 amber`, `74 → unknown`; empty when there never was a score."""
    now = None if account.score is None else whole(account.score)
    before = None if account.previous_score is None else whole(account.previous_score)
    if now is None:
        return "" if before is None else f"{before} → unknown"
    if before is None or before == now:
        return f"{now} {account.band}"
    return f"{before} → {now} {account.band}"


def reasons(action: ActionRequested) -> list[Reason]:
    """Why, in words: what moved the score with its points, the heaviest first, then what else the playbook saw."""
    moved = [d for d in action.drivers if d.points]
    shown = apportioned([d.points for d in moved], action.account.previous_score, action.account.score)
    lines = [
        Reason(signed(points), clean(driver.reason, _LONGEST_REASON))
        for points, driver in sorted(zip(shown, moved, strict=True), key=lambda pair: -abs(pair[1].points))
        if points
    ]
    said = {line.text.casefold() for line in lines}
    said_too = [*(action.flag.reasons if action.flag else []), *action.why]
    own = [clean(why, _LONGEST_REASON) for why in said_too]
    for text in dict.fromkeys(own):
        if text and text.casefold() not in said:
            lines.append(Reason("", text))
    if len(lines) <= MOST_REASONS:
        return lines
    left = len(lines) - MOST_REASONS + 1
    return [*lines[: MOST_REASONS - 1], Reason("", f"and {counted(left, 'more reason')}")]


def noun(kind: str) -> str:
    """What people call one of a kind."""
    return _NOUNS.get(kind, kind)


def title_of(action: ActionRequested) -> str:
    """The one line that says what to do or know."""
    own = action.task if action.kind == "task" else None
    title = own.title if own else action.flag.title if action.flag else action.title
    named = clean(title, LONGEST_LINE) or clean(action.playbook_title, LONGEST_LINE)
    return named or f"Look at {name_of(action.account)}"


def name_of(account: AccountCard) -> str:
    """What people call the account."""
    return clean(account.name, 80) or clean(account.id)


def zone_of(recipient: Recipient | None) -> str:
    """The reader's time zone."""
    return recipient.time_zone if recipient else "UTC"


def called(recipient: Recipient | None) -> str:
    """The reader's name, or nothing."""
    return clean(recipient.name, 80) if recipient else ""


def due_words(action: ActionRequested, now: datetime, shared: bool) -> str:
    """When a task is due on its assignee's wall clock; the zone is named where readers may be elsewhere."""
    if action.task is None or action.task.due_at is None:
        return ""
    zone = zone_of(action.recipient)
    due = moment(action.task.due_at, now, zone)
    return f"{due} ({zone_label(zone)})" if shared or zone == "UTC" else due


def _since(action: ActionRequested, now: datetime, zone: str) -> str:
    if action.since is None:
        return ""
    length = now - action.since
    if length.total_seconds() < 60:
        return "just now"
    return f"since {moment(action.since, now, zone)}, {span(length)}"


def _reached(action: ActionRequested, reach: str) -> str:
    return " · ".join(filter(None, (clean(action.to_call[1] or "", 120), reach)))


def _contact(action: ActionRequested, title: str, reach: str) -> str:
    if reach:
        return _reached(action, reach)
    who = clean(action.to_call[1] or "", 120)
    said = (title, action.task.title if action.task is not None else "", *(one.text for one in reasons(action)))
    return "" if any(who in clean(one) for one in said) else who


def _also(action: ActionRequested, most: int) -> list[str]:
    lines = [clean(one, LONGEST_LINE) for one in (*action.trouble, *action.open_work)]
    return lines if len(lines) <= most else [*lines[: most - 1], f"and {len(lines) - most + 1} more"]


def _task(action: ActionRequested, title: str, due: str) -> str:
    """The task that goes with an alert: what, unless the title says it, and by when."""
    if action.task is None or action.kind == "task":
        return ""
    asked = clean(action.task.title, LONGEST_LINE)
    return ", ".join(filter(None, ("" if _same(asked, title) else asked, due and f"due {due}"))) or asked


def clean_todo(action: ActionRequested, title: str = "") -> str:
    """What to do now, unless the title, or that of its task, says it."""
    todo = clean(action.do, _LONGEST_TODO) if action.do else ""
    told = (title, action.task.title if action.task is not None else "")
    return "" if any(_same(todo, clean(one)) for one in told) else todo


def _same(one: str, other: str) -> bool:
    return one.rstrip(".").casefold() == other.rstrip(".").casefold()


def ref_of(action: ActionRequested) -> str:
    """The beginning of the id of what people move: the task of an alert, else what it tells of."""
    return ref(action.task.task_id if action.task else action.flag.flag_id if action.flag else action.item_id)


def _footer(action: ActionRequested) -> str:
    title = clean(action.playbook_title, 80)
    # What a person wrote names them.
    parts = [f"Playbook “{title}”" if action.playbook else title]
    if action.kind == "alert" and action.severity in {"high", "critical"}:
        parts.append(f"{action.severity} severity")
    if action.task and action.task.assigned_because:
        because = clean(action.task.assigned_because, 200)
        nobody = because.removeprefix("nobody: ")
        parts.append(f"assigned: {because}" if nobody == because else f"given to nobody: {nobody}")
    if action.recipient is None and not (action.task and action.task.assigned_because.startswith("nobody: ")):
        parts.append("nobody was found to assign this to")
    parts += filter(None, [ref_of(action)])
    return " · ".join(parts)
