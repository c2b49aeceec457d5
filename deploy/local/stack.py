"""The one-machine stack: PostgreSQL, the migrations and the four services, minded until someone stops them.

It takes its settings from the environment, where `keepwell up` has put them in order, and imports little: it stays for
as long as the stack runs.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

from deploy import SERVICES
from deploy.local.child import PATIENCE, Child, Launch, last_words, open_log
from deploy.local.postgres import Postgres
from deploy.local.record import hold, read
from deploy.local.server import Server, ServerError
from deploy.local.supervisor import Stop, Supervisor, say
from deploy.local.system import answers_ready, is_free, taken
from deploy.secrets import password_file

_READY_WITHIN = 90.0
_ENDS_WITHIN = 15.0
"""Seconds in which a service ends whose supervisor was killed."""


class StackError(Exception):
    """The stack can't be started; the text says why and what to do."""


class Commands(NamedTuple):
    """What is run for each part, with `python` before it; what stands in braces is filled in."""

    migrate: Sequence[str] = ("-m", "deploy.migrations.run")
    service: Sequence[str] = ("-m", "services.{name}.main", "--role", "all")


class Stack:
    """Starts everything in order, minds it, and stops it."""

    def __init__(self, environment: Mapping[str, str], commands: Commands | None = None) -> None:
        self._environment = dict(environment)
        self._commands = commands or Commands()
        self._home = Path(environment["KEEPWELL_HOME"]).resolve()
        self._first_port = int(environment["KEEPWELL_PORT"])
        self._broker = environment["KEEPWELL_BROKER"]
        self._began = time.monotonic()

    def run(self) -> int:
        """Run until a signal asks to stop; the exit code. Raises `StackError` where it can't start."""
        self._home.mkdir(parents=True, exist_ok=True)
        with hold(self._home):
            if ended := end_leftovers(self._home):
                say(f"Ended what a killed `keepwell up` had left: {listed(ended)}.")
            self._check_ports()
            return self._run_alone()

    def _run_alone(self) -> int:
        minder = self._minder = Supervisor(self._home, self._first_port, self._broker)
        try:
            self._start()
            minder.note("running")
            self._say_where()
            minder.pause(None)
        except Stop:
            say("Stopping.")
        finally:
            given_up = minder.given_up()
            killed = minder.stop()
            say(f"Stopped{f'; {listed(killed)} had to be killed' if killed else ''}.")
        return 1 if given_up else 0

    def _start(self) -> None:
        if not self._environment.get("KEEPWELL_DATABASE_URL"):
            postgres = Postgres(self._home)
            self._mind(postgres, "postgres", rank=2)
            self._environment["KEEPWELL_DATABASE_URL"] = postgres.url
            self._report("PostgreSQL", f"127.0.0.1:{postgres.port}")
        self._migrate()
        if self._environment.get("KEEPWELL_START_KAFKA"):
            self._start_kafka()
        for number, name in enumerate(SERVICES):
            port = self._first_port + number
            command = [part.format(name=name) for part in self._commands.service]
            launch = self._python(command, login(name, self._environment) | {"KEEPWELL_MINDED": "1"})
            self._minder.add(child := Child(name, self._log(name), launch, port=port))
            child.forgive()
        for name in SERVICES:
            self._wait_for(self._minder.child(name))
        if len(self._minder.given_up()) >= len(SERVICES):
            raise StackError(f"No service starts. Their logs: {self._log('*')}")

    def _start_kafka(self) -> None:
        from deploy.local.kafka import KafkaBroker, answers  # not needed by a stack without it

        port = int(self._broker.rpartition(":")[2])
        ran = not is_free(port) and answers(port)
        if not ran:
            self._mind(KafkaBroker(self._home / "kafka", port), "kafka", rank=1, patience=25.0)
        self._report("Kafka", f"{self._broker}, which ran already" if ran else self._broker)

    def _mind(self, server: Server, name: str, *, rank: int, patience: float = PATIENCE) -> None:
        log = self._log(name)
        with open_log(log) as file:
            server.start(file, self._minder.pause)
        child = Child(name, log, server.launch, rank=rank, stop_signal=server.stopping[0][0], patience=patience)
        child.adopt(server.process)
        self._minder.add(child)

    def _migrate(self) -> None:
        log = self._log("migrations")
        with open_log(log) as file:
            begin = file.tell()
            process = self._python(self._commands.migrate, {})(file)
        # A child of the moment: it is waited for with the others minded, and cut off when someone asks to stop.
        try:
            while process.poll() is None:
                self._minder.pause(0.05)
        except Stop:
            process.terminate()
            process.wait()
            raise
        if process.returncode:
            words = log.read_bytes()[begin:].decode(errors="replace").strip()[-3000:] if log.exists() else ""
            raise StackError(f"The database can't be brought up to date. {words}\nLog: {log}")
        self._report("migrations", "done")

    def _wait_for(self, child: Child) -> None:
        """Until it is ready, or was given up because only a person can mend it: the others run without it."""
        deadline = time.monotonic() + _READY_WITHIN
        while not (child.lives() and child.port and answers_ready(child.port)):
            self._minder.pause(0.1)
            if child.state == "given up" and child.hopeless:
                return
            if child.state == "given up":
                raise StackError(f"{child.name} doesn't start. Its log: {child.log}")
            if time.monotonic() > deadline:
                words = f"Last line of {child.log}: {last_words(child.log)}"
                raise StackError(f"{child.name} is not ready after {_READY_WITHIN:g} s. {words}")
        self._report(child.name, f"http://127.0.0.1:{child.port}/docs")

    def _python(self, command: Sequence[str], more: Mapping[str, str]) -> Launch:
        def launch(log: IO[bytes]) -> "subprocess.Popen[bytes]":
            # A session of its own: Ctrl-C reaches only the supervisor, which stops all in order.
            return subprocess.Popen(
                [sys.executable, *command],
                env={**self._environment, **more},
                stdin=self._minder.lifeline,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

        return launch

    def _check_ports(self) -> None:
        # Services of a killed supervisor end by themselves, which may take them a moment.
        left = read(self._home)
        patience = _ENDS_WITHIN if left and left.phase != "stopped" else 0.0
        for number, name in enumerate(SERVICES):
            port = self._first_port + number
            if not within(patience, partial(is_free, port)):
                words = "Stop that program, or set KEEPWELL_PORT to the first of four free ports."
                raise StackError(f"{taken(port, name)} {words}")

    def _log(self, name: str) -> Path:
        return self._home / "logs" / f"{name}.log"

    def _say_where(self) -> None:
        without = listed(list(self._minder.given_up()))
        runs = f"Keepwell runs without {without}: mend that, then `keepwell up`." if without else "Keepwell runs."
        say(f"{runs} Events go to http://127.0.0.1:{self._first_port}/v1/events. Its data is in {self._home}.")
        say("Ctrl-C stops it." if sys.stdin.isatty() else "`keepwell down` stops it.")

    def _report(self, what: str, where: str) -> None:
        say(f"  {what:<12}{where:<32}{time.monotonic() - self._began:5.1f} s")


def login(service: str, environment: Mapping[str, str]) -> dict[str, str]:
    """What a service's own process has instead of the owner's login: its own."""
    home, owner = Path(environment["KEEPWELL_HOME"]), environment["KEEPWELL_DATABASE_URL"]
    return {
        "KEEPWELL_DATABASE_URL": f"postgresql://keepwell_{service}@{owner.partition('://')[2].rpartition('@')[2]}",
        "KEEPWELL_DATABASE_PASSWORD_FILE": str(password_file(home, service)),
    }


def end_leftovers(home: Path) -> list[str]:
    """End the servers that a killed supervisor left running in a home, by their locks; their names."""
    ended = []
    if (home / "kafka").exists():
        from deploy.local.kafka import KafkaBroker

        ended += ["kafka"] if KafkaBroker(home / "kafka").end_leftover() else []
    if (home / "postgres").exists():
        ended += ["postgres"] if Postgres(home).end_leftover() else []
    return ended


def within(seconds: float, look: Callable[[], bool]) -> bool:
    """Whether something holds, now or within so many seconds."""
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them: a, b and c."""
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def main(commands: Commands | None = None) -> int:
    """Run the stack that the environment describes; the exit code."""
    try:
        return Stack(os.environ, commands).run()
    except (StackError, ServerError) as error:
        sys.stderr.write(f"{error}\n")
    except OSError as error:
        sys.stderr.write(f"The stack can't be started: {error}\n")
    return 1
