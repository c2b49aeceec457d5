"""`keepwell playbooks effect` and `keepwell people results`: what playbooks and people achieved."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Final

import typer

from deploy.cli import show
from deploy.cli.client import connected, segment
from deploy.cli.listing import Column, Item, JsonOption, Listing
from shared.words import counted, listed, number, signed, span

From = Annotated[str | None, typer.Option("--from", help="Since when, such as 2026-01-01; a year back, unless given.")]
To = Annotated[str | None, typer.Option("--to", help="Before when; now, unless given.")]
_CAME_TO: Final = (
    ("done", "done"),
    ("no_result", "came to nothing"),
    ("false_alarm", "false alarm"),
    ("closed", "over before"),
)
_OPEN: Final = ("open", "taken", "snoozed")


def tasks(counts: Mapping[str, int]) -> str:
    """`12 tasks, 9 done, 2 came to nothing, 1 false alarm`."""
    parts = [counted(sum(counts.values()), "task")]
    parts += [f"{counts[state]} {said}" for state, said in _CAME_TO if counts.get(state)]
    waiting = sum(counts.get(state, 0) for state in _OPEN)
    return ", ".join([*parts, *([f"{waiting} open"] if waiting else [])])


def took(times: Mapping[str, Any], said: str, few: str) -> str:
    """`first touch after 3 hours (median of 12)`; of few, `3 touched (too few for a median)`."""
    if times["median_seconds"] is None:
        return f"{times['n']} {few} (too few for a median)" if times["n"] else ""
    return f"{said} after {_span(times['median_seconds'])} (median of {number(times['n'])})"


def _span(seconds: float) -> str:
    return span(timedelta(seconds=seconds))


def kept(amounts: Sequence[Mapping[str, Any]]) -> str:
    """`€4,200 a month kept (3 renewals)`."""
    return listed(
        [
            f"{show.money(one['amount_minor'], one['currency'])} a month kept ({counted(one['renewals'], 'renewal')})"
            for one in amounts
        ]
    )


def won(amounts: Sequence[Mapping[str, Any]]) -> str:
    """`€300 a month won`."""
    return listed([f"{show.money(one['amount_minor'], one['currency'])} a month won" for one in amounts])


def _worth(one: Item) -> str:
    return listed([said for said in (kept(one["kept"]), won(one["flags"]["won_minor"])) if said]) or "–"


def _episode(heading: str, name: str) -> Column:
    return Column(heading, lambda one: number(one["episodes"][name]), is_number=True)


def _state(heading: str, state: str) -> Column:
    return Column(heading, lambda one: number(one["tasks"].get(state, 0)), is_number=True)


def _first(one: Item) -> str:
    times = one["first_touch"]
    return "–" if times["median_seconds"] is None else _span(times["median_seconds"])


EFFECTS: Final = Listing(
    help="",
    at=("playbooks", "/v1/effect"),
    columns=(
        Column("Playbook", lambda one: one["playbook"]),
        _episode("Fired", "fired"),
        _episode("Running", "running"),
        _episode("Over", "over_by_itself"),
        _state("Done", "done"),
        _state("Nothing", "no_result"),
        _episode("False", "false_alarm"),
        _episode("Found", "found"),
        Column("First touch", _first),
        Column("A month", _worth),
    ),
    empty="No playbook has fired yet.",
)


def effect(
    id: Annotated[str | None, typer.Argument(help="A playbook's id; all in short without it.")] = None,
    since: From = None,
    until: To = None,
    json: JsonOption = False,
) -> None:
    """Show what playbooks achieved: how they ended, how soon somebody came, what was kept, and how scores went on."""
    path = "/v1/effect" if id is None else f"/v1/playbooks/{segment(id)}/effect"
    with connected() as keepwell:
        found = keepwell.get("playbooks", path, **{"from": since, "to": until})
    if json:
        show.as_json(found if id is not None else found["items"])
    elif id is None:
        EFFECTS.rows(found["items"])
    else:
        for line in (*lines(found), "", *found["words"]):
            show.console().print(show.text(line))


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """One playbook's effect, in a few lines."""
    episodes, flags = found["episodes"], found["flags"]
    ends = (
        ("running", "still running"),
        ("over_by_itself", "over by itself"),
        ("all_done", "all done"),
        ("false_alarm", "false alarm"),
        ("ended_from_outside", "ended from outside"),
        ("customer_left", "as the customer left"),
        ("held_out", "held out"),
        ("found", "found so"),
    )
    said = [f"{number(episodes[name])} {words}" for name, words in ends if episodes[name]]
    yield f"{found['title']}: fired {counted(episodes['fired'], 'time')}" + (f"; {', '.join(said)}" if said else "")
    work = [
        tasks(found["tasks"]) if found["tasks"] else "",
        took(found["first_touch"], "first touch", "touched"),
        took(found["to_close"], "closed", "closed by people"),
        kept(found["kept"]),
    ]
    if any(work):
        yield "; ".join(filter(None, work))
    outcomes = [f"{flags[name]} {name}" for name in ("accepted", "won", "lost", "dismissed", "open") if flags[name]]
    if outcomes:
        yield f"Flags: {', '.join(outcomes)}" + (f"; {won(flags['won_minor'])}" if flags["won_minor"] else "")
    told = [f"{number(found['messages'][name])} {name}" for name in ("delivered", "failed", "cancelled", "waiting")]
    if any(found["messages"].values()):
        yield f"Messages: {', '.join(one for one in told if not one.startswith('0 '))}"
    if (held := found["holdout"]) is not None:
        groups = (counted(held[name]["accounts"], "account") for name in ("reached", "held_out"))
        yield "Holdout of {} %: {} reached, {} held out".format(held["percent"], *groups)
    for one in found["score"]:
        if one["difference"] is not None:
            moved, apart = one["moved"], one["difference"]
            yield (
                f"Score {one['days']} days after: {_points(moved['value'])} ({number(one['n'])} accounts), untouched "
                f"ones {_points(one['others'])}; {_points(apart['value'])} apart ({_points(apart['low'])} to "
                f"{_points(apart['high'])})"
            )


