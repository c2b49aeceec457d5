"""`keepwell deliveries why ITEM`: why somebody has heard of an item, or has not, in the order of time."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from deploy.cli import show
from deploy.cli.client import Keepwell, Refused, segment
from deploy.cli.listing import Item
from deploy.cli.lists import DELIVERED
from deploy.cli.work import ALERTS, FLAGS, TASKS
from shared.words import counted

_NOT_FOUND: Final = 404
_MOST: Final = 100


class Said(NamedTuple):
    """One thing that happened, and when."""

    at: str
    words: str
    style: str = ""


def find_item(keepwell: Keepwell, given: str) -> Item | None:
    """The alert, task or flag with this id, or with the only id that begins so. Raises `Refused` for more than one."""
    for listing in (TASKS, ALERTS, FLAGS):
        service, path = listing.at
        try:
            id = keepwell.whole_id(service, path, given)
            return dict(keepwell.get(service, f"{path}/{segment(id)}"))
        except Refused as refused:
            if refused.status != _NOT_FOUND or refused.message[:1].isdigit():
                raise
    return None


def deliveries_of(keepwell: Keepwell, item: str) -> list[Item]:
    """All that was sent of it, in the order in which it was asked for, each with its attempts."""
    listed = list(keepwell.items("notifier", "/v1/deliveries", _MOST, item=item))
    found = [keepwell.get("notifier", f"/v1/deliveries/{segment(one['id'])}") for one in listed]
    return sorted(found, key=lambda one: (_instant(one["created_at"]), one["road"]))


def letters_to(keepwell: Keepwell, account: str, contact: str) -> list[Item]:
    """All that was to be written to a customer's person, in the order in which it was asked for."""
    listed = keepwell.items("notifier", "/v1/deliveries", _MOST, account=account, contact=contact, channel="contact")
    found = [keepwell.get("notifier", f"/v1/deliveries/{segment(one['id'])}") for one in listed]
    return sorted(found, key=lambda one: _instant(one["created_at"]))


def told(deliveries: Sequence[Item]) -> list[Said]:
    """What became of each message, in the order of time."""
    said = [line for one in deliveries for line in _of(one)]
    return sorted(said, key=lambda line: _instant(line.at))


def known(item: Item) -> list[str]:
    """What playbooks know of an item of which nobody heard: whose it is, who was passed over, what holds it back."""
    whose = item["assignee_name"] or "nobody"
    lines = [
        f"It is {item['state'].replace('_', ' ')}, and {whose}'s: {item['assigned_because'] or 'no reason given'}."
    ]
    lines += [f"Passed over: {one}." for one in item.get("passed_over", ())]
    if item.get("last_resort"):
        lines.append("Nobody was found for it: it is with the last resort.")
    if item.get("muted_until"):
        lines.append(f"Its account is muted until {show.clock(item['muted_until'])}: nothing is told of it before.")
    if item.get("snoozed_until"):
        lines.append(f"It is snoozed until {show.clock(item['snoozed_until'])}.")
    if item.get("over_because"):
        lines.append(f"It is over: {item['over_because']}.")
    return lines


def _of(one: Item) -> Iterator[Said]:
    person = one.get("contact_id") if one["channel"].startswith("contact:") else None
    whom = person or one.get("recipient_name") or one.get("recipient") or "nobody in particular"
    if one["instead_of"]:
        yield Said(one["created_at"], f"goes on by {one['channel']}: {one['because']}", "yellow")
    else:
        because = f" ({one['because']})" if one["because"] else ""
        amends = " brings up to date what was told" if one["action_id"].endswith("-over") else ""
        yield Said(one["created_at"], f"{one['kind']} for {whom}, by {one['channel']}{because}{amends}")
    if one["waited"]:
        yield Said(one["created_at"], one["waited"], "dim")
    for attempt in one["attempt_history"]:
        if attempt["outcome"] not in ("sent", "barred"):
            words = f"attempt {attempt['attempt']} by {one['channel']}, {attempt['outcome']}: {attempt['reason']}"
            yield Said(attempt["ended_at"], words, "dim")
    yield _end(one)


def _end(one: Item) -> Said:
    style, settled = DELIVERED.get(one["state"], "yellow"), one["settled_at"]
    if one["state"] == "delivered":
        others = one["together"] - 1
        joint = f", as one message with {counted(others, 'other')}" if others > 0 else ""
        return Said(settled, f"arrived by {one['channel']}{joint}", style)
    if one["state"] == "failed":
        is_last = one["roads"][-1]["id"] == one["id"] if one["roads"] else True
        words = f"failed by {one['channel']}: {one['reason']}"
        return Said(settled, f"{words}. No other road is left." if is_last else words, style)
    if one["state"] == "cancelled":
        what = "not written" if one["channel"].startswith("contact:") else "called back"
        return Said(settled, f"{what}: {one['reason']}", style)
    until = f", until {show.clock(one['due_at'])}" if one.get("due_at") else ""
    return Said(one.get("due_at") or one["created_at"], f"{one['state']} by {one['channel']}{until}", style)


def _instant(value: str) -> datetime:
    at = show.instant(value)
    assert at is not None
    return at


def as_json(item: Item | None, deliveries: Sequence[Item]) -> dict[str, Any]:
    """All that is known, for programs."""
    return {"item": item, "deliveries": list(deliveries), "told": [line._asdict() for line in told(deliveries)]}
