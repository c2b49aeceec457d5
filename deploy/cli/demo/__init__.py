"""`keepwell demo`: the main job, told on a sample company, on a fresh stack of its own."""

import os
import secrets
import shutil
import sys
from collections import defaultdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from deploy.cli import show
from deploy.cli.client import ClientSettings, Keepwell, Refused, Unreachable
from deploy.cli.demo.acting import act
from deploy.cli.demo.hearing import System
from deploy.cli.demo.killing import kill_midway
from deploy.cli.demo.outside import Outside
from deploy.cli.demo.playing import Heard, NotHeard, at_rest, play, send_all, until
from deploy.cli.demo.telling import tell, tell_the_day
from deploy.cli.demo.writing import switch_on, tell_letter, until_met
from deploy.cli.down import DEMO, stop
from deploy.cli.send import end_import, open_import
from deploy.cli.up import NotStarted, check_neighbour, start_detached
from deploy.demo import sample
from deploy.demo.stories import LIVE
from deploy.local.system import any_free
from shared.settings import Settings, SettingsError
from shared.words import counted, listed

OWN_FILES: Final = [sample.FILE.with_name(name) for name in ("csms.yaml", "catalogue.yaml")]
"""What the sample company sells, and who works with its customers."""
_MOST_FOUND: Final = 8


def demo(
    kafka: Annotated[bool, typer.Option("--kafka", help="On a real Apache Kafka, started here.")] = False,
) -> None:
    """Load a sample company, let things happen to it, and tell what Keepwell makes of them."""
    out = show.console()
    try:
        settings = ClientSettings.load()
        check_neighbour(settings.home, settings, "Your own Keepwell")
        fresh = of_its_own(settings, f"127.0.0.1:{any_free()}" if kafka else "local")
        outside = _start(out, fresh, start_kafka=kafka)
        with Keepwell(fresh) as keepwell:
            _show(out, keepwell, outside, fresh.home)
    except (SettingsError, NotStarted, Refused, Unreachable, NotHeard) as error:
        show.complain(str(error))
        raise typer.Exit(1) from error
    _how_to_go_on(out, fresh, settings)


def of_its_own(settings: ClientSettings, broker: str) -> ClientSettings:
    """The demo's settings: a home within the home, and a database and services of its own.

    An admin key that is set stays the first key: the commands that come next will ask with it.
    """
    own = {"home": settings.home / DEMO, "broker": broker, "database_url": None, "url": None, "api_key": None}
    return settings.model_copy(update=own)


def _start(out: Console, settings: Settings, *, start_kafka: bool) -> Outside:
    """A fresh stack whose Slack, mail and other system are on this machine; a former demo's is ended first."""
    home = settings.home
    stop(home)
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    for file in OWN_FILES:
        shutil.copy(file, home / file.name)
    outside = Outside()
    outside.start(home)
    outside.lead(os.environ, settings)
    out.print(f"Starting PostgreSQL and the four services, fresh, in {_seen_from_here(home)}")

    def say(line: str) -> None:
        # What starts, and what goes wrong; how to go on is told at the end.
        if line.startswith((" ", "!")):
            out.print(Text(line, style="dim"), soft_wrap=True)

    start_detached(settings, start_kafka=start_kafka, say=say)
    return outside


def _show(out: Console, keepwell: Keepwell, outside: Outside, home: Path) -> None:
    run = f"demo-{secrets.token_hex(4)}"
    system = System.subscribe(keepwell, outside)
    for story in LIVE:
        if story.letter:
            switch_on(keepwell, story.letter)
    now = show.now()
    happened = sample.load(now, run)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0).isoformat()
    _load(out, keepwell, [event for event in happened if event["time"] < today])
    send_all(keepwell, [event for event in happened if event["time"] >= today])
    until(lambda: at_rest(keepwell), "Today was not taken in")
    heard: dict[str, Heard] = {}
    for story in LIVE:
        if story.letter:
            until_met(keepwell, story)
        now = show.now()
        heard[story.name] = play(keepwell, story, now, run)
        tell(out, outside, story, heard[story.name], now)
    *others, last = [story for story in LIVE if story.note]
    for story in others:
        act(out, keepwell, outside, story, heard[story.name])
    broken_at = system.breaks()
    act(out, keepwell, outside, last, heard[last.name])
    first = LIVE[0]
    system.tell(out, first.account, heard[first.name], *system.is_mended(broken_at))
    for story in LIVE:
        if story.letter:
            tell_letter(out, keepwell, outside, story)
    tell_the_day(out, keepwell)
    kill_midway(out, keepwell, home, happened, run)


def _load(out: Console, keepwell: Keepwell, past: list[dict[str, Any]]) -> None:
    """The past, as history, with a progress bar; what it left is found when it ends."""
    import_id = open_import(keepwell, "the sample company's past")
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,} of {task.total:,} events"))
    with Progress(*columns, console=out) as progress:
        task = progress.add_task("120 days of 60 accounts", total=len(past))
        send_all(keepwell, past, import_id, lambda count: progress.advance(task, count))
    end_import(keepwell, import_id)
    ended = f"/v1/imports/{import_id}"
    until(
        lambda: keepwell.get("ingest", ended)["state"] == "ended" and at_rest(keepwell),
        "The past was not taken in",
        patience=60,
    )
    found = list(keepwell.items("playbooks", "/v1/episodes", state="found"))
    out.print(f"Found when the past ended: {counted(len(found), 'matter')} to look at.")
    by_account: defaultdict[str, list[str]] = defaultdict(list)
    for episode in found:
        by_account[episode["account_name"]].append(episode["playbook_title"])
    most = sorted(by_account, key=lambda name: (-len(by_account[name]), name))
    for name in most[:_MOST_FOUND]:
        show.hang(out, Text("  "), show.text(f"{name}: {', '.join(sorted(by_account[name]))}", "yellow"))
    if left := len(most) - _MOST_FOUND:
        out.print(Text(f"  and {counted(left, 'account')} more: keepwell found", style="dim"))


def _how_to_go_on(out: Console, settings: Settings, elsewhere: ClientSettings) -> None:
    keepwell = "keepwell" if shutil.which("keepwell") else _seen_from_here(Path(sys.executable).with_name("keepwell"))
    out.print()
    out.print(Text("It goes on running. Next:", style="bold"))
    given = {"KEEPWELL_URL": elsewhere.url, "KEEPWELL_API_KEY": elsewhere.api_key}
    away = [name for name, value in given.items() if value]
    lines = [
        *([(f"unset {' '.join(away)}", f"{listed(away)} would lead the next commands elsewhere")] if away else []),
        (f"{keepwell} why {LIVE[0].account}", "every measure, and what moved the score"),
        (f"{keepwell} accounts --band red", "also: tasks, alerts, flags, deliveries, status"),
        (f"http://127.0.0.1:{settings.port}/docs", "the API of ingest; the others' are at the next three ports"),
        (_seen_from_here(settings.home / "admin.key"), "the API key"),
        (f"{keepwell} down", "ends it; then make run starts your own, without the sample company"),
        ("KEEPWELL_SLACK_BOT_TOKEN=… make run", "with real Slack; real e-mail: KEEPWELL_SMTP_URL=smtp://…"),
    ]
    width = max(len(what) for what, _ in lines)
    for what, why in lines:
        show.hang(out, Text(f"  {what:{width}}  "), Text(why, style="dim"))


def _seen_from_here(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
