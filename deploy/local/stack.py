"""The one-machine stack: PostgreSQL, the migrations and the four services, minded until someone stops them.

`python -m deploy.local` is what `keepwell up` becomes. It takes its settings from the environment, where `keepwell up`
has put them in order, and imports little: it stays for as long as the stack runs.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from deploy.local.child import PATIENCE, Child, Launch, last_words, open_log
from deploy.local.postgres import Postgres, PostgresError
from deploy.local.record import read
from deploy.local.supervisor import Stop, Supervisor, say
from deploy.local.system import answers_ready, end, holder_of, is_free

SERVICES = ("ingest", "scoring", "playbooks", "notifier")
_READY_WITHIN = 90.0
_END_LEFTOVERS = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))


class StackError(Exception):
    """The stack can't be started; the text says why and what to do."""


class Commands(NamedTuple):
    """What is run for each part, with `python` before it; what stands in braces is filled in."""

    migrate: Sequence[str] = ("-m", "deploy.migrations.run")
    service: Sequence[str] = ("-m", "services.{name}.main", "--role", "all")
    kafka: Sequence[str] = ("-m", "deploy.local.kafka", "--home", "{home}/kafka", "--port", "{port}")


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
        with (self._home / "up.lock").open("w") as lock:
            self._hold(lock)
            self._end_leftovers()
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
            self._start_postgres()
        self._migrate()
        if self._environment.get("KEEPWELL_START_KAFKA"):
            self._start_kafka()
        for name in SERVICES:
            self._add(name, [part.format(name=name) for part in self._commands.service])
        for number, name in enumerate(SERVICES):
            self._wait_for(name, self._first_port + number)

    def _start_postgres(self) -> None:
        log = self._log("postgres")
        try:
            postgres = Postgres(self._home)
            with open_log(log) as file:
                server = postgres.start(file, self._minder.pause)
        except PostgresError as error:
            raise StackError(str(error)) from None
        child = Child("postgres", log, postgres.launch, rank=2, stop_signal=signal.SIGINT)
        child.adopt(server.process)
        self._minder.add(child)
        self._environment["KEEPWELL_DATABASE_URL"] = server.url
        self._report("PostgreSQL", f"127.0.0.1:{postgres.port}")

    def _migrate(self) -> None:
        log = self._log("migrations")
        with open_log(log) as file:
            process = self._python(self._commands.migrate)(file)
        # A child of the moment: it is waited for with the others minded, and cut off when someone asks to stop.
        try:
            while process.poll() is None:
                self._minder.pause(0.05)
        except Stop:
            process.terminate()
            process.wait()
            raise
        if process.returncode:
            raise StackError(f"The database can't be brought up to date: {last_words(log)} Log: {log}")
        self._report("migrations", "done")

    def _start_kafka(self) -> None:
        from deploy.local.kafka import answers  # not needed by a stack without it

        port = int(self._broker.rpartition(":")[2])
        if not is_free(port):
            if not answers(port):
                raise StackError(f"Port {port}, which Kafka needs, is taken by {holder_of(port)}. Stop that program.")
            self._report("Kafka", f"{self._broker}, which ran already")
            return
        command = [part.format(home=self._home, port=port) for part in self._commands.kafka]
        self._add("kafka", command, rank=1, patience=25.0)
        deadline = time.monotonic() + _READY_WITHIN
        while not answers(port):
            self._check_progress("kafka", deadline)
        self._report("Kafka", self._broker)

    def _add(self, name: str, command: Sequence[str], rank: int = 0, patience: float = PATIENCE) -> None:
        child = Child(name, self._log(name), self._python(command), rank=rank, patience=patience)
        child.start()
        self._minder.add(child)

    def _wait_for(self, name: str, port: int) -> None:
        deadline = time.monotonic() + _READY_WITHIN
        while not (self._minder.child(name).lives() and answers_ready(port)):
            self._check_progress(name, deadline)
        self._report(name, f"http://127.0.0.1:{port}/docs")

    def _check_progress(self, name: str, deadline: float) -> None:
        self._minder.pause(0.1)
        if name in self._minder.given_up():
            raise StackError(f"{name} doesn't start. Its log: {self._log(name)}")
        if time.monotonic() > deadline:
            log = self._log(name)
            raise StackError(f"{name} is not ready after {_READY_WITHIN:g} s. Last line of {log}: {last_words(log)}")

    def _python(self, command: Sequence[str]) -> Launch:
        def launch(log: IO[bytes]) -> "subprocess.Popen[bytes]":
            # A session of its own: Ctrl-C reaches only the supervisor, which stops all in order.
            return subprocess.Popen(
                [sys.executable, *command],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

        return launch

    def _hold(self, lock: IO[str]) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(f"Another `keepwell up` holds {self._home}. `keepwell down` ends it.") from None

    def _end_leftovers(self) -> None:
        if ended := end_leftovers(self._home):
            say(f"Ended what a killed `keepwell up` had left: {listed(ended)}.")

    def _check_ports(self) -> None:
        for number, name in enumerate(SERVICES):
            port = self._first_port + number
            if not is_free(port):
                raise StackError(
                    f"Port {port}, which {name} needs, is taken by {holder_of(port)}. Stop that program, or set "
                    f"KEEPWELL_PORT to the first of four free ports."
                )

    def _log(self, name: str) -> Path:
        return self._home / "logs" / f"{name}.log"

    def _say_where(self) -> None:
        say(f"Keepwell runs. Events go to http://127.0.0.1:{self._first_port}/v1/events. Its data is in {self._home}.")
        say("Ctrl-C stops it." if sys.stdin.isatty() else "`keepwell down` stops it.")

    def _report(self, what: str, where: str) -> None:
        say(f"  {what:<12}{where:<32}{time.monotonic() - self._began:5.1f} s")


def end_leftovers(home: Path) -> list[str]:
    """End what a killed supervisor left running in a home; the names of what was ended."""
    record = read(home)
    left = record.leftovers() if record else {}
    # The server goes last, as in any stop, and is known by its own lock.
    left.pop("postgres", None)
    end(list(left.values()), _END_LEFTOVERS)
    server = Postgres(home).end_leftover() if (home / "postgres").exists() else None
    return [*left, *(["postgres"] if server else [])]


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them: a, b and c."""
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def main(commands: Commands | None = None) -> int:
    """Run the stack that the environment describes; the exit code."""
    try:
        return Stack(os.environ, commands).run()
    except (StackError, PostgresError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
