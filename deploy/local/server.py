"""What PostgreSQL and Kafka have in common: a data directory with a lock, a port, and a process that must be ready."""

import math
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any, Self

from deploy.local.child import last_words
from deploy.local.system import Pause, Steps, any_free, end, is_free, running, taken


class ServerError(Exception):
    """The server can't be started; the text says why and what to do."""


class Server:
    """A server of one home: a child of ours, or what a killed run left there, known by the lock of its data.

    `wanted` is its port (0: any that is free).
    """

    name: str
    lock: str
    """The file in the home that holds its pid, and """
    words: str
    """what its command line has."""
    stopping: Steps
    """How it is asked to end: its own signal, then firmer ones."""
    patience = math.inf
    """Seconds until it must answer; for ever, where it recovers as long as it lives."""

    def __init__(self, home: Path, settings: Mapping[str, str], wanted: int = 0) -> None:
        self.home = home.resolve()
        self._process: subprocess.Popen[bytes] | None = None
        self._settings = settings
        self._lock = self.home / self.lock
        self._words = self.words.format(home=self.home)
        self._wanted = wanted
        self._port = self.home / f"{self.name.lower()}.port"

    @property
    def port(self) -> int:
        """The port of the last start; before the first the wanted one."""
        return int(self._port.read_text()) if self._port.exists() else self._wanted

    @property
    def pid(self) -> int | None:
        """The process, while it runs as a child of ours."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The child that was started last."""
        assert self._process is not None
        return self._process

    def start(self, log: IO[bytes] | None = None, pause: Pause = time.sleep) -> Self:
        """Start on this home's data, made when there is none, and wait until it answers. Raises `ServerError`."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.end_leftover(pause)
        self._make()
        with nullcontext(log) if log else (self.home / f"{self.name.lower()}.log").open("ab") as file:
            for attempt in range(3):
                self._choose_port(anew=attempt > 0)
                try:
                    self._process = self.launch(file)
                    if self._becomes_ready(pause):
                        return self
                except BaseException:
                    self.stop()
                    raise
                self.stop()
                # Another program took the port in between, or the last server's children are still letting go.
                pause(1.0)
            raise ServerError(f"{self.name} doesn't start. Its last words: {self._last_words(Path(file.name))}")

    def launch(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        """Start it on the port of the last start, and don't wait."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether it can be used."""
        raise NotImplementedError

    def stop(self) -> None:
        """End it in order; by force where it doesn't listen."""
        end(lambda: self.pid, self.stopping)

    def kill(self) -> None:
        """`kill -9`, as a crash would."""
        end(lambda: self.pid, ((signal.SIGKILL, 10.0),))

    def end_leftover(self, pause: Pause = time.sleep) -> int | None:
        """End a server of this home that an earlier, killed run left behind; its pid, if there was one."""
        return end(lambda: running(self._lock, self._words), self.stopping, pause)

    def _make(self) -> None:
        """Make its data, when there is none."""

    def _write_settings(self, port: int) -> None:
        """Write the file of settings that it reads when it starts."""

    def _choose_port(self, *, anew: bool) -> None:
        port = self._wanted or self.port
        if self._wanted and not is_free(port):
            raise ServerError(f"{taken(port, self.name)} Stop that program.")
        if not self._wanted and (anew or not port or not is_free(port)):
            port = any_free()
        self._port.write_text(f"{port}\n")
        self._write_settings(port)

    def _becomes_ready(self, pause: Pause) -> bool:
        deadline = time.monotonic() + self.patience
        while self.pid is not None and time.monotonic() < deadline:
            if self.answers():
                return True
            pause(0.05)
        return False

    def _last_words(self, log: Path) -> str:
        return last_words(log)

    def _popen(self, command: list[Any], log: "IO[bytes] | int", **options: Any) -> "subprocess.Popen[bytes]":
        # A session of its own: Ctrl-C reaches only who minds it, and ends all in order.
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,
        )
