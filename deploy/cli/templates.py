"""`keepwell templates`: the templates of messages to customers' people, how they read, and a test to oneself."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from deploy.cli import show
from deploy.cli.client import REFUSED, connected, segment
from deploy.cli.listing import Column, JsonOption, Listing
from deploy.cli.lists import plain, since
from shared.words import clean_lines

LanguageOption = Annotated[str | None, typer.Option(help="As somebody who reads this one gets it, such as de.")]
_Template = Annotated[str, typer.Argument(help="A template's id.")]

TEMPLATES: Final = Listing(
    help="List the templates of messages to customers' people, show how they read, and send one to yourself.",
    at=("notifier", "/v1/templates"),
    columns=(
        Column("Template", lambda one: one["id"]),
        Column("Version", lambda one: str(one["version"]), is_number=True),
        since("Changed", "at"),
        plain("author"),
    ),
    empty="No template is in force.",
)
app = TEMPLATES.app()


@app.command()
def preview(
    template: _Template,
    language: LanguageOption = None,
    account: Annotated[str | None, typer.Option(help="An account's id: of what is known there.")] = None,
    contact: Annotated[str | None, typer.Option(help="With --account: one of its people, by id.")] = None,
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A draft, in place of what is in force.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show what somebody would read, in each language. Exit code 1 when one can't be written."""
    asked: dict[str, Any] = {"language": language, "account": account, "contact": contact}
    if file is not None:
        asked["text"] = file.read_text(encoding="utf-8")
    given = {name: value for name, value in asked.items() if value is not None}
    with connected() as keepwell:
        found = keepwell.post("notifier", f"/v1/templates/{segment(template)}/preview", given)
    if json:
        show.as_json(found)
    else:
        out = show.console()
        for one in found["previews"]:
            theirs = ", as they would get it" if one["language"] == found["language"] else ""
            out.print(show.text(f"{one['language']}{theirs}", "bold"))
            if one["problem"]:
                out.print(show.text(f"It can't be written: {one['problem']}.", "yellow"))
            else:
                for line in (one["subject"], "", *clean_lines(one["text"])):
                    out.print(show.text(line))
    if any(one["problem"] for one in found["previews"]):
        raise typer.Exit(REFUSED)


@app.command("test")
def send_test(
    template: _Template,
    to: Annotated[str, typer.Argument(help="Your own e-mail address.")],
    language: LanguageOption = None,
) -> None:
    """Send a template to yourself, marked as a test, with made-up facts."""
    given = {"to": to} | ({"language": language} if language is not None else {})
    with connected() as keepwell:
        sent = keepwell.post("notifier", f"/v1/templates/{segment(template)}/send-test", given)
    show.say(f"It is on its way to {to}. How it went: keepwell deliveries show {sent['id']}")
