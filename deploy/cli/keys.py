"""`keepwell keys`: who may ask and send."""

from typing import Annotated, Any, Final

import typer

from deploy.cli import show
from deploy.cli.client import Keepwell, connected, segment
from deploy.cli.listing import Column, Item, JsonOption, Listing
from deploy.cli.lists import KEYS, plain
from shared.words import listed

app = KEYS.app()
_Name = Annotated[str, typer.Argument(help="The key's name.")]
_Types = Annotated[
    list[str] | None, typer.Option("--type", help="The only types of events that it may send; may be given again.")
]
_Rate = Annotated[
    int | None, typer.Option(min=0, help="Events a second, on average over a minute; 0: as many as it likes.")
]


def _number(heading: str, name: str) -> Column:
    return Column(heading, lambda one: f"{one[name]:,}", is_number=True)


_USAGE: Final = Listing(
    help="See what a key sent.",
    at=("ingest", "/v1/keys"),
    columns=(
        plain("key"),
        plain("day"),
        *(_number(name.title(), name) for name in ("requests", "events", "bytes", "refused", "limited")),
        Column("Types", lambda one: listed([f"{type} {number:,}" for type, number in one["types"].items()])),
    ),
    empty="Nothing was sent.",
)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="The key's name.")],
    scope: Annotated[list[str], typer.Option(help="ingest, read, operate or admin; may be given again.")],
    source: Annotated[
        list[str] | None,
        typer.Option(help="All that it may send as; may be given again. The first is for events without a source."),
    ] = None,
    csm: Annotated[str | None, typer.Option(help="The CSM who holds it.")] = None,
    types: _Types = None,
    rate: _Rate = None,
    test: Annotated[bool, typer.Option("--test", help="What it sends is shown, and counts nowhere.")] = False,
    json: JsonOption = False,
) -> None:
    """Make a key and show it, once."""
    held = _given(sources=source, csm=csm, types=types, events_per_second=rate, test=test or None)
    with connected() as keepwell:
        _show_once(keepwell.post(*KEYS.at, {"name": name, "scopes": scope, **held}), json)


@app.command()
def rotate(
    name: _Name,
    overlap_hours: Annotated[
        float | None, typer.Option(min=0, max=720, help="How long the one before works beside it (24).")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Give a name another key, and show that, once. For 24 hours both work."""
    with connected() as keepwell:
        _show_once(keepwell.post("ingest", f"{_path(name)}/rotate", _given(overlap_hours=overlap_hours)), json)


@app.command()
def change(
    name: _Name,
    types: _Types = None,
    all_types: Annotated[bool, typer.Option("--all-types", help="It may send all types.")] = False,
    rate: _Rate = None,
    usual_rate: Annotated[bool, typer.Option("--usual-rate", help="The rate of the installation.")] = False,
    test: Annotated[bool | None, typer.Option("--test/--live", help="What it sends counts nowhere, or counts.")] = None,
) -> None:
    """Change what a key may send. It holds within 5 seconds, everywhere."""
    if (types and all_types) or (rate is not None and usual_rate):
        raise typer.BadParameter("Give --type or --all-types, and --rate or --usual-rate: not both.")
    changes = _given(types=[] if all_types else types, events_per_second=rate, test=test)
    if usual_rate:
        changes["events_per_second"] = None
    with connected() as keepwell:
        keepwell.call("PATCH", "ingest", _path(name), json=changes)
    show.say(f"{name} is changed.")


@app.command()
def usage(
    name: Annotated[str | None, typer.Argument(help="A key's name; all without it.")] = None,
    since: Annotated[str | None, typer.Option(help="The first day, such as 2026-03-04; else of 30 days.")] = None,
    until: Annotated[str | None, typer.Option(help="The last day; else today.")] = None,
    json: JsonOption = False,
) -> None:
    """See what a key sent, by day."""
    with connected() as keepwell:
        names = [name] if name is not None else [one["name"] for one in keepwell.get(*KEYS.at)["items"]]
        found = [day for one in names for day in _days(keepwell, one, {"from": since, "to": until})]
    if json:
        show.as_json(found)
    else:
        _USAGE.rows(found)


def _days(keepwell: Keepwell, name: str, asked: dict[str, str | None]) -> list[Item]:
    days = keepwell.get("ingest", f"{_path(name)}/usage", **asked)["items"]
    return [{"key": name, **day} for day in days]


def _path(name: str) -> str:
    return f"/v1/keys/{segment(name)}"


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _show_once(made: Item, json: bool) -> None:
    if json:
        show.as_json(made)
        return
    show.say(made["key"])
    show.errors().print("This is the only time that it is shown.", style="dim")
