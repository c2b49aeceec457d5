"""`keepwell refused`: what was not taken, as it was sent, and sending it again."""

from typing import Annotated, Any, Final

import typer

from deploy.cli import show
from deploy.cli.client import REFUSED, connected, segment
from deploy.cli.listing import Column, Item, Listing, option
from deploy.cli.lists import ID, plain, since
from shared.words import clean_lines, counted


def _details(one: Item) -> None:
    out = show.console()
    out.print(show.text(f"{one['code']}: {one['reason']}", "bold"))
    again = f", {counted(one['times'], 'time')}, last {show.clock(one['last_at'])}" if one["times"] > 1 else ""
    lines = {
        "id": one["id"],
        "sent by the key": f"{one['key']}, by {one['door']}",
        "refused": f"{show.clock(one['at'])}{again}",
        "event": one["event_id"],
        "account": one["account"],
        "source": one["source"],
    }
    for name, value in lines.items():
        if value:
            show.say(f"{name}: {value}")
    what = "record" if one["encoding"] == "text" else "record in Base64, as it is no UTF-8"
    show.say(f"{what}, {counted(one['size'], 'byte')}:")
    for line in clean_lines(one["bytes"]):
        out.print(show.text(line, "dim"))


REFUSALS: Final = Listing(
    help="List what was refused in the last 30 days, newest first, with the reason.",
    at=("ingest", "/v1/refused"),
    filters={
        "key": option("The name of the key that sent it."),
        "code": option("Why, such as unknown_type."),
        "door": option("The way that it came by, such as events or segment."),
        "since": option("Refused then or later, such as 2026-03-04 or 2026-03-04T14:00."),
    },
    columns=(
        ID,
        since("When", "last_at"),
        plain("key"),
        Column("Event", lambda one: one["event_id"] or "–"),
        Column("Times", lambda one: f"{one['times']:,}", is_number=True),
        plain("code"),
        Column("Why", lambda one: one["reason"]),
    ),
    limit=50,
    empty="Nothing was refused.",
    details=_details,
)
app = REFUSALS.app()


@app.command()
def delete(id: Annotated[str, typer.Argument(help="Its id, or the beginning of it.")]) -> None:
    """Forget a refused record."""
    with connected() as keepwell:
        service, path = REFUSALS.at
        keepwell.call("DELETE", service, f"{path}/{segment(keepwell.whole_id(service, path, id))}")
    show.say(f"{id} is forgotten.")


@app.command()
def replay(
    ids: Annotated[list[str] | None, typer.Argument(help="Their ids, or the beginnings of them.")] = None,
    code: Annotated[str | None, typer.Option(help="All that were refused for this.")] = None,
    key: Annotated[str | None, typer.Option(help="All that this key sent.")] = None,
    door: Annotated[str | None, typer.Option(help="All that came by this way.")] = None,
) -> None:
    """Send refused records again, when what was wrong is mended: as the same key, from when they were received."""
    given = {"code": code, "key": key, "door": door}
    which: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if bool(ids) == bool(which):
        raise typer.BadParameter("Say which: ids, or --code, --key or --door.")
    taken, again = 0, list[Any]()
    with connected() as keepwell:
        service, path = REFUSALS.at
        if ids:
            which["ids"] = [keepwell.whole_id(service, path, id) for id in ids]
        while True:
            came = keepwell.post(service, f"{path}/replay", which)
            taken, again = taken + came["taken"], [*again, *came["refused"]]
            if not came["left"] or not (came["taken"] or came["refused"]):
                break
            which["before"] = came["before"]
    show.say(f"{counted(taken, 'record')} {'is' if taken == 1 else 'are'} taken now.")
    for one in again:
        show.complain(f"{one['id'][:12]}: {one['message']}")
    if again:
        raise typer.Exit(REFUSED)
