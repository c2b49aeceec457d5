"""`keepwell playbooks`: those in force, and how one would do: tried on the book and on recorded days before it is
switched on, and asked why it has not fired."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from deploy.cli import show, tried
from deploy.cli.client import Keepwell, connected, segment
from deploy.cli.effect import effect
from deploy.cli.jobs import finished
from deploy.cli.listing import JsonOption
from deploy.cli.lists import PLAYBOOKS
from deploy.cli.planning import told
from deploy.cli.why import find
from shared.files.nodes import Fields, load
from shared.files.reading import content_of

_SERVICE: Final = "playbooks"
app = PLAYBOOKS.app()
app.command()(effect)
Which = Annotated[str, typer.Argument(metavar="ID|FILE", help="A playbook in force, or a file with a draft of one.")]
Account = Annotated[str | None, typer.Option("--account", help="One account alone, leaf by leaf: its id or name.")]
From = Annotated[str | None, typer.Option("--from", help="The first day, such as 2026-01-31; else a year back.")]
To = Annotated[str | None, typer.Option("--to", help="The last day; else yesterday.")]
Within = Annotated[int | None, typer.Option("--within", help="Days in which an account has to leave; else 90.")]


@app.command("dry-run")
def dry_run(which: Which, account: Account = None, json: JsonOption = False) -> None:
    """Say what a playbook would do now, as if it were new: to all accounts, or to one. Nothing is written or sent."""
    with connected() as keepwell, told(Path(which)):
        id, draft = _which(which)
        asked = {"draft": draft, "account": None if account is None else find(keepwell, account)["id"]}
        result = _tried(keepwell, id, "dry-run", asked)
    if json:
        show.as_json(result)
    elif result["account"] is not None:
        tried.account(result["account"])
    else:
        tried.dry_run(result)


@app.command()
def backtest(
    which: Which, since: From = None, until: To = None, within: Within = None, json: JsonOption = False
) -> None:
    """Say what a playbook would have done on the days that were recorded, and how well it warns of who leaves."""
    with connected() as keepwell, told(Path(which)):
        id, draft = _which(which)
        asked = {"draft": draft, "from": since, "to": until, "within_days": within}
        result = _tried(keepwell, id, "backtest", asked)
    if json:
        show.as_json(result)
    else:
        tried.backtest(result)


@app.command("why-not")
def why_not(
    id: Annotated[str, typer.Argument(help="A playbook in force.")],
    account: Annotated[str, typer.Argument(help="The account's id, or a part of its name.")],
    json: JsonOption = False,
) -> None:
    """Say why a playbook has not fired for an account."""
    with connected() as keepwell:
        known = find(keepwell, account)
        found = keepwell.get(_SERVICE, f"/v1/playbooks/{segment(id)}/why-not", account=known["id"])
    if json:
        show.as_json(found)
        return
    for one in found["reasons"]:
        show.say(one["words"])
    tried.leaves(found["leaves"])


def _which(given: str) -> tuple[str, str | None]:
    """The id of what is meant, and its text where that is a draft."""
    path = Path(given)
    if not path.is_file():
        return given, None
    content = content_of(path)
    root = load(content, given)
    id = root.get("id") if isinstance(root, Fields) else None
    # Without an id it can't be right: the service says so, at its place.
    return str(id) if isinstance(id, str) else path.stem, content.decode("utf-8", errors="replace")


def _tried(keepwell: Keepwell, id: str, how: str, asked: dict[str, Any]) -> dict[str, Any]:
    body = {name: value for name, value in asked.items() if value is not None}
    began = keepwell.post(_SERVICE, f"/v1/playbooks/{segment(id)}/{how}", body)
    result: dict[str, Any] = finished(keepwell, _SERVICE, began["job"])["result"]
    return result
