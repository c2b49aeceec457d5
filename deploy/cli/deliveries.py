"""`keepwell deliveries`: what was sent to whom, and how it went."""

import html
from typing import Annotated

import typer
from rich.text import Text

from deploy.cli import heard, show
from deploy.cli.client import Keepwell, Refused, connected, segment
from deploy.cli.listing import IdArgument, JsonOption
from deploy.cli.lists import DELIVERED, DELIVERIES
from shared.words import clean_lines

app = DELIVERIES.app()


@app.command()
def why(
    item: Annotated[
        str,
        typer.Argument(
            help="A task, alert or flag: its id, or the beginning of it. Or ACCOUNT/CONTACT: a customer's person."
        ),
    ],
    json: JsonOption = False,
) -> None:
    """Tell why somebody has heard of a task, alert or flag, or has not: each road, with its reason. Of a customer's
    person: why they were written to, or were not."""
    with connected() as keepwell:
        if "/" in item:
            _why_written(keepwell, *item.rsplit("/", 1), json=json)
            return
        known = heard.find_item(keepwell, item)
        id = known["id"] if known is not None else item
        sent = heard.deliveries_of(keepwell, id)
        if json:
            show.as_json(heard.as_json(known, sent))
            return
        if known is None and not sent:
            raise Refused(404, "not_found", f"No task, alert or flag begins with {item}, and nothing was sent of it.")
        out = show.console()
        if known is not None:
            out.print(show.text(f"{known['account_name']}: {known['title']}", "bold"))
        for line in heard.told(sent):
            show.hang(out, Text(f"{show.clock(line.at)}  ", style="dim"), show.text(line.words, line.style))
        if not sent and known is not None:
            out.print(show.text("Nothing was sent of it.", "yellow"))
        if known is not None and not any(one["state"] == "delivered" for one in sent):
            for words in heard.known(known):
                out.print(show.text(words))


def _why_written(keepwell: Keepwell, account: str, contact: str, *, json: bool) -> None:
    sent = heard.letters_to(keepwell, account, contact)
    if json:
        show.as_json(heard.as_json(None, sent))
        return
    out = show.console()
    for line in heard.told(sent):
        show.hang(out, Text(f"{show.clock(line.at)}  ", style="dim"), show.text(line.words, line.style))
    if not sent:
        out.print(show.text("Nothing was to be written to them.", "yellow"))


@app.command("show")
def show_one(id: IdArgument, json: JsonOption = False) -> None:
    """Show one delivery as it was sent, with every attempt."""
    with connected() as keepwell:
        service, path = DELIVERIES.at
        one = keepwell.get(service, f"{path}/{segment(keepwell.whole_id(service, path, id))}")
        if json:
            show.as_json(one)
            return
        out = show.console()
        out.print(show.text(f"{one['channel']}: {one['state']}", DELIVERED.get(one["state"], "yellow")))
        if one["because"]:
            out.print(show.text(one["because"], "dim"))
        said = one["rendered"]["text"]
        # Slack gets its text with three characters as entities.
        for line in clean_lines(html.unescape(said) if one["channel"].startswith("slack") else said):
            out.print(Text(line))
        for road in one.get("roads", ())[1:]:
            out.print(show.text(f"then {road['channel']}: {road['state']} ({road['because']})", "dim"))
        for attempt in one["attempt_history"]:
            reason = f": {attempt['reason']}" if attempt["reason"] else ""
            began = f"{show.instant(attempt['began_at']):%Y-%m-%d %H:%M:%S} UTC"
            how = show.text(f"attempt {attempt['attempt']} {attempt['outcome']}{reason}")
            out.print(Text.assemble(f"{began}  ", how, style="dim"))
