"""How somebody is chosen: one rule of a list that is gone down until one finds somebody."""

from typing import Final, Literal, get_args

import msgspec

from shared.words import counted

By = Literal["tasks", "accounts", "mrr"]
"""What counts as load: open tasks, accounts, or their monthly revenue."""
BYS: Final[tuple[By, ...]] = get_args(By)


class Rule(msgspec.Struct, frozen=True):
    """One way to choose somebody.

    `owner`: the account's. `manager`: theirs. `deputy`: who stands in for them, or for that one. `team`: of those who
    are in a team with them, the least loaded. `person`: who is called `name`, an id or e-mail. `role`: who or which
    channel has the role `name` in the directory; unset, `lead` is the owner's manager, and any other the owner. Of
    those of a `tier`, with a `skill` and in a `team`, if these are given, `least_loaded` takes whoever has least of
    what it goes `by`, and of several, as `round_robin` does of all, whoever has waited longest for a turn; then it goes
    by id.
    """

    kind: Literal["owner", "manager", "deputy", "team", "person", "role", "least_loaded", "round_robin"] = "owner"
    name: str = ""
    tier: str | None = None
    skill: str | None = None
    team: str | None = None
    by: By | None = None
    """None: tasks, where work is given; accounts, where an account gets its owner."""

    def some(self, number: int) -> str:
        """So many of those among whom it chooses, in words; 0 is just what they are called."""
        tier, skill = f"{self.tier} " if self.tier else "", f" for {self.skill}" if self.skill else ""
        team = f" of {self.team}" if self.team else ""
        one, more = (f"{tier}{noun}{skill}{team}" for noun in ("CSM", "CSMs"))
        if self.kind == "team":
            one, more = "teammate", "teammates"
        return counted(number, one, more) if number else one

    @property
    def is_pool(self) -> bool:
        """Does it choose among several, of whom those who are full are left in peace?"""
        return self.kind in ("least_loaded", "round_robin", "team")

    @property
    def weighs_books(self) -> bool:
        """Does it go by what people look after, which is read only then?"""
        return self.by in ("accounts", "mrr")
