"""Tells what a draft of a mapping would change of the last records."""

from datetime import datetime
from typing import Any

import typer

from deploy.cli import show
from shared.words import counted

_LONGEST = 400
Item = dict[str, Any]


def tell(result: Item) -> None:
    """What they come to, now and by the draft, and examples of what changes."""
    if not result["records"]:
        show.say("Nothing came in lately by this mapping: send something, or look at `keepwell tail`.")
        return
    show.say(f"{counted(result['records'], 'record')}: {result['differ']:,} would be understood otherwise.")
    if result["cut"]:
        show.say(f"{counted(result['cut'], 'record')} more were too large to be kept, and are left out.")
    rows = [(one["what"], f"{one['before']:,}", f"{one['after']:,}") for one in result["becomes"]]
    show.table(rows, "What they become", "Now", "By the draft", right=("Now", "By the draft"), empty="Nothing.")
    for one in result["examples"]:
        typer.echo()
        show.say(f"{datetime.fromisoformat(one['at']).astimezone():%H:%M:%S} {one['source']}: {_short(one['sent'])}")
        for label, lines in (("now:", one["before"]), ("draft:", one["after"])):
            for line in lines:
                show.say(f"{label} {_short(line)}")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
