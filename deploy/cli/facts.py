"""`keepwell facts`: what conditions can name, and the values that it has."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from deploy.cli import show
from deploy.cli.listing import Column, Item, JsonOption, LimitOption, Listing
from deploy.cli.lists import plain
from shared.words import listed, number

_MOST_VALUES: Final = 4


def _kind(fact: Item) -> str:
    return f"{fact['type']}, {fact['unit']}" if fact["unit"] else str(fact["type"])


def _value(value: Any) -> str:
    return f"{show.instant(value):%Y-%m-%d}" if isinstance(value, str) else number(value)


def _seen(fact: Item) -> Text:
    seen: Mapping[str, Any] = fact["seen"]
    if not seen["accounts"]:
        return show.text("nobody has it", "dim")
    if seen["median"] is not None:
        low, middle, high = (_value(seen[name]) for name in ("minimum", "median", "maximum"))
        return show.text(low if low == high else f"{low} … {middle} … {high}")
    values = [
        f"{str(one['value']).lower() if fact['type'] == 'boolean' else one['value']} ({one['accounts']})"
        for one in seen["values"][:_MOST_VALUES]
    ]
    more = seen["kinds"] - len(values)
    return show.text(listed([*values, f"{more} more"] if more > 0 else values) or "empty")


FACTS: Final = Listing(
    help="List the facts that conditions can name.",
    at=("playbooks", "/v1/facts"),
    columns=(
        plain("name"),
        Column("Type", _kind),
        Column("What it is", lambda one: one["description"]),
        Column("Seen (lowest … median … highest, or accounts)", _seen),
        Column("For example", lambda one: one["example"]),
    ),
    empty="No fact begins so.",
)


def facts(
    prefix: Annotated[str | None, typer.Argument(help="How their names begin, such as usage.")] = None,
    event: Annotated[str | None, typer.Option(help="With the fields of events of this type, too.")] = None,
    limit: LimitOption = None,
    json: JsonOption = False,
) -> None:
    """List the facts that conditions can name, with what they are and the values that accounts have."""
    FACTS.show({"prefix": prefix, "event": event}, limit, json)
