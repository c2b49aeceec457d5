"""Tells what happens, from the services' APIs alone: a story with its measured time, the day, the eight worst."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text

from deploy.cli import show
from deploy.cli.accounts import HEADINGS, NUMBERS, line
from deploy.cli.client import Keepwell
from deploy.cli.why import headline, tell_drivers
from deploy.demo import slack_view
from deploy.demo.stories import Story
from shared.settings import SERVICES
from shared.words import counted

PATIENCE: Final = 20.0
LOOK_EVERY: Final = 0.05
WORST: Final = 8


class NotHeard(Exception):
    """What should have happened did not within the patience of a visitor."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a story: all of it as the APIs tell it."""

    account: Mapping[str, Any]
    changes: Sequence[Mapping[str, Any]]
    """Of the score, the newest first."""
    tasks: Sequence[Mapping[str, Any]]
    flags: Sequence[Mapping[str, Any]]
    closed: Sequence[Mapping[str, Any]]
    """Episodes that it ended."""
    messages: Sequence[Mapping[str, Any]]
    people: Mapping[str, Mapping[str, Any]]
    """The CSMs by id."""


def play(keepwell: Keepwell, story: Story, now: datetime, run: str) -> Heard:
    """Send a story's events, each when the one before has had its effect, and hear what comes of it."""
    began = show.now()
    open_before = {one["id"] for one in keepwell.items("playbooks", "/v1/episodes", account=story.account)}
    for event in story.events(now, run):
        before = keepwell.get("scoring", f"/v1/accounts/{story.account}")["rev"]
        keepwell.post("ingest", "/v1/events", [event])
        until(lambda before=before: _rev(keepwell, story.account) > before, f"{story.account} was not assessed")  # type: ignore[misc]
    messages = _messages(keepwell, story)
    told = keepwell.get("scoring", f"/v1/accounts/{story.account}/health/explain")
    changes = [change for change in told["changes"] if _after(change["at"], began) and change["drivers"]]
    episodes = list(keepwell.items("playbooks", "/v1/episodes", account=story.account))
    return Heard(
        account=keepwell.get("scoring", f"/v1/accounts/{story.account}"),
        changes=changes,
        tasks=_new(keepwell, "tasks", story),
        flags=_new(keepwell, "flags", story),
        closed=[one for one in episodes if one["id"] in open_before and _after(one.get("ended_at"), began)],
        messages=messages,
        people={one["id"]: one for one in keepwell.items("playbooks", "/v1/csms")},
    )


def tell(out: Console, story: Story, heard: Heard, now: datetime) -> None:
    """One block: who, from where to where, how fast, why, and what is to be done by whom."""
    out.print()
    out.print(Text(story.tell, style="bold cyan"))
    head, moved = headline(dict(heard.account), now), _movement(heard)
    seconds = [message["seconds"] for message in heard.messages if message["seconds"] is not None]
    if seconds:
        moved.append(f"      ({min(seconds):.2f} s after the event)", style="dim")
    # On one line where there is room for it.
    apart = "      " if head.cell_len + moved.cell_len + 6 <= out.width else "\n  "
    out.print(head.append(apart).append_text(moved))
    if heard.changes:
        drivers = [driver for change in heard.changes for driver in change["drivers"]]
        tell_drivers(out, drivers, heard.changes[-1]["from"], heard.changes[0]["to"])
    for task in heard.tasks:
        words = f"task for {task['assignee_name']}: {task['title']}, {_due(task, heard.people, now)}"
        show.hang(out, Text("  → "), Text(words))
    for flag in heard.flags:
        out.print(Text(f"  → expansion flag: {flag['title']}"))
    for episode in heard.closed:
        out.print(Text(f"  → closed: {episode['playbook_title']}"))
    for message in heard.messages[:1]:
        whom = heard.people.get(message["recipient"], {}).get("name", message["recipient"])
        out.print(Text(f"  Slack message to {whom}, as sent:", style="dim"))
        for shown in slack_view.lines(message["rendered"]["blocks"]):
            for part in shown.wrap(out, out.width - 6):
                out.print(Text("    ▏ ", style="dim").append_text(part), soft_wrap=True)


