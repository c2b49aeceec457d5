"""The stories that happen live to the sample company, as `stories.toml` has them."""

import tomllib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from deploy.demo.sample import real

_FILE: Final = tomllib.loads(Path(__file__).with_name("stories.toml").read_text(encoding="utf-8"))
NAMED: Final = frozenset(_FILE["named"])
"""Whom any story names, of the past ones, too."""


@dataclass(frozen=True, slots=True)
class Story:
    """Something that happens live: what is told of it, the playbook that hears of it, and its events."""

    name: str
    account: str
    playbook: str
    tell: str
    beats: list[dict[str, Any]] = field(default_factory=list)
    passes: bool = False
    """Its last event ends what the ones before began: that is heard of first."""
    note: str = ""
    """What its reader says, once it is done: they act on it from where they read of it."""
    letter: str = ""
    """The playbook by which somebody at the customer is written to: it ships switched off, and is put for the demo."""
    start: bool = False
    """Nothing happens: what the past left is started from the list of what was found."""

    def events(self, now: datetime, run: str) -> list[dict[str, Any]]:
        """What happens, as it is sent: in order, with real times and ids of this run."""
        beats = [{"account": self.account, **beat} for beat in self.beats]
        return real(beats, now, f"{run}-{self.account}")


LIVE: Final = tuple(Story(**story) for story in _FILE["live"])
"""In the order in which they are told."""
