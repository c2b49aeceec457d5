"""Where a process's time goes, by py-spy in an environment of its own: a flame graph, and functions' shares."""

import html
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.peers.environment import python_of

_LOCK: Final = Path(__file__).parent / "peers" / "flames.lock"
_A_SECOND: Final = 200
_SHOWN: Final = 60
_WIDTH: Final = 1600
_ROW: Final = 17
_NARROWEST: Final = 0.5
_COLOURS: Final = ("#f4a259", "#f6bd60", "#f2c57c", "#e9a178")

Stacks = Mapping[tuple[str, ...], int]
"""How often each stack was seen, the outermost call first."""


@contextmanager
def lit(pid: int, into: Path, name: str) -> Iterator[None]:
    """Watch a process meanwhile. At the end there are `NAME.svg`, the graph, `NAME.txt`, shares, and `NAME.raw`."""
    into.mkdir(parents=True, exist_ok=True)
    spy, raw = python_of(_LOCK).with_name("py-spy"), into / f"{name}.raw"
    command: list[str | Path] = [spy, "record", "--pid", str(pid), "--format", "raw", "--output", raw]
    command += ["--rate", str(_A_SECOND)]
    with (into / f"{name}.log").open("wb") as log:
        watching = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield
        finally:
            watching.send_signal(signal.SIGINT)
            watching.wait(60)
    stacks = read(raw.read_text())
    (into / f"{name}.svg").write_text(drawn(stacks))
    (into / f"{name}.txt").write_text(shares(stacks))


def read(raw: str) -> Stacks:
    """py-spy's lines: calls with semicolons between, and a number."""
    found = Counter[tuple[str, ...]]()
    for line in raw.splitlines():
        calls, _, times = line.rpartition(" ")
        # A function is one, whichever of its lines was at work.
        found[tuple(call.rpartition(":")[0] + ")" if ":" in call else call for call in calls.split(";"))] += int(times)
    return found


def shares(stacks: Stacks) -> str:
    """The functions that took most, with what they called and by themselves, in hundredths of all."""
    whole, within, own = sum(stacks.values()), Counter[str](), Counter[str]()
    for calls, times in stacks.items():
        own[calls[-1]] += times
        for call in set(calls):
            within[call] += times
    rows = [f"{100 * n / whole:5.1f} % {100 * own[call] / whole:5.1f} %  {call}" for call, n in within.most_common()]
    mine = [f"{100 * n / whole:5.1f} %  {call}" for call, n in own.most_common(_SHOWN)]
    head = f"{whole:,} samples, {_A_SECOND} a second\n\nwith what it calls, by itself\n"
    return head + "\n".join(rows[:_SHOWN]) + "\n\nby itself\n" + "\n".join(mine) + "\n"


@dataclass
class _Call:
    times: int = 0
    calls: "dict[str, _Call]" = field(default_factory=dict)


def drawn(stacks: Stacks) -> str:
    """The graph, outermost calls on top; whoever points at a call reads its name and share."""
    root, rows = _Call(), list[str]()
    for calls, times in stacks.items():
        at = root
        at.times += times
        for call in calls:
            at = at.calls.setdefault(call, _Call())
            at.times += times
    deepest = _draw(root, "all", 0.0, 0, _WIDTH / max(1, root.times), max(1, root.times), rows)
    size = f'width="{_WIDTH}" height="{(deepest + 1) * _ROW}"'
    style = "<style>text{font:11px monospace}rect{stroke:white}</style>"
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{style}{"".join(rows)}</svg>\n'


def _draw(call: _Call, name: str, x: float, depth: int, wide: float, whole: int, rows: list[str]) -> int:
    width = call.times * wide
    if width < _NARROWEST:
        return depth
    y, said = depth * _ROW, html.escape(name)
    short = html.escape(name[: int(width / 7)])
    rows.append(
        f"<g><title>{said}: {call.times} of {whole}, {100 * call.times / whole:.1f} %</title>"
        f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_ROW}" fill="{_COLOURS[depth % len(_COLOURS)]}"/>'
        f'<text x="{x + 2:.1f}" y="{y + 12}">{short}</text></g>'
    )
    deepest = depth
    for inner, found in sorted(call.calls.items()):
        deepest = max(deepest, _draw(found, inner, x, depth + 1, wide, whole, rows))
        x += found.times * wide
    return deepest
