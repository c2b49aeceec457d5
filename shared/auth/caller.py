"""Who holds an API key, and what they may do with it."""

from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from sqlalchemy import Row

Scope = Literal["ingest", "read", "operate", "admin"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who holds the key. `source` is the default source of their events; `csm` the e-mail of the CSM who holds it.

    `sources`: the only others that they may send; none: any that nobody else has a right to. `types`: the only types
    of events that they may send; none: all. `events_per_second`: None as the installation has it, 0 without a limit.
    `largest`: the most bytes of an event of theirs. `test`: what they send is shown and counts nowhere.
    """

    name: str
    scopes: frozenset[str]
    source: str
    csm: str | None = None
    sources: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    events_per_second: int | None = None
    largest: int | None = None
    test: bool = False

    def may(self, scope: Scope) -> bool:
        """Whether the key has the scope; admin has them all."""
        return scope in self.scopes or "admin" in self.scopes


def caller_of(row: Row[Any]) -> Caller:
    """Whoever a row of the key store speaks of."""
    return Caller(
        row.name,
        frozenset(row.scopes),
        row.source,
        row.csm,
        frozenset(row.sources),
        frozenset(row.types),
        row.events_per_second,
        row.largest,
        row.test,
    )
