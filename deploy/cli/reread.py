"""`keepwell reread`: has a service read the log from its beginning again, on this machine."""

import subprocess
import sys
import time
from typing import Annotated

import typer

from deploy.cli.down import home_of
from deploy.cli.up import environment_of, start_again
from deploy.local.postgres import Postgres
from deploy.local.record import hold, read, read_running
from deploy.local.server import ServerError
from deploy.local.stack import login
from deploy.local.supervisor import order
from shared.settings import PREFIX, SERVICES, Settings, SettingsError

READERS = SERVICES[1:]
_ENDS_WITHIN = 20.0


def reread(service: Annotated[str, typer.Argument(help=f"One of {', '.join(READERS)}.")]) -> None:
    """Have a service read the log again; what it counted or sent before is recognised, and not done twice."""
    try:
        settings = Settings.load()
        if service not in READERS:
            raise SettingsError(f"No service {service!r} reads the log; {', '.join(READERS)} do.")
        _reread(settings.model_copy(update={"home": home_of(settings)}), service)
    except (SettingsError, ServerError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def _reread(settings: Settings, service: str) -> None:
    home = settings.home
    if not (home / "postgres").exists() and settings.database_url is None:
        words = (
            f"There is no database in {home}: set KEEPWELL_DATABASE_URL to yours, or there is nothing to read again."
        )
        raise ServerError(words)
    if not read_running(home):
        _while_it_is_down(settings, service)
        return
    order(home, f"stop {service}")
    deadline = time.monotonic() + _ENDS_WITHIN
    while (record := read(home)) and record.children[service].pid and time.monotonic() < deadline:
        time.sleep(0.05)
    try:
        _forget(settings, service)
    finally:
        runs = start_again(home, settings.port, service)
    if not runs:
        raise ServerError(f"{service} doesn't start. Its log: {home}/logs/{service}.log")
    typer.echo(f"{service} reads the log again.")


def _while_it_is_down(settings: Settings, service: str) -> None:
    with hold(settings.home):
        server = None if settings.database_url else Postgres(settings.home).start()
        try:
            _forget(settings, service)
        finally:
            if server:
                server.stop()
    typer.echo(f"{service} will read the log again when it is started.")


def _forget(settings: Settings, service: str) -> None:
    """Forget how far the service has read, by its own command and as itself."""
    environment = environment_of(settings)
    if settings.database_url is None:
        environment[f"{PREFIX}DATABASE_URL"] = Postgres(settings.home).url
    command = [sys.executable, "-m", f"services.{service}.main", "--reread"]
    done = subprocess.run(
        command,
        env=environment | login(service, environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ServerError(f"{service} can't forget how far it has read: {done.stderr.strip()[-1000:]}")
