"""`keepwell down`: ends what `up` started."""

import signal
from pathlib import Path

import typer

from deploy.local.record import read, read_running, supervisor_of
from deploy.local.stack import end_leftovers, listed
from deploy.local.system import end
from shared.settings import Settings, SettingsError

DEMO = "demo"
"""Where in the home the demo has its own."""

# The supervisor itself gives the services 10 s, the broker 25 s and the database 10 s.
_STEPS = ((signal.SIGTERM, 50.0), (signal.SIGKILL, 2.0))


def down() -> None:
    """End the stack on this machine, and a demo's, cleanly."""
    try:
        home = Settings.load().home
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    stopped = [name for place in (home, home / DEMO) for name in stop(place)]
    typer.echo(f"Stopped {listed(stopped)}." if stopped else f"Nothing runs in {home}.")


def stop(home: Path) -> list[str]:
    """End the stack of a home, or what a killed one left; the names of what was running."""
    record = read(home)
    left = [name for name, child in record.children.items() if child.pid] if record else []
    names = left if end(lambda: supervisor_of(home), _STEPS) else []
    return [*names, *(name for name in end_leftovers(home) if name not in names)]


def home_of(settings: Settings) -> Path:
    """The home of the stack at our port: the demo has one within the home."""
    for home in (settings.home, settings.home / DEMO):
        running = read_running(home)
        if running is not None and running.port == settings.port:
            return home
    return settings.home
