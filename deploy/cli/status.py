"""`keepwell status`: how every service does."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import typer
from rich.text import Text

from deploy.cli import show
from deploy.cli.client import UNREACHABLE, ClientSettings, Keepwell, Refused, Unreachable, connected
from deploy.cli.down import home_of
from deploy.cli.listing import JsonOption
from deploy.local.record import read_running
from shared.settings import SERVICES
from shared.words import clock_time, counted, date_words, listed

_USER: Final = "user:"
"""How the aliases of users begin."""


def status(json: JsonOption = False) -> None:
    """Show lag, dead letters, waiting aliases, outbox, timers and disk of every service, and the sources."""
    with connected() as keepwell:
        lost = _given_up(keepwell.settings)
        found = {service: lost.get(service) or _ask(keepwell, service) for service in SERVICES} | lost
        if "error" not in found["scoring"]:
            found["scoring"]["sources"] = _ask(keepwell, "scoring", "/v1/sources").get("items", [])
        if json:
            show.as_json(found)
        else:
            _tell(keepwell, found)
    if any("error" in state for state in found.values()):
        raise typer.Exit(UNREACHABLE)


def _tell(keepwell: Keepwell, found: Mapping[str, dict[str, Any]]) -> None:
    show.table(
        (_line(service, state) for service, state in found.items()),
        *("Service", "Ready", "Lag", "Dead letters", "Outbox", "Timers", "Partitions", "Disk", "Note"),
        right=("Lag", "Dead letters", "Outbox", "Timers", "Partitions", "Disk"),
        empty="",
    )
    brokers = sorted({state["broker"] for state in found.values() if "broker" in state})
    if brokers:
        typer.echo()
        show.say(f"Broker: {', '.join(brokers)}.")
    for source in found["scoring"].get("sources", ()):
        show.say(_heard(source, show.now()))
    _waiting(found["ingest"].get("waiting"))
    # Of what all share, such as the log, each service tells the same.
    for alarm in dict.fromkeys(alarm for state in found.values() for alarm in state.get("alarms", ())):
        show.say(f"! {alarm}")
    for service, state in found.items():
        if state.get("dead_letters"):
            address = f"{keepwell.settings.address(service)}/v1/dead-letters"
            show.say(f"What {service} could not read: GET {address} (POST …/ID/replay reads it again).")


def _given_up(settings: ClientSettings) -> dict[str, dict[str, Any]]:
    """What the supervisor on this machine doesn't start again by itself: why, and the way to mend it."""
    running = read_running(home_of(settings)) if settings.url is None else None
    words = "given up: {}. Mend that; `keepwell up` starts it again."
    lost = running.given_up() if running else {}
    return {name: {"error": words.format(why.rstrip("."))} for name, why in lost.items()}


def _ask(keepwell: Keepwell, service: str, path: str = "/v1/status") -> dict[str, Any]:
    try:
        answer: dict[str, Any] = keepwell.get(service, path)
    except Refused as error:
        if error.status in {401, 403}:
            raise
        return {"error": error.message}
    except Unreachable as error:
        return {"error": str(error)}
    return answer


def _line(service: str, state: dict[str, Any]) -> tuple[str | Text, ...]:
    if "error" in state:
        return (service, Text("no", style="bold red"), "–", "–", "–", "–", "–", "–", state["error"])
    ready = Text("yes", style="green") if state["ready"] else Text("no", style="bold red")
    dead, lag = state.get("dead_letters", 0), state.get("lag")
    return (
        service,
        ready,
        f"{sum(lag.values()):,}" if lag is not None else "–",
        Text(f"{dead:,}", style="bold red" if dead else ""),
        f"{state['outbox']:,}",
        f"{state.get('timers', 0):,}",
        str(state.get("held_partitions", "–")),
        show.size(state["database_bytes"]),
        _note(state),
    )


def _note(state: dict[str, Any]) -> str:
    """What somebody should look at."""
    details = state.get("details", {})
    gaps, failed = details.get("assessment_gaps", 0), details.get("deliveries", {}).get("failed", 0)
    notes = [f"{counted(gaps, 'account')} with a gap in the assessments"] if gaps else []
    if fallen := details.get("last_resort", 0):
        notes.append(f"{fallen:,} with the last resort: keepwell tasks --last-resort true")
    if paused := details.get("paused"):
        notes.append(f"paused: {listed(paused, most=3)}")
    if muted := details.get("muted", 0):
        notes.append(f"{counted(muted, 'account')} muted: keepwell accounts muted")
    if sweep := details.get("sweep"):
        by = clock_time(datetime.fromisoformat(sweep["by"]))
        notes.append(f"{counted(sweep['accounts'], 'account')} to meet new or changed playbooks by {by}")
    if failed:
        notes.append(f"{failed:,} failed: keepwell deliveries --state failed")
    notes += [_troubled(one) for one in details.get("webhooks", {}).get("troubled", [])]
    notes += [f"{hold['channel']} is held: {hold['reason']}" for hold in details.get("holds", [])]
    return "; ".join(notes)


def _troubled(endpoint: Mapping[str, Any]) -> str:
    """Of an endpoint that is disabled, or has failed for a while."""
    since = f" since {show.clock(endpoint['since'])}" if endpoint["since"] else ""
    waits = f", {endpoint['waiting']:,} wait" if endpoint["waiting"] else ""
    return f"endpoint {endpoint['endpoint']} is {endpoint['state']}{since}: {endpoint['reason']}{waits}"


def _heard(source: Mapping[str, Any], now: datetime) -> str:
    """`Tickets: last heard of 4 minutes ago, for 12 of 60 accounts. Declare it …`."""
    name = str(source["source"]).capitalize()
    since = show.instant(source["declared_since"])
    declared = "" if since is None else f" Declared connected since {date_words(since)}."
    if source["last_heard_at"] is None:
        return f"{name}: never heard of.{declared}"
    accounts = f"{source['accounts']:,} of {counted(source['of'], 'account')}"
    line = f"{name}: last heard of {show.ago(source['last_heard_at'], now)}, for {accounts}.{declared}"
    if (since := show.instant(source.get("interrupted_since"))) is not None:
        line += (
            f" Interrupted since {clock_time(since)}: {counted(source['sent'], 'event')} in an hour in which"
            f" {source['usual']:,} are usual."
        )
    if source["suggest_declaring"]:
        line += f" Declare it in the catalogue (sources: {{{source['source']}: DATE}}), so that silence counts."
    return line


def _waiting(waiting: Any) -> None:
    """What events wait for: aliases of accounts, and users of whom nobody has said where they are."""
    found = waiting if isinstance(waiting, list) else []
    users = [one for one in found if one["alias"].startswith(_USER)]
    aliases = [one for one in found if one not in users]
    _waited_for(f"{counted(len(aliases), 'alias', 'aliases')} waited for; send `account.updated` with it", aliases)
    _waited_for(f"{counted(len(users), 'user')} of no account yet; send a record that names the user and one", users)


def _waited_for(said: str, found: Sequence[Mapping[str, Any]]) -> None:
    if not found:
        return
    typer.echo()
    show.say(f"{said}:")
    rows = ((one["alias"].removeprefix(_USER), str(one["events"])) for one in found)
    show.table(rows, "User" if found[0]["alias"].startswith(_USER) else "Alias", "Events", right=("Events",), empty="")
