"""`keepwell deliveries`: what was sent to whom, and how it went."""

import html

from rich.text import Text

from deploy.cli import show
from deploy.cli.client import connected, segment
from deploy.cli.listing import IdArgument, JsonOption
from deploy.cli.lists import DELIVERED, DELIVERIES
from shared.words import clean_lines

app = DELIVERIES.app()


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
        for attempt in one["attempt_history"]:
            reason = f": {attempt['reason']}" if attempt["reason"] else ""
            began = f"{show.instant(attempt['began_at']):%Y-%m-%d %H:%M:%S} UTC"
            how = show.text(f"attempt {attempt['attempt']} {attempt['outcome']}{reason}")
            out.print(Text.assemble(f"{began}  ", how, style="dim"))
