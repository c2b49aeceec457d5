"""The machines of the services as diagrams: `python -m deploy.machines` writes docs/machines.md from their tables."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from services.notifier.core import calls, delivery, lease
from services.playbooks.core import episode, item

PAGE: Final = Path(__file__).parent.parent / "docs" / "machines.md"
_HEAD: Final = """# Machines

What can happen to what, made by `make generated` from the tables that the code runs. What has no arrow can't happen.
"""


class Machine(NamedTuple):
    """One table of the code; the states in which something begins."""

    title: str
    place: str
    moves: Mapping[Any, str]
    begins: tuple[str, ...] = ("open",)
    name: str = "MOVES"


_ITEMS: Final = "services/playbooks/core/item.py"
MACHINES: Final = (
    Machine("An episode", "services/playbooks/core/episode.py", episode.MOVES, ("idle",)),
    *(Machine(f"{kind.capitalize()}s", _ITEMS, moves, name=kind.upper()) for kind, moves in item.MOVES.items()),
    Machine("A delivery", "services/notifier/core/delivery.py", delivery.MOVES, ("waiting",)),
    Machine("A call of an endpoint", "services/notifier/core/calls.py", calls.MOVES, ("waiting", "missed")),
    Machine("A delivery's lease", "services/notifier/core/lease.py", lease.MOVES, ("free",)),
)


def diagram(machine: Machine) -> str:
    """Mermaid's text for one machine; events that lead the same way share an arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (before, event), after in machine.moves.items():
        arrows.setdefault((before, after), []).append(event)
    lines = [f"    [*] --> {state}" for state in machine.begins]
    lines += [f"    {before} --> {after}: {', '.join(events)}" for (before, after), events in arrows.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def page(machines: Iterable[Machine] = MACHINES) -> str:
    """The whole document."""
    parts = (
        f"\n## {one.title}\n\n`{one.name}` in [{one.place}](../{one.place}).\n\n{diagram(one)}\n" for one in machines
    )
    return _HEAD + "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
