"""Minds the children: starts again what dies or hangs, and stops all in order. It sleeps until a signal or a date."""

import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from deploy.local.child import Child
from deploy.local.policy import LOOK_EVERY
from deploy.local.record import FILE, Record

ORDERS = "up.orders"
"""A pipe in the home: a line `start NAME` or `stop NAME` is done."""
_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_LITTLE_ROOM = 4_000_000


class Stop(BaseException):
    """Someone asked the stack to stop. Raised only by `pause`, so that nothing is cut off half done."""


def say(text: str) -> None:
    """Tell the one who watches; if nobody does, or nothing can be written, never mind."""
    with suppress(OSError, ValueError):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def order(home: Path, line: str) -> None:
    """Give the supervisor of a home an order. Raises `OSError` where there is none."""
    pipe = os.open(home / ORDERS, os.O_WRONLY | os.O_NONBLOCK)
    try:
        os.write(pipe, f"{line}\n".encode())
    finally:
        os.close(pipe)


class Supervisor:
    """The children of one home.

    Nothing that it notes, on the record or to whoever watches, may end it: it has to outlive a full disk, on which its
    children die. What can't be written is written when that can be done again.
    """

    def __init__(self, home: Path, port: int, broker: str) -> None:
        self._home = home
        self._record = Record(os.getpid(), "starting", port, broker, {})
        self._written: Record | None = None
        self._children: list[Child] = []
        self._asked: float | None = None
        self._hurry = False
        self._look_at = time.monotonic() + LOOK_EVERY
        (home / ORDERS).unlink(missing_ok=True)
        os.mkfifo(home / ORDERS, mode=0o600)
        # Opened for writing too, or it would be at its end, and wake us for ever, whenever nobody writes.
        self._orders = os.open(home / ORDERS, os.O_RDWR | os.O_NONBLOCK)
        self.lifeline, self._mine = os.pipe()
        """What children read from: it ends when this process does, however that comes."""
        self._ear, mouth = socket.socketpair()
        self._mouth = mouth
        self._ear.setblocking(False)
        mouth.setblocking(False)
        signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in _STOPPING:
            signal.signal(number, self._ask)
        self.note("starting")

    def _ask(self, *_: object) -> None:
        # Some senders signal a process and its group, so only what comes later counts as a second wish.
        self._hurry = self._asked is not None and time.monotonic() - self._asked > 1.0
        self._asked = self._asked or time.monotonic()

    def add(self, child: Child) -> None:
        """Mind a child from now on."""
        self._children.append(child)
        self._write()

    def note(self, phase: str) -> None:
        """Put the stack's phase on record."""
        self._record = self._record._replace(phase=phase)
        self._write()

    def child(self, name: str) -> Child:
        """The child of this name."""
        return next(child for child in self._children if child.name == name)

    def pause(self, seconds: float | None) -> None:
        """Mind the children for a while, or (None) for good. Raises `Stop` as soon as someone asks for it."""
        end = None if seconds is None else time.monotonic() + seconds
        while True:
            if self._asked is not None:
                raise Stop
            self._tend()
            dates = [self._look_at, *(date for child in self._children for date in child.dates)]
            self._sleep_until(min([*dates, end] if end is not None else dates))
            self._obey()
            if end is not None and time.monotonic() >= end:
                return

    def stop(self) -> list[str]:
        """Stop all children, services before what they need; the names of those that had to be killed."""
        self.note("stopping")
        killed = []
        for rank in sorted({child.rank for child in self._children}):
            peers = [child for child in self._children if child.rank == rank]
            for child in peers:
                if child.state != "given up":
                    child.halt(time.monotonic())
            deadline = time.monotonic() + max(child.patience for child in peers)
            # Whoever asks a second time doesn't want to wait.
            while any(child.lives() for child in peers) and time.monotonic() < deadline and not self._hurry:
                self._sleep_until(min(deadline, time.monotonic() + 1.0))
            for child in peers:
                if child.lives():
                    killed.append(child.name)
                    child.kill()
            self._write()
        self.note("stopped")
        return killed

    def given_up(self) -> dict[str, str]:
        """What isn't started again, by name, with its last words."""
        self._write()
        return self._record.given_up()

    def _tend(self) -> None:
        now = time.monotonic()
        told = [child.tend(now, self._has_room) for child in self._children]
        if self._look_at <= now:
            told += [child.look(now) for child in self._children]
            self._look_at = now + LOOK_EVERY
            if not (self._home / FILE).exists():
                self._written = None
        for words in filter(None, told):
            say(words)
        self._write()

    def _obey(self) -> None:
        with suppress(BlockingIOError):
            for line in os.read(self._orders, 4096).decode(errors="replace").splitlines():
                what, _, name = line.partition(" ")
                for child in self._children:
                    if child.name == name and what == "start":
                        child.forgive()
                    elif child.name == name and what == "stop":
                        child.halt(time.monotonic())

    def _has_room(self) -> bool:
        """Whether a process that writes to this home's disk can live."""
        with suppress(OSError):
            disk = os.statvfs(self._home)
            return disk.f_bavail * disk.f_frsize > _LITTLE_ROOM
        return False

    def _sleep_until(self, date: float) -> None:
        select.select([self._ear.fileno(), self._orders], [], [], max(0.0, date - time.monotonic()))
        with suppress(BlockingIOError):
            self._ear.recv(4096)

    def _write(self) -> None:
        self._record = self._record._replace(children={child.name: child.record() for child in self._children})
        if self._record != self._written:
            with suppress(OSError):
                self._record.write(self._home)
                self._written = self._record
