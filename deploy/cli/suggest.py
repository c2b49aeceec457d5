"""`keepwell suggest`: drafts of your files from what was seen."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import typer

from deploy.cli.client import connected
from deploy.cli.listing import JsonOption
from deploy.cli.show import as_json
from shared.words import counted

app = typer.Typer(help="Drafts of your files, from what was seen.", no_args_is_help=True)
_PLAIN: Final = re.compile(r"(?!(?:true|false|null)$)[A-Za-z_][\w-]*", re.ASCII)
_LONGEST: Final = 128
"""No name in the catalogue is longer."""
_ONBOARDING_DAYS: Final = 60
"""Of low touch, which is what most who begin with a draft do."""


@app.callback()
def _suggest() -> None:
    """Keeps `catalogue` a command of its own while there is no other."""


@app.command()
def catalogue(json: JsonOption = False) -> None:
    """Draft the catalogue: each plan's features and how often it is used, and milestones. Read it, then apply it."""
    with connected() as keepwell:
        found = keepwell.get("scoring", "/v1/suggestions/catalogue")
    if json:
        as_json(found)
    else:
        typer.echo("\n".join(drafted(found)))


def drafted(found: Mapping[str, Any]) -> Iterator[str]:
    """The catalogue's file, line by line, with what was seen beside."""
    plans = [one for one in found["plans"] if len(one["plan"]) <= _LONGEST]
    yield "# A draft from what was seen. Strike what is no part of a plan, save it as catalogue.yaml in a folder,"
    yield "# see who would move by it (keepwell rules preview FILE), and put it in force (keepwell rules apply FOLDER)."
    if found["without_plan"]:
        yield f"# The plan of {counted(found['without_plan'], 'account')} is not known: send it as a trait."
    yield ""
    yield "features:" if plans else "features: {}"
    for plan in plans:
        seats = "" if plan["seats"] is None else f", {counted(plan['seats'], 'seat')} each at the median"
        used = [one for one in plan["features"] if len(one["feature"]) <= _LONGEST]
        yield f"  {_name(plan['plan'])}:{'' if used else ' []'} # {counted(plan['accounts'], 'account')}{seats}"
        yield from (f"    - {_name(one['feature'])} # used by {counted(one['accounts'], 'account')}" for one in used)
    yield ""
    seldom = [one for one in plans if one["cadence"] not in (None, "daily")]
    yield "cadence:" if seldom else "cadence: {}"
    yield from (f"  {_name(one['plan'])}: {one['cadence']}" for one in seldom)
    yield ""
    milestones = [one for one in found["milestones"] if len(one["milestone"]) <= _LONGEST]
    yield "# By the day after signing on which three of four had reached it."
    yield "onboarding:"
    yield "  - id: low_touch"
    yield f"    days: {max([_ONBOARDING_DAYS, *(one['by_day'] for one in milestones)])}"
    yield "    milestones:" if milestones else "    milestones: {}"
    for one in milestones:
        yield f"      {_name(one['milestone'])}: {one['by_day']} # reached by {counted(one['accounts'], 'account')}"


def _name(text: str) -> str:
    """A name as YAML has it."""
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
