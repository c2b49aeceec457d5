"""How things look in a terminal: tables, JSON, and a customer-success manager's words.

Whatever arrives here was written by somebody else: all of it is cleaned on its way out, and nothing is read as markup.
"""

import json
import os
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from shared import words

BANDS: Final = {"red": "bold red", "amber": "yellow", "green": "green", "unknown": "dim"}
PIPED_WIDTH: Final = 160
SHORT: Final = 12
GAP: Final = 2
READABLE: Final = 30
"""Characters that a column of sentences needs."""
_NOT_ASCII: Final = re.compile(r"[^\n -~]")


def console() -> Console:
    """Where answers go. In a pipe the lines are as wide as they must be."""
    plain = Console(highlight=False, markup=False)
    wide = plain.is_terminal or "COLUMNS" in os.environ
    return plain if wide else Console(highlight=False, markup=False, width=PIPED_WIDTH)


def errors() -> Console:
    """Where complaints go."""
    return Console(stderr=True, soft_wrap=True, highlight=False, markup=False)


def say(text: str) -> None:
    """Write one line, whoever wrote its words."""
    typer.echo(words.clean(text))


def lines(given: Iterable[str]) -> None:
    """Write lines that keep their spaces, whoever wrote them."""
    for line in given:
        typer.echo("\n".join(words.clean_lines(line)))


def complain(text: str, label: str = "") -> None:
    """Write one line to where complaints go."""
    errors().print(Text.assemble((label, "red"), words.clean(text)))


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


def as_json(value: Any, *, line: bool = False) -> None:
    """Write a value as JSON, for programs: whole, and with an escape for all that a terminal would not show; on one
    line where more come."""
    typer.echo(_NOT_ASCII.sub(_escaped, json.dumps(value, indent=None if line else 2, ensure_ascii=False)))


def _escaped(found: re.Match[str]) -> str:
    return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]


def text(value: object, style: str = "") -> Text:
    """Somebody's words, to be printed."""
    return Text(words.clean(str(value)), style=style)


def table(rows: Iterable[Sequence[str | Text]], *headings: str, empty: str, right: Iterable[str] = ()) -> None:
    """Write rows under headings, or one line when there are none.

    Where the last column has no room, in a narrow terminal, it goes on a line of its own beneath its row.
    """
    listed = [[text(cell, str(cell.style) if isinstance(cell, Text) else "") for cell in row] for row in rows]
    out = console()
    if not listed:
        out.print(empty)
        return
    widths = [
        max(len(heading), *(row[place].cell_len for row in listed)) for place, heading in enumerate(headings[:-1])
    ]
    longest = max(row[-1].cell_len for row in listed)
    numbers = set(right)
    if out.width - sum(width + GAP for width in widths) < min(READABLE, longest):
        _beneath(out, listed, headings[:-1], _fitted(widths, out.width), numbers)
        return
    grid = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
    for heading in headings:
        grid.add_column(heading, justify="right" if heading in numbers else "left", no_wrap=heading != headings[-1])
    for row in listed:
        grid.add_row(*row)
    out.print(grid)


def _fitted(widths: list[int], room: int) -> list[int]:
    """Column widths that fit: the widest give way first."""
    fitted = list(widths)
    while sum(fitted) + GAP * (len(fitted) - 1) > room and max(fitted) > 1:
        fitted[fitted.index(max(fitted))] -= 1
    return fitted


def _beneath(
    out: Console, rows: Sequence[Sequence[Text]], headings: Sequence[str], widths: Sequence[int], right: set[str]
) -> None:
    for row in ([Text(heading, style="dim") for heading in headings], *rows):
        line = Text()
        for heading, width, cell in zip(headings, widths, row, strict=False):
            shown = cell.copy()
            shown.truncate(width, overflow="ellipsis")
            shown.align("right" if heading in right else "left", width)
            line.append_text(shown).append(" " * GAP)
        line.rstrip()
        out.print(line, no_wrap=True, overflow="crop")
        if len(row) > len(headings) and row[-1]:
            out.print(Padding(row[-1], (0, 0, 0, 2 * GAP)))


def hang(out: Console, prefix: Text, body: Text) -> None:
    """Write a text after a prefix; what doesn't fit goes on beside it, not below it."""
    room = max(READABLE, out.width - prefix.cell_len)
    for place, part in enumerate(body.wrap(out, room)):
        part.rstrip()
        out.print((prefix if place == 0 else Text(" " * prefix.cell_len)) + part, soft_wrap=True)


def instant(value: str | None) -> datetime | None:
    """Read an RFC 3339 time."""
    return datetime.fromisoformat(value) if value else None


def money(minor: int | None, currency: str | None) -> str:
    """An amount as people write it: `€4,200`, `$12.50`, `CHF 90`."""
    return "–" if minor is None or not currency else words.money(minor, words.clean(currency))


def monthly(minor: int | None, currency: str | None) -> str:
    """Revenue a month: `€4,200/month`."""
    return "–" if minor is None or not currency else words.monthly(minor, words.clean(currency))


def renewal(value: str | None, at: datetime) -> str:
    """When a contract renews: `renews in 41 days`."""
    when = instant(value)
    return (when and words.renewal(when, at)) or "–"


def clock(value: str | None) -> str:
    """An instant in full, by the clock here."""
    when = instant(value)
    return "–" if when is None else f"{when.astimezone():%a %d %b %Y, %H:%M}"


def ago(value: str | None, at: datetime) -> str:
    """How long something has been: `4 minutes ago`."""
    when = instant(value)
    return "–" if when is None else words.ago(when, at)


def hundredths(points: float | None) -> int | None:
    """Points as the services reckon with them: an API tells them in whole and decimals."""
    return None if points is None else round(points * 100)


def score(value: float | None) -> str:
    """A score as it is spoken of: whole points."""
    exact = hundredths(value)
    return "–" if exact is None else words.scored(exact)


def moved(before: float | None, after: float | None) -> str:
    """`74 → 52`, where a score moved in whole points; else `52`."""
    return score(after) if before is None or score(before) == score(after) else f"{score(before)} → {score(after)}"


def drivers(points: Sequence[float], before: float | None, after: float | None) -> list[int]:
    """Drivers' points as whole numbers that sum to the change of the whole score."""
    return words.apportioned([round(each * 100) for each in points], hundredths(before), hundredths(after))


def band(name: str, shown: str | None = None) -> Text:
    """A band's name, or another text in its colour."""
    return text(shown or name, BANDS.get(name, ""))


def size(number: int) -> str:
    """Bytes as people read them."""
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
