"""The one-machine stack with fake services: `python -m tests.support.fake_stack`, and what tests do with it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from deploy.cli.up import environment_of
from deploy.local.record import Record, read, read_running
from deploy.local.stack import Commands, main
from shared.settings import Settings
from tests.support.ports import free_ports

T = TypeVar("T")
COMMAND = (sys.executable, "-m", "tests.support.fake_stack")
_MIGRATE = ("-c", "pass") if "FAKE_MIGRATES" not in os.environ else Commands().migrate
_FAKES = Commands(migrate=_MIGRATE, service=("-m", "tests.support.fake_service", "{name}"))


def eventually(look: Callable[[], T | None], within: float = 30.0) -> T:
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError(f"still nothing after {within:g} s: {look}")


class FakeStack:
    """A stack of fakes in a home of its own, started by `up`."""

    def __init__(self, home: Path, **variables: str) -> None:
        self.home = home
        self.said = ""
        self.settings = Settings.load(home=home, port=free_ports(4), broker="local", database_url=None)
        self._variables = variables
        self._process: subprocess.Popen[str] | None = None

    def up(self) -> None:
        """Start it in the foreground."""
        environment = environment_of(self.settings, say=lambda _: None) | self._variables
        self._process = subprocess.Popen(
            COMMAND,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def runs(self) -> Record:
        """Wait until all of it runs."""
        return eventually(lambda: r if (r := read_running(self.home)) and r.phase == "running" else None)

    def pid_of(self, name: str) -> int | None:
        """The pid of a child that is on record."""
        record = read(self.home)
        return record.children[name].pid if record and name in record.children else None

    def pids(self) -> dict[str, int]:
        """The pids of all children on record, by name."""
        record = read(self.home)
        return {name: child.pid for name, child in record.children.items() if child.pid} if record else {}

    def send(self, number: signal.Signals) -> None:
        """Send the supervisor a signal."""
        assert self._process
        self._process.send_signal(number)

    def ends(self) -> int:
        """Wait for the supervisor's end: its exit code. What it said is in `said`."""
        assert self._process
        self.said = self._process.communicate(timeout=60)[0]
        return self._process.returncode

    def clean_up(self) -> None:
        """End all that a failed test may have left."""
        from deploy.cli.down import stop

        stop(self.home)
        if self._process and self._process.returncode is None:
            self.ends()


if __name__ == "__main__":
    sys.exit(main(_FAKES))
