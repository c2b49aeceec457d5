"""`keepwell rules preview`: what a draft would change, over all accounts as they are now."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from deploy.cli import previewing, show
from deploy.cli.client import Refused, connected
from deploy.cli.folder import text_of
from deploy.cli.jobs import finished
from deploy.cli.listing import JsonOption
from deploy.cli.planning import told

_MOVERS: Final = 20
Item = dict[str, Any]
File = Annotated[Path, typer.Argument(help="A draft of the catalogue, of a scorecard or of a mapping.")]
Account = Annotated[str | None, typer.Option("--account", help="Look at one account measure by measure, too.")]


def preview(file: File, account: Account = None, json: JsonOption = False) -> None:
    """Say who would move by a draft, without putting it in force: of a sample at once, then of all accounts.

    Of a mapping it says what the last records would come to.
    """
    with connected() as keepwell, told(file):
        document, text, _ = text_of(file)
        of_mapping = document.kind == "mappings"
        if document.service != "scoring" and not of_mapping:
            words = "Cards, catalogue and mappings have a preview; a playbook has `keepwell playbooks dry-run FILE`."
            raise Refused(404, "no_preview", words)
        if of_mapping and account is not None:
            raise Refused(404, "no_account", "The preview of a mapping looks at records, and at no account.")
        params = {} if account is None else {"account": account}
        service = document.service
        began = keepwell.call("POST", service, f"{document.path}/preview", content=text.encode(), params=params)
        if of_mapping:
            job = finished(keepwell, service, began["job"], of="records")
        else:
            job = finished(keepwell, service, began["job"], _of_sample)
    if json:
        show.as_json(job)
    elif of_mapping:
        previewing.tell(job["result"])
    else:
        _tell(job["result"])


def _of_sample(result: Item) -> str:
    return f"Of a sample of {result['accounts']:,}: {_in_bands(result)}"


def _in_bands(result: Item) -> str:
    return ", ".join(f"{one['band']} {one['before']:,} → {one['after']:,}" for one in result["bands"] if _counts(one))


def _counts(one: Item) -> bool:
    return bool(one["before"] or one["after"])


def _tell(result: Item) -> None:
    changing = sum(one["accounts"] for one in result["moves"])
    show.say(
        f"{result['accounts']:,} accounts: {result['improved']:,} rise, {result['worsened']:,} fall, "
        f"{changing:,} change their band."
    )
    rows = [
        (show.band(one["band"]), f"{one['before']:,}", f"{one['after']:,}") for one in result["bands"] if _counts(one)
    ]
    show.table(rows, "Band", "Now", "By the draft", right=("Now", "By the draft"), empty="No account has a score yet.")
    for one in result["moves"]:
        show.say(f"{one['accounts']:,} from {one['before']} to {one['after']}")
    if result["movers"]:
        _tell_movers(result["movers"])
    if result["account"] is not None:
        _tell_account(result["account"])


def _tell_movers(movers: list[Item]) -> None:
    typer.echo()
    rows = [
        (
            one["name"] or one["id"],
            one["owner"] or "",
            _stands(one["before"]),
            _stands(one["after"]),
            one["after"]["reason"],
        )
        for one in movers[:_MOVERS]
    ]
    show.table(rows, "Who moves most", "Owner", "Now", "By the draft", "Why", empty="")


def _tell_account(one: Item) -> None:
    typer.echo()
    show.say(f"{one['name'] or one['id']}: {_stands(one['before'])} → {_stands(one['after'])}")
    show.say(f"by {_card(one['before'])}, and by {_card(one['after'])}")
    rows = [
        (
            measure["name"],
            _both(*(_percent(measure[f"weight_{side}"]) for side in ("before", "after"))),
            _both(*(_points(measure[f"points_{side}"]) for side in ("before", "after"))),
            measure["words"],
        )
        for measure in one["measures"]
    ]
    show.table(rows, "Measure", "Weight", "Points", "What we see", right=("Weight", "Points"), empty="No measure.")


def _stands(one: Item) -> Text:
    shown = "" if one["score"] is None else f"{show.score(one['score'])} "
    return show.band(one["band"], f"{shown}{one['band']}")


def _card(one: Item) -> str:
    # Behind the plus stands a digest of its content, which is for machines.
    return str(one["scorecard"]).partition("+")[0]


def _both(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"


def _percent(weight: int | None) -> str:
    return "–" if weight is None else f"{weight} %"


def _points(points: float | None) -> str:
    return "no data" if points is None else show.score(points)