def _points(value: float) -> str:
    return signed(round(value)) if round(value) else "0"


def results(
    id: Annotated[str | None, typer.Argument(help="Somebody's id or e-mail.")] = None,
    team_of: Annotated[str | None, typer.Option(help="A lead: who answers to them, one by one and together.")] = None,
    since: From = None,
    until: To = None,
    json: JsonOption = False,
) -> None:
    """Show what somebody's work came to, or a team's: for themselves, and for who leads them."""
    if (id is None) == (team_of is None):
        raise typer.BadParameter("Say whose, or --team-of LEAD.")
    path = "/v1/people/results" if id is None else f"/v1/people/{segment(id)}/results"
    with connected() as keepwell:
        found = keepwell.get("playbooks", path, **{"from": since, "to": until, "manager": team_of})
    if json:
        show.as_json(found)
        return
    out = show.console()
    several = [found] if id is not None else [*found["items"], {**found["total"], "name": "Together"}]
    for place, one in enumerate(several):
        for line in ("", *work(one)) if place else work(one):
            out.print(show.text(line))


def work(one: Mapping[str, Any]) -> Iterator[str]:
    """What somebody's work came to, in a few lines."""
    mrr = listed([show.money(each["amount_minor"], each["currency"]) for each in one["mrr"]])
    book = counted(one["accounts"], "account") + (f", {mrr} a month" if mrr else "")
    is_open = [counted(number, kind) for kind, number in one["open"].items() if number]
    now = f"{listed(is_open) or 'nothing'} open" + (f", {one['overdue']} overdue" if one["overdue"] else "")
    yield f"{one['name']}: {book}; {now}"
    closed = one["closed"].get("task", {})
    parts = [
        f"closed {tasks(closed)}" if closed else "",
        took(one["first_touch"]["clock"], "first touch", "touched"),
        _working(one["first_touch"]),
        took(one["urgent"]["clock"], "urgent ones", "of them urgent"),
        _share(one["false_alarms"], "false alarms"),
    ]
    if any(parts):
        yield "; ".join(filter(None, parts))
    loops = one["loops"]
    if loops["answers"]:
        within = ", ".join(f"{_of(loops[f'within_{hours}h'])} within {hours} h" for hours in (24, 48))
        early = f", {loops['open']} still in time" if loops["open"] else ""
        yield f"{counted(loops['answers'], 'answer')} to call back about: {within}{early}"
    if any(worth := (kept(one["kept"]), won(one["won"]))):
        yield "; ".join(filter(None, worth))
    for said in one["words"]:
        yield f"{said}"


def _of(part: Mapping[str, Any]) -> str:
    return f"{part['n']} of {part['of']}"


def _working(both: Mapping[str, Any]) -> str:
    seconds = both["working"]["median_seconds"]
    return "" if seconds is None else f"{_span(seconds)} of it in working time"


def _share(part: Mapping[str, Any], said: str) -> str:
    if part["percent"] is None:
        return f"{part['n']} of {part['of']} {said}" if part["n"] else ""
    return f"{number(part['percent'], 0)} % {said}"
