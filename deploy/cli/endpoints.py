"""`keepwell endpoints`: other systems that hear of what happens, and what was sent to them."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from deploy.cli import show
from deploy.cli.client import Keepwell, connected, segment
from deploy.cli.listing import Column, IdArgument, Item, JsonOption, LimitOption, Listing, Move, instant
from deploy.cli.lists import DELIVERED, ID, field, plain, since
from shared.words import counted, listed

_ENDED: Final = {**DELIVERED, "missed": "yellow"}


def _state(one: Item) -> Text:
    if not one["enabled"]:
        return show.text("disabled", "bold red")
    return show.text("failing", "yellow") if one["failing_since"] else show.text("works", "green")


def _why(one: Item) -> str:
    if not one["enabled"]:
        return str(one["disabled_because"])
    if not one["failing_since"]:
        return ""
    return f"since {show.clock(one['failing_since'])}: {one['last_failure']}"


def _hears(one: Item) -> str:
    chosen = [f"{name}: {listed(values)}" for name, values in one["filter"].items() if values]
    return "; ".join([listed(one["types"]) if one["types"] else "all", *chosen])


def _details(one: Item) -> None:
    out = show.console()
    out.print(Text.assemble(show.text(f"{one['name'] or one['id']}: {one['url']}  ", "bold"), _state(one)))
    lines = {
        "id": one["id"],
        "what for": one["description"],
        "hears of": _hears(one),
        "health": f"moves of {one['score_by']:g} points" if one["score_by"] else "another band alone",
        "why": _why(one),
        "waiting": counted(one["waiting"], "call"),
        "held until": show.clock(one["held_until"]) if one["held_until"] else "",
        "the former secret signs until": show.clock(one["rotating_until"]) if one["rotating_until"] else "",
        "made by": one["created_by"],
    }
    for name, value in lines.items():
        if value:
            show.say(f"{name}: {value}")


ENDPOINTS: Final = Listing(
    help="List endpoints: other systems that hear of what happens.",
    at=("notifier", "/v1/endpoints"),
    columns=(
        ID,
        field("Name", "name"),
        plain("url"),
        Column("Hears of", _hears),
        Column("State", _state),
        Column("Waiting", lambda one: f"{one['waiting']:,}", is_number=True),
        Column("Why", lambda one: show.text(_why(one), "yellow")),
    ),
    empty="No endpoint: `keepwell endpoints add URL` subscribes one.",
    details=_details,
    moves=(Move("test", "Send a test event, once and at once.", "called: its log tells how it went"),),
)
app = ENDPOINTS.app()


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="Where webhooks go: https://…")],
    type: Annotated[list[str] | None, typer.Option(help="What it hears of; may be given again.")] = None,
    name: Annotated[str | None, typer.Option(help="By which a playbook's step webhook calls it.")] = None,
    description: Annotated[str | None, typer.Option(help="What for.")] = None,
    filter: Annotated[
        list[str] | None, typer.Option(help="Narrows, such as severity=high,critical; may be given again.")
    ] = None,
    score_by: Annotated[float | None, typer.Option(help="Of health: points that are told, beside bands.")] = None,
    json: JsonOption = False,
) -> None:
    """Subscribe an endpoint, and show its secret, once."""
    narrowed = None if filter is None else dict(map(_narrows, filter))
    said = {"types": type, "name": name, "description": description, "score_by": score_by, "filter": narrowed}
    given = {field: value for field, value in said.items() if value is not None}
    with connected() as keepwell:
        made = keepwell.post(*ENDPOINTS.at, {"url": url, **given})
        if json:
            show.as_json(made)
            return
        show.say(f"{made['id']}  {made['secret']}")
    show.errors().print("This is the only time that the secret is shown.", style="dim")


def _narrows(text: str) -> tuple[str, list[str]]:
    name, equals, values = text.partition("=")
    if not equals or not values:
        raise typer.BadParameter(f"--filter {text}: write such as --filter severity=high,critical.")
    return name.strip(), [one.strip() for one in values.split(",")]


@app.command()
def rotate(id: IdArgument, json: JsonOption = False) -> None:
    """Give it another secret, and show that, once. For 24 hours both sign."""
    with connected() as keepwell:
        made = keepwell.post("notifier", f"{_path(keepwell, id)}/rotate")
        if json:
            show.as_json(made)
            return
        show.say(made["secret"])
    until = f"The one before signs, too, until {show.clock(made['former_until'])}."
    show.errors().print(f"This is the only time that it is shown. {until}", style="dim")


@app.command()
def replay(
    id: IdArgument,
    since: Annotated[str, typer.Option(help="Told then or later, such as 2026-03-04 or 2026-03-04T14:00.")],
    until: Annotated[str | None, typer.Option(help="Told before then; by now without it.")] = None,
    undelivered_only: Annotated[bool, typer.Option(help="Not what has arrived.")] = False,
) -> None:
    """Send again what was told from one instant to another, also what was missed while it was disabled."""
    said: dict[str, Any] = {"since": instant(since) or since, "undelivered_only": undelivered_only}
    if until is not None:
        said["until"] = instant(until) or until
    with connected() as keepwell:
        count = keepwell.post("notifier", f"{_path(keepwell, id)}/replay", said)["count"]
    show.say(f"{counted(count, 'webhook')} {'is' if count == 1 else 'are'} sent again.")


@app.command()
def enable(id: IdArgument) -> None:
    """Call it again. What it has missed goes when it is replayed."""
    _change(id, {"enabled": True}, "enabled")


@app.command()
def disable(id: IdArgument) -> None:
    """Call it no more. What comes is kept as missed."""
    _change(id, {"enabled": False}, "disabled")


@app.command()
def delete(id: Annotated[str, typer.Argument(help="Its whole id.")]) -> None:
    """Delete it, with what waits for it."""
    with connected() as keepwell:
        keepwell.call("DELETE", "notifier", f"/v1/endpoints/{segment(id)}")
    show.say(f"{id} is deleted.")


def _took(one: Item) -> str:
    parts = (
        counted(one["attempts"], "attempt") if one["attempts"] != 1 else "",
        "may have come twice" if one["uncertain"] else "",
        one["reason"],
    )
    return ", ".join(filter(None, parts))


_LOG: Final = Listing(
    help="What was sent to it.",
    at=("notifier", "/v1/endpoints"),
    columns=(
        plain("id"),
        since("When", "created_at"),
        Column("State", lambda one: show.text(one["state"], _ENDED.get(one["state"], "yellow"))),
        plain("type"),
        plain("account"),
        Column("How it went", _took),
    ),
    empty="Nothing was sent to it yet.",
)


@app.command()
def log(
    id: IdArgument,
    call: Annotated[str | None, typer.Argument(help="One webhook-id: shows all that went to and fro.")] = None,
    state: Annotated[str | None, typer.Option(help="waiting, sending, delivered, failed, missed or cancelled.")] = None,
    type: Annotated[str | None, typer.Option(help="Such as task.opened.")] = None,
    account: Annotated[str | None, typer.Option(help="An account's id.")] = None,
    since: Annotated[str | None, typer.Option(help="Told then or later, such as 2026-03-04.")] = None,
    until: Annotated[str | None, typer.Option(help="Told before then.")] = None,
    limit: LimitOption = 50,
    json: JsonOption = False,
) -> None:
    """List what was sent to it, newest first; or show one call, with each attempt."""
    with connected() as keepwell:
        path = f"{_path(keepwell, id)}/deliveries"
        if call is not None:
            one = keepwell.get("notifier", f"{path}/{segment(call)}")
            show.as_json(one) if json else _one(one)
            return
        asked = {"state": state, "type": type, "account": account, "since": since, "until": until}
        asked |= {
            name: instant(value) or value for name, value in asked.items() if name in {"since", "until"} and value
        }
        items = list(keepwell.items("notifier", path, limit, **asked))
    show.as_json(items) if json else _LOG.rows(items)


def _one(one: Mapping[str, Any]) -> None:
    out = show.console()
    out.print(show.text(f"{one['type']} to {one['url']}: {one['state']}", _ENDED.get(one["state"], "yellow")))
    if one["reason"]:
        show.say(one["reason"])
    if one["erased"]:
        show.say("Its body is gone: whom it tells of was erased.")
    else:
        show.as_json(one["body"])
    for each in one["attempt_history"]:
        ended = f"{each['outcome']} in {each['seconds']:.2f} s" + (f": {each['reason']}" if each["reason"] else "")
        began = f"{show.instant(each['began_at']):%Y-%m-%d %H:%M:%S} UTC"
        out.print(Text.assemble(f"{began}  ", show.text(f"attempt {each['attempt']} {ended}")))
        for side, headers in (("sent", each["headers"]), ("came", each["answer_headers"])):
            for name, value in headers.items():
                out.print(Text.assemble(f"  {side}  ", show.text(f"{name}: {value}"), style="dim"))
        if each["answer"]:
            show.lines([f"  {line}" for line in each["answer"].splitlines()])


def _path(keepwell: Keepwell, id: str) -> str:
    service, path = ENDPOINTS.at
    return f"{path}/{segment(keepwell.whole_id(service, path, id))}"


def _change(id: str, said: Mapping[str, Any], done: str) -> None:
    with connected() as keepwell:
        keepwell.call("PATCH", "notifier", _path(keepwell, id), json=said)
    show.say(f"{id} is {done}.")
