"""What a change of playbooks would do at the accounts as they stand: who is meant, where it holds, what is found so."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from services.playbooks.core.findings import MOST_LINES
from services.playbooks.core.glance import glance
from services.playbooks.core.holdout import is_held_out
from services.playbooks.core.interruptions import Interruption
from services.playbooks.core.look import Look, View
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.rules import Rules
from services.playbooks.core.standing import Standing, owner
from shared.conditions import Truth

NOBODY: Final = ""
"""Whose the lists are of accounts that nobody here owns."""


class Edit(NamedTuple):
    """A playbook before and after; None: it isn't there."""

    before: Playbook | None
    after: Playbook | None

    @property
    def is_new_to_accounts(self) -> bool:
        """Does it say something else than before, and have every account meet it?"""
        return self.after is not None and (self.before is None or self.before.version != self.after.version)


class Touched(NamedTuple):
    """At how many of the accounts that were looked at."""

    in_scope: int = 0
    """The account is one of those that it is for."""
    holds: int = 0
    """It is, and what it asks is so."""
    held_before: int = 0
    """What the text in force asks is so."""
    found: int = 0
    """It holds, nothing of it is open there, and it would be found so: it is listed, and nothing is asked for."""


class Touching:
    """Looks at accounts, one by one, with each playbook that changes."""

    def __init__(
        self,
        edits: Mapping[str, Edit],
        rules: Rules,
        busy: Collection[tuple[str, str]],
        interruptions: Iterable[Interruption],
        now: datetime,
    ) -> None:
        self._edits, self._rules, self._busy, self._now = edits, rules, busy, now
        self._interruptions = tuple(interruptions)
        self._counts: dict[str, Counter[str]] = {id: Counter() for id in edits}
        self._lines = Counter[str]()
        self.accounts = 0
        """How many were looked at."""

    def show(self, stands: Standing) -> None:
        """One account."""
        self.accounts += 1
        if stands.quiet:
            # Nothing is asked of it until its import is over.
            return
        now = max(self._now, stands.at)
        look = glance(self._rules, self._interruptions, msgspec.structs.replace(stands, at=now), "plan", "keepwell")
        for id, edit in self._edits.items():
            self._look(id, edit, look, stands)

    def _look(self, id: str, edit: Edit, look: Look, stands: Standing) -> None:
        counts = self._counts[id]
        if edit.before is not None and edit.before.on_event is None:
            counts["held_before"] += View(edit.before, look).applies is Truth.TRUE
        if edit.after is None:
            return
        view = View(edit.after, look)
        counts["in_scope"] += view.in_scope is Truth.TRUE
        if edit.after.on_event is not None or view.applies is not Truth.TRUE:
            return
        counts["holds"] += 1
        meets = edit.is_new_to_accounts and not view.exits and not edit.after.closes and look.silence(id) is None
        if meets and (stands.account, id) not in self._busy:
            counts["found"] += 1
            if not (edit.after.shadow or is_held_out(edit.after, stands.account)):
                owned_by = self._rules.directory.owner(owner(stands))
                self._lines[owned_by.id if owned_by is not None else NOBODY] += 1

    def of(self, id: str, share: float = 1) -> Touched:
        """What was counted of one playbook, where a `share` of all accounts was looked at."""
        return Touched(**{name: round(number / share) for name, number in self._counts[id].items()})

    def lists(self, share: float = 1) -> dict[str, tuple[int, int]]:
        """Who gets how many messages within the hour, that list how much of what was found; the most first."""
        found = ((who, round(lines / share)) for who, lines in self._lines.most_common())
        return {who: (-(-lines // MOST_LINES), lines) for who, lines in found}
