"""Tells what came of a story, with its measured time, and the day with its eight worst."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from deploy.cli import show
from deploy.cli.client import Keepwell
from deploy.cli.demo.outside import Outside
from deploy.cli.demo.playing import Heard
from deploy.cli.lists import ACCOUNTS
from deploy.cli.why import headline, tell_drivers
from deploy.demo import letter_view, slack_view
from deploy.demo.stories import Story
from shared.words import clean, counted, moment, zone_label

WORST: Final = 8


def tell(out: Console, outside: Outside, story: Story, heard: Heard, now: datetime) -> None:
    """One block: who, from where to where, how fast, why, and what is to be done by whom."""
    out.print()
    out.print(Text(story.tell, style="bold cyan"))
    head, moved = headline(heard.account, now), _movement(heard)
    seconds = [message["seconds"] for message in heard.messages if message["seconds"] is not None]
    if seconds:
        moved.append(f"      ({min(seconds):.2f} s after the event)", style="dim")
    # On one line where there is room for it.
    apart = "      " if head.cell_len + moved.cell_len + 6 <= out.width else "\n  "
    out.print(head.append(apart).append_text(moved))
    if heard.changes:
        drivers = [driver for change in heard.changes for driver in change["drivers"]]
        tell_drivers(out, drivers, heard.changes[-1]["from"], heard.changes[0]["to"])
    steps = [
        *(f"task for {one['assignee_name']}: {one['title']}, {_due(one, heard.people, now)}" for one in heard.tasks),
        *(f"expansion flag: {one['title']}" for one in heard.flags),
        *(f"closed: {one['playbook_title']}, {one['outcome']}" for one in heard.closed),
    ]
    for step in steps:
        show.hang(out, Text("  → "), show.text(step))
    for message in heard.messages[:1]:
        whom = heard.people.get(message["recipient"], {}).get("name", message["recipient"])
        when = "as sent" if message["as_sent"] else "as it will read in the next digest, at 08:30"
        letter = outside.letter(message)
        what = "Slack message" if letter is None else "Letter"
        out.print(Text(f"  {what} to {clean(whom)}, {when}:", style="dim"))
        blocks = message["rendered"].get("blocks", [])
        quote(out, slack_view.lines(blocks) if letter is None else letter_view.lines(letter))


def quote(out: Console, lines: Iterable[Text]) -> None:
    """Write lines as somebody reads them elsewhere."""
    for shown in lines:
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
    ACCOUNTS.rows(page["items"])


def _movement(heard: Heard) -> Text:
    before = heard.changes[-1]["from"] if heard.changes else None
    band = heard.account["band"]
    return show.band(band, f"{show.moved(before, heard.account['score'])} {band}")


def _due(task: Mapping[str, Any], people: Mapping[str, Mapping[str, Any]], now: datetime) -> str:
    """When a task is due, on the wall clock of whoever is to do it, as the message says it, too."""
    due = show.instant(task["due_at"])
    if due is None:
        return "whenever it suits"
    zone = people.get(task["assignee"], {}).get("time_zone", "UTC")
    return f"due {moment(due, now, zone)} ({zone_label(zone)})"