def tell_the_day(out: Console, keepwell: Keepwell) -> None:
    """How many accounts are to be called, what they are worth, and the eight worst with their reasons."""
    page = keepwell.get("scoring", "/v1/accounts", sort="score", limit=WORST)
    shares = page["mrr_by_band"]
    red = [share for share in shares if share["band"] == "red"]
    currency = shares[0]["currency"]
    calls = counted(sum(share["accounts"] for share in red), "account")
    at_risk = show.money(sum(share["mrr_minor"] for share in red), currency)
    whole = show.money(sum(share["mrr_minor"] for share in shares), currency)
    out.print()
    out.print(Text(f"The day: {calls} to call, {at_risk} of {whole} a month is red.", style="bold"))
    out.print()
    now = show.now()
    show.table((line(account, now) for account in page["items"]), *HEADINGS, right=NUMBERS, empty="")


def until(condition: Callable[[], bool], otherwise: str, patience: float = PATIENCE) -> None:
    """Wait until it is so. Raises `NotHeard`."""
    give_up = time.monotonic() + patience
    while not condition():
        if time.monotonic() > give_up:
            raise NotHeard(f"{otherwise} within {patience:.0f} s. How the services do: keepwell status.")
        time.sleep(LOOK_EVERY)


def at_rest(keepwell: Keepwell) -> bool:
    """Whether everything that was accepted has been read, and what came of it published.

    Two looks, because what one service still does when it is asked reaches the next only after that.
    """
    return _looks_at_rest(keepwell) and _looks_at_rest(keepwell)


def _has_read_all(state: dict[str, Any]) -> bool:
    """A lag of null is not known: the service is just taking its partitions."""
    return state["lag"] is not None and not any(state["lag"].values())


def _looks_at_rest(keepwell: Keepwell) -> bool:
    """A service that holds no partition yet knows of no lag; so all that read must hold the same number of them."""
    found = {service: keepwell.get(service, "/v1/status") for service in SERVICES}
    held = {state["held_partitions"] for service, state in found.items() if service != "ingest"}
    put_off = found["scoring"]["details"]
    if len(held) > 1 or 0 in held or put_off["waiting"] or put_off["in_imports"]:
        return False
    return all(state["ready"] and not state["outbox"] and _has_read_all(state) for state in found.values())


def _rev(keepwell: Keepwell, account: str) -> int:
    return int(keepwell.get("scoring", f"/v1/accounts/{account}")["rev"])


def _messages(keepwell: Keepwell, story: Story) -> list[dict[str, Any]]:
    """The story's messages as they were sent, when all that there are have been."""

    def deliveries() -> list[dict[str, Any]]:
        listed = keepwell.items("notifier", "/v1/deliveries", account=story.account)
        return [one for one in listed if one["playbook"].partition("@")[0] == story.playbook]

    def sent() -> bool:
        found = deliveries()
        return bool(found) and all(one["state"] == "delivered" for one in found)

    until(sent, f"Nobody heard of {story.account}")
    found = [keepwell.get("notifier", f"/v1/deliveries/{one['id']}") for one in deliveries()]
    return sorted(found, key=lambda one: (one["kind"] != "alert", one["settled_at"]))


def _new(keepwell: Keepwell, what: str, story: Story) -> list[dict[str, Any]]:
    listed = keepwell.items("playbooks", f"/v1/{what}", account=story.account)
    return [one for one in listed if one["playbook"].partition("@")[0] == story.playbook]


def _after(value: str | None, began: datetime) -> bool:
    at = show.instant(value)
    return at is not None and at >= began


def _movement(heard: Heard) -> Text:
    band = heard.account["band"]
    score = show.score(heard.account["score"])
    if not heard.changes:
        return show.band(band, f"{score} {band}")
    return show.band(band, f"{show.score(heard.changes[-1]['from'])} → {score} {band}")


def _due(task: Mapping[str, Any], people: Mapping[str, Mapping[str, Any]], now: datetime) -> str:
    """When a task is due, on the wall clock of whoever is to do it, as the message says it, too."""
    due = show.instant(task.get("due_at"))
    if due is None:
        return "whenever it suits"
    name = people.get(task["assignee"], {}).get("time_zone", "UTC")
    zone = ZoneInfo(name)
    due = due.astimezone(zone)
    days = (due.date() - now.astimezone(zone).date()).days
    day = {0: "today", 1: "tomorrow"}.get(days, f"{due:%A}" if days < 7 else f"{due:%d %b}")
    place = "UTC" if name == "UTC" else f"{name.rpartition('/')[2].replace('_', ' ')} time"
    return f"by {day} {due:%H:%M} {place}"
