"""A call of an analytics client: a record with what is the same in all of them read, and what it may come to."""

from datetime import datetime
from typing import Any

import msgspec

from services.ingest.core.dialects.fields import nth
from services.ingest.core.dialects.ruling import Seen, ruled
from services.ingest.core.mapping import USED, Mapping, at
from services.ingest.core.sent import Knows, Record, Said


class Call(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`kind` as a mapping's rules name it. `at` is its time, or now where it has none."""

    sent: bytes
    id: str
    kind: str
    record: dict[str, Any]
    account: str | None
    user: str | None
    time: datetime | None
    at: datetime

    def use(self, name: str, mapping: Mapping) -> tuple[Said | None, str]:
        """What the mapping makes of an event of this name, or why nothing."""
        if mapping.rule_for(self.kind, name) is None:
            # As good as all of them: the same as `ruled` makes of it.
            return self.said(USED, {"feature": name, "user_id": self.user} if self.user else {"feature": name}), ""
        record = self.record
        seen = Seen(
            id=self.id,
            kind=self.kind,
            name=name,
            look=lambda path: at(record, path),
            time=self.time,
            account=self.account,
            user=self.user,
        )
        return ruled(seen, mapping)

    def said(self, type: str, data: dict[str, Any], place: int = 1) -> Said:
        """One of the events that it comes to, by its place among them."""
        id = self.id if place == 1 else nth(self.id, place)
        return Said(id=id, type=type, data=data, time=self.time, account=self.account, user=self.user)

    def knows(self) -> tuple[Knows, ...]:
        """Where its user is, where it names both."""
        if self.user is None or self.account is None:
            return ()
        return (Knows(self.user, self.account, self.at),)

    def nothing(self, why: str, **more: Any) -> Record:
        """The record, where it comes to no event."""
        return Record(sent=self.sent, id=self.id, why=why, **more)
