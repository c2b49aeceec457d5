"""`keepwell change ACCOUNT NAME=VALUE …`: traits of an account, or of a person there."""

import json
from typing import Annotated, Any

import typer

from deploy.cli import show
from deploy.cli.client import connected, segment
from shared.words import listed


def change(
    account: Annotated[str, typer.Argument(help="An account's id.")],
    traits: Annotated[list[str], typer.Argument(help="Such as owner=ben@example.com seats=40; plan= clears it.")],
    contact: Annotated[str | None, typer.Option(help="A contact's id: change that person instead.")] = None,
    move_open: Annotated[
        bool, typer.Option("--move-open", help="With a new owner: what the former one has open there moves along.")
    ] = False,
) -> None:
    """Change traits of an account, such as its owner, or of a person there."""
    if contact is not None and move_open:
        raise typer.BadParameter("--move-open goes with an account's owner.")
    said = dict(map(_read, traits))
    path = f"accounts/{segment(account)}" if contact is None else f"contacts/{segment(account)}/{segment(contact)}"
    with connected() as keepwell:
        keepwell.call("PATCH", "ingest", f"/v1/{path}", json={**said, **({"move_open": True} if move_open else {})})
    show.say(f"{contact or account}: {listed([*said])} {'is' if len(said) == 1 else 'are'} changed.")


def _read(text: str) -> tuple[str, Any]:
    """A name and its value: a number, true or false as such, nothing as null, and all else as text."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"{text!r} changes nothing. Write NAME=VALUE, or NAME= to clear it.")
    try:
        found = json.loads(value) if value else None
    except ValueError:
        found = value
    return name, found if found is None or isinstance(found, bool | int | float | list) else value
