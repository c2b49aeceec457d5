"""`keepwell up`: starts everything on this machine."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.down import DEMO
from deploy.local.child import open_log
from deploy.local.record import ChildRecord, Record, read, read_running
from deploy.local.supervisor import order
from deploy.local.system import answers_ready
from deploy.secrets import LINK_KEYS, keep, keep_admin_key
from shared.settings import PREFIX, SERVICES, Settings, SettingsError

ADMIN_KEY_FILE = "admin.key"
_KAFKA = "127.0.0.1:9092"
_READY_WITHIN = 90.0
_REPLACED = ("ADMIN_KEY", "LINK_KEYS", "DATABASE_URL", "DATABASE_PASSWORD", "START_KAFKA")
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
            good = _is_the_same(running, settings) and _mend(settings.home, running)
            raise typer.Exit(0 if good else 1)
        check_neighbour(settings.home / DEMO, settings, "The demo")
        if detach:
            raise typer.Exit(1 if start_detached(settings, start_kafka=kafka).given_up() else 0)
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
) -> Record:
    """Start the stack, and return when it is ready, what there is of it. Raises `NotStarted`."""
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
            if running and running.phase == "running" and running.pid == process.pid:
                # It is meant to outlive us; without this, Python would warn that we leave it.
                process.returncode = 0
                return running
            time.sleep(0.1)


def start_again(home: Path, port: int, name: str) -> bool:
    """Have the supervisor start what it gave up, or stopped when it was told to; whether that is ready within 90 s."""
    before = _child(home, name)
    order(home, f"start {name}")
    deadline = time.monotonic() + _READY_WITHIN
    while time.monotonic() < deadline:
        child = _child(home, name)
        if child.starts > before.starts and child.state == "given up":
            return False
        ready = name not in SERVICES or answers_ready(port + SERVICES.index(name))
        if child.starts > before.starts and child.state == "running" and ready:
            return True
        time.sleep(0.05)
    return False


def _child(home: Path, name: str) -> ChildRecord:
    record = read(home)
    return record.children[name] if record else ChildRecord(None, "stopped")


def _mend(home: Path, running: Record) -> bool:
    """Start what was given up, and say what it was; whether all of it runs now."""
    good = True
    for name, why in running.given_up().items():
        typer.echo(f"{name} was given up ({why}). It is started again.")
        started = start_again(home, running.port, name)
        typer.echo(f"{name} runs." if started else f"{name} still doesn't run: {_child(home, name).why}")
        good = good and started
    return good


def environment_of(
    settings: Settings, *, start_kafka: bool = False, say: Callable[[str], None] = typer.echo
) -> dict[str, str]:
    """The variables of the supervisor and, through it, of all services; makes the home and its keys."""
    home = settings.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    key_file = home / ADMIN_KEY_FILE
    given, there = settings.admin_key, key_file.exists()
    key = keep_admin_key(key_file, given.get_secret_value() if given else None)
    if not given and not there:
        say(f"Admin key, shown once and kept in {key_file}: {key}")
    keep(home / LINK_KEYS, settings.link_keys.get_secret_value() if settings.link_keys else None)
    replaced = {f"{PREFIX}{name}" for name in _REPLACED} | {f"{PREFIX}{name}_FILE" for name in _REPLACED}
    environment = {name: value for name, value in os.environ.items() if name not in replaced}
    if url := settings.database():
        environment[f"{PREFIX}DATABASE_URL"] = url
    if start_kafka:
        environment[f"{PREFIX}START_KAFKA"] = "1"
    return environment | {
        f"{PREFIX}HOME": str(home),
        f"{PREFIX}PORT": str(settings.port),
        f"{PREFIX}BROKER": settings.broker,
        f"{PREFIX}PARTITIONS": str(settings.partitions),
        f"{PREFIX}ADMIN_KEY_FILE": str(key_file),
        f"{PREFIX}LINK_KEYS_FILE": str(home / LINK_KEYS),
    }


def _is_the_same(running: Record, settings: Settings) -> bool:
    return (running.port, running.broker) == (settings.port, settings.broker)


def _already(running: Record, settings: Settings) -> str:
    where = f"http://127.0.0.1:{running.port}, broker {running.broker}, pid {running.pid}"
    asked = "" if _is_the_same(running, settings) else ", with other settings than asked for"
    return f"Keepwell already runs in {settings.home} ({where}){asked}. `keepwell down` ends it."
