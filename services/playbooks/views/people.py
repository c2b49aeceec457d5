"""Who works with customers, with what they have."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Self

import msgspec
from pydantic import BaseModel

from services.playbooks.core.assignment import Load, is_full
from services.playbooks.core.books import Book
from services.playbooks.core.directory import Csm
from shared.messages.actions import KINDS


class PersonView(BaseModel):
    """Somebody here, what they have open, and their accounts (of over 20,000 estimated) by how they are served."""

    id: str
    name: str
    email: str | None
    time_zone: str
    tier: str | None
    skills: list[str]
    capacity: int | None
    manager: str | None
    roles: list[str]
    open: dict[str, int]
    """How many tasks, alerts and flags, by kind."""
    away_until: date | None
    reachable: bool
    """Is there a channel that brings them anything?"""
    full: bool
    """Do they have as many open tasks as they can take?"""
    accounts: dict[str, int]
    book: int
    """What these come to of one person's book, in percent; of more than 100 there is a warning alone."""
    warning: str | None

    @classmethod
    def of(cls, csm: Csm, open: Mapping[str, int], roles: list[str], book: Book, now: datetime) -> Self:
        """Somebody as they are shown."""
        changed = {
            "time_zone": csm.hours.time_zone,
            "roles": roles,
            "open": {kind: open.get(kind, 0) for kind in KINDS},
            "away_until": csm.away_until(now),
            "reachable": csm.is_reachable,
            "full": is_full(csm, Load(open.get("task", 0))),
        }
        load = {"accounts": book.accounts, "book": book.percent, "warning": book.warning}
        return cls.model_validate({**msgspec.structs.asdict(csm), **changed, **load})
