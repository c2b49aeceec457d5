"""What a draft of a mapping would change: records that came lately, read by the mappings in force and by the draft."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

import msgspec

from services.ingest.core.sent import Record

EXAMPLES: Final = 10
_SHOWN: Final = 2_000
_MOST_NAMES: Final = 100
"""Things that records come to which are listed by name; the rarest are counted together."""
OTHERS: Final = "others"


class Example(msgspec.Struct, frozen=True):
    """A record that would be understood otherwise."""

    at: datetime
    source: str
    name: str
    sent: str
    """As it was sent, the first of it."""
    before: list[str]
    after: list[str]


class Both(msgspec.Struct, frozen=True):
    """How many records come to something, before and after."""

    what: str
    before: int
    after: int


class Previewed(msgspec.Struct, frozen=True):
    """What would change, over so many records."""

    records: int
    cut: int
    """Records that were too large to be kept whole: nobody looked at them."""
    differ: int
    """Records that would come to something else."""
    becomes: list[Both]
    """What they come to; those first of which most would change."""
    examples: list[Example]


class Tally:
    """Counts what records come to, and keeps examples of what changes: of each change one, while there is room."""

    def __init__(self) -> None:
        self.records = self.cut = self._differ = 0
        self._before, self._after = Counter[str](), Counter[str]()
        self._examples: list[Example] = []
        self._shown = set[tuple[tuple[str, ...], tuple[str, ...]]]()

    def add(
        self, sent: bytes, at: datetime, source: str, name: str, before: Sequence[Record], after: Sequence[Record]
    ) -> None:
        """One record, as it is read by either."""
        self.records += 1
        now, then = _came(before), _came(after)
        self._before.update({kind for kind, _ in now})
        self._after.update({kind for kind, _ in then})
        if now == then:
            return
        self._differ += 1
        change = tuple(kind for kind, _ in now), tuple(kind for kind, _ in then)
        if len(self._examples) < EXAMPLES and change not in self._shown:
            self._shown.add(change)
            shown = sent[:_SHOWN].decode("utf-8", "replace")
            words = ([line for _, line in one] for one in (now, then))
            self._examples.append(Example(at, source, name, shown, *words))

    @property
    def result(self) -> Previewed:
        """What was found."""
        names = sorted(
            self._before.keys() | self._after.keys(),
            key=lambda name: (-abs(self._after[name] - self._before[name]), -self._after[name], name),
        )
        becomes = [Both(name, self._before[name], self._after[name]) for name in names[:_MOST_NAMES]]
        if rest := names[_MOST_NAMES:]:
            becomes.append(Both(OTHERS, *(sum(of[name] for name in rest) for of in (self._before, self._after))))
        return Previewed(self.records, self.cut, self._differ, becomes, self._examples)


def _came(records: Sequence[Record]) -> list[tuple[str, str]]:
    """What a record comes to: each by what it is counted, and in words."""
    return [line for one in records for line in _lines(one)] or [("nothing", "nothing")]


def _lines(record: Record) -> Iterator[tuple[str, str]]:
    if record.refused is not None:
        yield "refused", f"refused: {record.refused[1]}"
    elif not record.said:
        yield record.why or "nothing", record.why or "nothing"
    for said in record.said:
        whose = said.account or (f"the account of user {said.user}" if said.user else "no account")
        feature = said.data.get("feature")
        kind = f"{said.type} {feature}" if isinstance(feature, str) else said.type
        data = msgspec.json.encode(said.data).decode()
        yield kind if said.account or said.user else f"{kind}, of no account", f"{said.type} of {whose}: {data}"
