"""How things look in a terminal: tables, JSON, and a customer-success manager's words."""

import json
import os
from collections.abc import Callable, Iterable, Sequence
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


def console() -> Console:
    """Where answers go. In a pipe the lines are as wide as they must be."""
    plain = Console(highlight=False)
    return plain if plain.is_terminal or "COLUMNS" in os.environ else Console(highlight=False, width=PIPED_WIDTH)


def errors() -> Console:
    """Where complaints go."""
    return Console(stderr=True, soft_wrap=True)


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


def as_json(value: Any) -> None:
    """Write a value as JSON, for programs."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def listing(
    items: Sequence[dict[str, Any]],
    row: Callable[[dict[str, Any]], Sequence[str | Text]],
    *headings: str,
    empty: str,
    json: bool,
) -> None:
    """Write a list's items as JSON, for programs, or as a table with a row each."""
    if json:
        as_json(items)
    else:
        table(map(row, items), *headings, empty=empty)


def table(rows: Iterable[Sequence[str | Text]], *headings: str, empty: str, right: Iterable[str] = ()) -> None:
    """Write rows under headings, or one line when there are none.

    Where the last column has no room, in a narrow terminal, it goes on a line of its own beneath its row.
    """
    listed = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
    out = console()
    if not listed:
        out.print(empty)
        return
    widths = [
        max(len(heading), *(row[place].cell_len for row in listed)) for place, heading in enumerate(headings[:-1])
    ]
    longest = max(row[-1].cell_len for row in listed)
    if out.width - sum(width + GAP for width in widths) < min(READABLE, longest):
        _beneath(out, listed, headings[:-1], _fitted(widths, out.width), set(right))
        return
    grid = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
    numbers = set(right)
    for place, heading in enumerate(headings):
        last = place == len(headings) - 1
        grid.add_column(heading, justify="right" if heading in numbers else "left", no_wrap=not last)
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
    return "–" if minor is None or not currency else words.money(minor, currency)


def monthly(minor: int | None, currency: str | None) -> str:
    """Revenue a month: `€4,200/month`."""
    return "–" if minor is None or not currency else words.monthly(minor, currency)


def renewal(value: str | None, at: datetime) -> str:
    """When a contract renews: `renews in 41 days`."""
    when = instant(value)
    return (when and words.renewal(when, at)) or "–"


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


def drivers(points: Sequence[float], before: float | None, after: float | None) -> list[int]:
    """Drivers' points as whole numbers that sum to the change of the whole score."""
    return words.apportioned([round(each * 100) for each in points], hundredths(before), hundredths(after))


def band(name: str, text: str | None = None) -> Text:
    """A band's name, or another text in its colour."""
    return Text(text or name, style=BANDS.get(name, ""))


def size(number: int) -> str:
    """Bytes as people read them."""
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def short(id: str) -> Text:
    """The beginning of an id: commands take it for the whole where it is the only one."""
    return Text(id[:SHORT], style="dim")
