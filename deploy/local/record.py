"""`stack.json`: what runs in a home, so that another command, or the next `up`, finds it."""

import json
from pathlib import Path
from typing import NamedTuple

from deploy.local.system import Process

FILE = "stack.json"


class ChildRecord(NamedTuple):
    """One process of the stack: `running`, `waiting` to be started again, `given up`, or `stopped`."""

    process: Process | None
    state: str
    deaths: int = 0


class Record(NamedTuple):
    """The stack of one home. `phase` is `starting`, `running`, `stopping` or `stopped`."""

    supervisor: Process
    phase: str
    port: int
    broker: str
    children: dict[str, ChildRecord]

    def write(self, home: Path) -> None:
        """Replace the file in one step."""
        content = {
            "supervisor": self.supervisor._asdict(),
            "phase": self.phase,
            "port": self.port,
            "broker": self.broker,
            "children": {
                name: {
                    **(child.process._asdict() if child.process else {}),
                    "state": child.state,
                    "deaths": child.deaths,
                }
                for name, child in self.children.items()
            },
        }
        new = home / f"{FILE}.new"
        new.write_text(json.dumps(content, indent=2) + "\n")
        new.replace(home / FILE)

    def leftovers(self) -> dict[str, Process]:
        """The children that live, by name, whatever became of the supervisor."""
        return {name: c.process for name, c in self.children.items() if c.process and c.process.lives()}


def read(home: Path) -> Record | None:
    """What is on record in a home; None where nothing is, or nothing that can be read."""
    try:
        content = json.loads((home / FILE).read_text())
        return Record(
            Process(**content["supervisor"]),
            content["phase"],
            content["port"],
            content["broker"],
            {name: _child(child) for name, child in content["children"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_running(home: Path) -> Record | None:
    """The record of a stack whose supervisor lives."""
    record = read(home)
    return record if record and record.supervisor.lives() else None


def _child(content: dict[str, object]) -> ChildRecord:
    pid, started = content.get("pid"), content.get("started")
    process = Process(pid, started) if isinstance(pid, int) and isinstance(started, str) else None
    deaths = content["deaths"]
    return ChildRecord(process, str(content["state"]), deaths if isinstance(deaths, int) else 0)
