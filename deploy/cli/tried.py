"""How trials of playbooks are told in a terminal."""

from collections.abc import Iterable
from typing import Any, Final

import typer
from rich.text import Text

from deploy.cli import show
from shared.words import counted, date_words

_MOST: Final = 20
_TRUTHS: Final = {"true": "green", "false": "red", "unknown": "yellow"}
_STATES: Final = {"now": "now", "held": "holds", "by_time": "by time"}
Item = dict[str, Any]


def dry_run(found: Item) -> None:
    """Over all accounts."""
    show.say(
        f"{counted(found['accounts'], 'account')}, {found['for_accounts']:,} of them ones that it is for: "
        f"it would fire for {found['now']:,} now, and by time alone for {found['soon']:,} more within 7 days."
    )
    for words in found["words"]:
        show.say(words)
    if found["shown"]:
        typer.echo()
        rows = [
            (one["name"], one["owner"] or "", _when(one), "; ".join(one["reasons"])) for one in found["shown"][:_MOST]
        ]
        show.table(rows, "Account", "Owner", "Fires", "Why", empty="")
    if found["owners"]:
        typer.echo()
        owned = [(one["owner"] or "nobody", f"{one['now']:,}", f"{one['soon']:,}") for one in found["owners"][:_MOST]]
        show.table(owned, "Whose accounts", "Now", "Within 7 days", right=("Now", "Within 7 days"), empty="")
    if found["people"]:
        typer.echo()
        show.table(_numbered(found["people"]), "Who would hear", "Messages", right=("Messages",), empty="")
    if found["unknown"]:
        typer.echo()
        show.table(_numbered(found["unknown"]), "Nobody can say, as", "Accounts", right=("Accounts",), empty="")


def account(one: Item) -> None:
    """Of one account."""
    show.say(f"{one['name']}: {one['words']}")
    leaves(one["leaves"])
    typer.echo()
    if one["state"] not in _STATES:
        show.say("If it fired now:")
    rows = [(str(step["step"]), step["kind"], step["when"], step["to"] or "", _step(step)) for step in one["steps"]]
    show.table(rows, "Step", "What", "When", "Who", "Says", empty="It has no steps.")


def leaves(found: Iterable[Item]) -> None:
    """Each leaf with what it sees."""
    rows = [
        (
            Text(one["truth"], style=_TRUTHS[one["truth"]]),
            one["where"],
            one["text"],
            one["value"],
            "" if one["since"] is None else date_words(_day(one["since"])),
            _instant(one["flips_at"]),
        )
        for one in found
    ]
    if rows:
        typer.echo()
        show.table(rows, "Is", "Of", "Asked", "Seen", "Since", "Changes by itself", empty="")


def backtest(found: Item) -> None:
    """Over recorded days."""
    if found["recorded_from"] is None:
        for words in found["words"]:
            show.say(words)
        return
    show.say(
        f"{_span(found)}, {counted(found['accounts'], 'account')}: it would have fired {found['firings']:,} times for "
        f"{counted(found['fired_for'], 'account')}, with {counted(found['messages'], 'message')}."
    )
    if found["warned"] is not None:
        _warned(found["warned"])
    for words in found["words"]:
        show.say(words)
    if found["people"]:
        typer.echo()
        rows = [
            (one["who"], f"{one['messages']:,}", f"{one['a_week']:,}", f"{one['busiest_week']:,}")
            for one in found["people"][:_MOST]
        ]
        heads = ("Messages", "A week", "Busiest week")
        show.table(rows, "Who", *heads, right=heads, empty="")
    if found["shown"]:
        typer.echo()
        shown = [(one["day"], one["name"], "; ".join(one["reasons"])) for one in found["shown"][:_MOST]]
        show.table(shown, "Last fired", "Account", "Why", empty="")


def _warned(found: Item) -> None:
    typer.echo()
    rows = [
        ("of what it warned of, left", *_rate(found["precision"])),
        ("of who left, was warned of", *_rate(found["recall"])),
        ("of any, left (base rate)", *_rate(found["base_rate"])),
    ]
    show.table(rows, f"Within {found['within_days']} days", "Share", "95 % between", "Of", right=("Share",), empty="")
    if found["lead_days"] is not None:
        show.say(f"It warned {counted(found['lead_days'], 'day')} before, in the middle.")
    if found["too_recent"]:
        show.say(f"{counted(found['too_recent'], 'firing')} are too recent to be judged.")


def _rate(one: Item) -> tuple[str, str, str]:
    of = f"{one['number']:,} of {one['of']:,}"
    if one["share"] is None:
        return "", "", of
    return f"{one['share']:g} %", f"{one['low']:g} and {one['high']:g} %", of


def _numbered(items: Iterable[Item]) -> list[tuple[str, str]]:
    return [(one["words"], f"{one['number']:,}") for one in items][:_MOST]


def _step(step: Item) -> str:
    held = f" (held back: {step['held_back']})" if step["held_back"] else ""
    because = f" – {step['because']}" if step["because"] else ""
    return f"{step['title']}{held}{because}"


def _when(one: Item) -> str:
    return "now" if one["state"] == "now" else f"{_STATES[one['state']]}, {_instant(one['at'])}"


def _instant(at: str | None) -> str:
    found = show.instant(at)
    return "" if found is None else f"{found:%Y-%m-%d %H:%M} UTC"


def _day(text: str) -> Any:
    found = show.instant(f"{text}T00:00:00Z")
    assert found is not None
    return found.date()


def _span(found: Item) -> str:
    return f"{date_words(_day(found['since']))} to {date_words(_day(found['until']))}"
