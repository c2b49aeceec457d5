"""`keepwell erase contact` and `keepwell erase account`: have a person, or a customer, be forgotten everywhere."""

import secrets
from typing import Annotated, Any, Final

import typer

from deploy.cli import show
from deploy.cli.client import connected, segment
from shared.words import date_words

app = typer.Typer(help="Forget a person or an account, for good.", no_args_is_help=True)
Account = Annotated[str, typer.Argument(help="The account's id.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
_STAYS: Final = "What they scored stays in the figures, of nobody; messages that people have got stay with these."


@app.command("contact")
def contact(
    account: Account,
    contact: Annotated[str, typer.Argument(help="The contact's id.")],
    also: Annotated[
        list[str] | None,
        typer.Option(help="What else they are found by in what was written: another spelling, an old address."),
    ] = None,
    yes: Yes = False,
) -> None:
    """Forget a person: what they wrote, how they are reached, and every text that names them."""
    _confirm(f"Forget {contact} of {account}? It can't be taken back.", yes)
    data = {"contact_id": contact, **({"texts": also} if also else {})}
    _erase(account, {"type": "contact.erased", "account": account, "data": data}, contact)


@app.command("account")
def account(account: Account, yes: Yes = False) -> None:
    """Forget an account: its state, people and answers, and the words of all that was asked for and sent about it."""
    _confirm(f"Forget {account} and all its people? It can't be taken back.", yes)
    _erase(account, {"type": "account.erased", "account": account}, account)


def _confirm(question: str, yes: bool) -> None:
    if not yes:
        typer.confirm(question, abort=True)


def _erase(account: str, event: dict[str, Any], whom: str) -> None:
    with connected() as keepwell:
        # Who is misspelt is not forgotten.
        keepwell.get("scoring", f"/v1/accounts/{segment(account)}")
        answer = keepwell.post("ingest", "/v1/events", [{"id": f"erase-{secrets.token_hex(12)}", **event}])
        by = show.instant(answer["topics_forget_by"])
    when = "" if by is None else f", by the topics on {date_words(by)}"
    show.say(f"{whom} is forgotten within a minute{when}. {_STAYS}")
