"""Minds the children: starts again what dies, and stops all of it in order. It sleeps until a signal or a date."""

import select
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from deploy.local.child import Child
from deploy.local.record import Record
from deploy.local.system import this_process

_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stop(BaseException):
    """Someone asked the stack to stop. Raised only by `pause`, so that nothing is cut off half done."""


def say(text: str) -> None:
    """Tell the one who watches; if nobody does, never mind."""
    with suppress(OSError, ValueError):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


class Supervisor:
    """The children of one home."""

    def __init__(self, home: Path, port: int, broker: str) -> None:
        self._home = home
        self._record = Record(this_process(), "starting", port, broker, {})
        self._children: list[Child] = []
        self._asked: float | None = None
        self._hurry = False
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
            dates = [date for date in (end, *(child.due for child in self._children)) if date is not None]
            self._sleep_until(min(dates) if dates else None)
            if end is not None and time.monotonic() >= end:
                return

    def stop(self) -> list[str]:
        """Stop all children, services before what they need; the names of those that had to be killed."""
        self.note("stopping")
        killed = []
        for rank in sorted({child.rank for child in self._children}):
            peers = [child for child in self._children if child.rank == rank]
            for child in peers:
                child.ask_to_stop()
            deadline = time.monotonic() + max(child.patience for child in peers)
            # Whoever asks a second time doesn't want to wait.
            while any(child.lives() for child in peers) and time.monotonic() < deadline and not self._hurry:
                self._sleep_until(min(deadline, time.monotonic() + 1.0))
            for child in peers:
                if child.lives():
                    killed.append(child.name)
                    child.kill()
                child.died()
                child.state = "stopped" if child.state != "given up" else child.state
            self._write()
        self.note("stopped")
        return killed

    def given_up(self) -> list[str]:
        """The names of the children that died too often."""
        return [child.name for child in self._children if child.state == "given up"]

    def _tend(self) -> None:
        now = time.monotonic()
        changed = False
        for child in self._children:
            if (how := child.died()) is not None:
                delay = child.schedule(now)
                if delay is not None:
                    what = f"started again in {delay:g} s"
                else:
                    what = "not started again" if child.hopeless else "given up after five deaths in a minute"
                say(f"! {child.name} ended ({how}); {what}. Log: {child.log}")
                changed = True
            if child.due is not None and child.due <= now:
                child.start()
                changed = True
        if changed:
            self._write()

    def _sleep_until(self, date: float | None) -> None:
        select.select([self._ear], [], [], None if date is None else max(0.0, date - time.monotonic()))
        with suppress(BlockingIOError):
            self._ear.recv(4096)

    def _write(self) -> None:
        children = {child.name: child.record() for child in self._children}
        self._record = self._record._replace(children=children)
        self._record.write(self._home)
