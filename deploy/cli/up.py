"""`keepwell up`: starts everything on this machine."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.down import DEMO
from deploy.local.child import open_log
from deploy.local.record import Record, read_running
from shared.settings import PREFIX, Settings, SettingsError

ADMIN_KEY_FILE = "admin.key"
_KAFKA = "127.0.0.1:9092"
_COMMAND = (sys.executable, "-m", "deploy.local")


class NotStarted(Exception):
    """The stack did not come up; the text is the reason. `was_said`: it has been shown already."""

    def __init__(self, reason: str, *, was_said: bool = True) -> None:
        super().__init__(reason)
        self.was_said = was_said


def check_neighbour(home: Path, settings: Settings, name: str) -> None:
    """A stack of ours in another home has the ports: say so before anything is started. Raises `NotStarted`."""
    running = read_running(home)
    if running is not None and running.port == settings.port:
        words = f"{name} runs at port {running.port}. End it with `keepwell down`, or set KEEPWELL_PORT to another."
        raise NotStarted(words, was_said=False)


def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Leave it running; `keepwell down` ends it.")] = False,
    kafka: Annotated[bool, typer.Option("--kafka", help="Use a real Apache Kafka, started here.")] = False,
) -> None:
    """Start PostgreSQL and the four services on this machine."""
    try:
        settings = Settings.load(**({"broker": _KAFKA} if kafka else {}))
        if running := read_running(settings.home):
            typer.echo(_already(running, settings))
            raise typer.Exit(0 if _is_the_same(running, settings) else 1)
        check_neighbour(settings.home / DEMO, settings, "The demo")
        if detach:
            start_detached(settings, start_kafka=kafka)
            return
        environment = environment_of(settings, start_kafka=kafka)
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except NotStarted as error:
        if not error.was_said:
            typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    # This process becomes the supervisor, which imports a fraction of what a command does.
    sys.stdout.flush()
    os.execve(_COMMAND[0], _COMMAND, environment)  # noqa: S606


def start_detached(
    settings: Settings,
    *,
    start_kafka: bool = False,
    say: Callable[[str], None] = typer.echo,
    command: Sequence[str] = _COMMAND,
) -> None:
    """Start the stack, and return when it is ready. Raises `NotStarted`."""
    environment = environment_of(settings, start_kafka=start_kafka, say=say)
    log = settings.home / "logs" / "up.log"
    with open_log(log) as file:
        begin = file.tell()
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
        )
    last = f"It ended at once. Log: {log}"
    with log.open(encoding="utf-8", errors="replace") as progress:
        progress.seek(begin)
        while True:
            ended = process.poll() is not None
            running = read_running(settings.home)
            for line in progress.read().splitlines():
                last = line
                say(line)
            if ended:
                raise NotStarted(last)
            if running and running.phase == "running" and running.supervisor.pid == process.pid:
                # It is meant to outlive us; without this, Python would warn that we leave it.
                process.returncode = 0
                return
            time.sleep(0.1)


def environment_of(
    settings: Settings, *, start_kafka: bool = False, say: Callable[[str], None] = typer.echo
) -> dict[str, str]:
    """The variables of the supervisor and, through it, of all services; makes the home and the admin key."""
    home = settings.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    key_file = _keep_admin_key(home, settings, say)
    replaced = {f"{PREFIX}{name}" for name in ("ADMIN_KEY", "DATABASE_URL", "DATABASE_URL_FILE", "START_KAFKA")}
    environment = {name: value for name, value in os.environ.items() if name not in replaced}
    if settings.database_url:
        environment[f"{PREFIX}DATABASE_URL"] = settings.database_url.get_secret_value()
    if start_kafka:
        environment[f"{PREFIX}START_KAFKA"] = "1"
    return environment | {
        f"{PREFIX}HOME": str(home),
        f"{PREFIX}PORT": str(settings.port),
        f"{PREFIX}BROKER": settings.broker,
        f"{PREFIX}PARTITIONS": str(settings.partitions),
        f"{PREFIX}ADMIN_KEY_FILE": str(key_file),
    }


def _keep_admin_key(home: Path, settings: Settings, say: Callable[[str], None]) -> Path:
    """The file of the first API key: the one that is set, or the one that was made before, or a new one, shown once."""
    file = home / ADMIN_KEY_FILE
    given = settings.admin_key.get_secret_value() if settings.admin_key else ""
    if given or not file.exists():
        key = given or f"kw_{secrets.token_urlsafe(32)}"
        new = file.with_suffix(".new")
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)
        new.write_text(f"{key}\n")
        new.replace(file)
        if not given:
            say(f"Admin key, shown once and kept in {file}: {key}")
    return file


def _is_the_same(running: Record, settings: Settings) -> bool:
    return (running.port, running.broker) == (settings.port, settings.broker)


def _already(running: Record, settings: Settings) -> str:
    where = f"http://127.0.0.1:{running.port}, broker {running.broker}, pid {running.supervisor.pid}"
    asked = "" if _is_the_same(running, settings) else ", with other settings than asked for"
    return f"Keepwell already runs in {settings.home} ({where}){asked}. `keepwell down` ends it."
