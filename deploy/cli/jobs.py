"""Waits for a job that a service computes, and says meanwhile how far it is."""

import sys
import time
from collections.abc import Callable
from typing import Any, Final

import typer

from deploy.cli import show
from deploy.cli.client import Keepwell

_EVERY: Final = 0.3
_ENDED: Final = ("done", "failed")
Item = dict[str, Any]


def finished(
    keepwell: Keepwell, service: str, id: str, early: Callable[[Item], str] | None = None, of: str = "accounts"
) -> Item:
    """Wait until it has ended. `early` says in words what is told of the first result that comes before the end, `of`
    what is looked at.

    What failed is said, and ends the command with 1.
    """
    line = _Line()
    while True:
        job: Item = keepwell.get(service, f"/v1/jobs/{id}")
        if job["state"] in _ENDED:
            line.end()
            break
        result, progress = job["result"], job["progress"]
        if early is not None and result is not None and not line.has_told:
            line.tell(early(result))
        line.show("It begins …" if progress["total"] is None else f"{progress['done']:,} of {progress['total']:,} {of}")
        time.sleep(_EVERY)
    if job["state"] == "failed":
        show.complain(job["failure"])
        raise typer.Exit(1)
    return job


class _Line:
    """How far it is, on one line of a terminal."""

    def __init__(self) -> None:
        self.has_told = False
        self._is_terminal = sys.stderr.isatty()

    def show(self, words: str) -> None:
        """In place of what stood there."""
        if self._is_terminal:
            typer.echo(f"\r{words:<40}", nl=False, err=True)

    def tell(self, words: str) -> None:
        """Above it."""
        self.has_told = True
        self.end()
        typer.echo(words, err=True)

    def end(self) -> None:
        """Take it away."""
        self.show("")
        if self._is_terminal:
            typer.echo("\r", nl=False, err=True)
