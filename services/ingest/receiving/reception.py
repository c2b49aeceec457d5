"""Receives what any sender sends, in whatever dialect, and answers for each record.

A request passes, in this order: the key's limits, the understanding of its records (which account, which events),
intake, which publishes, and then what is kept for people: what was refused, and what came in.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from services.ingest.core.checking import Answer, Refusal
from services.ingest.core.senders import Sender
from services.ingest.core.sent import Record, Said
from services.ingest.handler import Intake
from services.ingest.receiving.limiting import Limits
from services.ingest.receiving.usage import Usage
from shared.figures import Figures

_HISTORY: Final = b'"history"'
"""What the past has in it: it may come as quickly as it can, and counts by its bytes alone."""


class Reception:
    """The one way in for events of senders."""

    def __init__(self, intake: Intake, limits: Limits, usage: Usage, figures: Figures) -> None:
        self._intake, self._limits, self._usage = intake, limits, usage
        self._received = figures.count("keepwell_records_received_total", "Records received, by their door.", "door")

    async def events(self, raws: Sequence[msgspec.Raw], sender: Sender, door: str) -> Answer:
        """Take events that are ours already: `/v1/events`. `door` names the way that they came by."""
        self._limits.admit(sender, _live(raws), sum(map(len, raws)))
        self._received.add(len(raws), door)
        return await self._intake.take(raws, sender)

    async def records(self, records: Sequence[Record], sender: Sender, door: str) -> Answer:
        """Take what a dialect has read; the answer speaks of records, by their place in the request.

        A record is taken when one of its events is; one that comes to nothing is taken as well.
        """
        self._limits.admit(sender, len(records), sum(len(record.sent) for record in records))
        self._received.add(len(records), door)
        raws: list[msgspec.Raw] = []
        places: list[int] = []
        refused = [Refusal(i, r.id, *r.refused) for i, r in enumerate(records) if r.refused is not None]
        self._usage.refuse(sender.name, len(refused))
        for index, record in enumerate(records):
            for said in record.said:
                raws.append(_event(said))
                places.append(index)
        answer = await self._intake.take(raws, sender)
        refused += [msgspec.structs.replace(one, index=places[one.index]) for one in answer.refused]
        gone = {one.index for one in refused}
        return msgspec.structs.replace(
            answer, accepted=len(records) - len(gone), refused=sorted(refused, key=lambda one: one.index)
        )


def _live(raws: Sequence[msgspec.Raw]) -> int:
    """How many are no history. Where the first is none, others that are count as if they weren't."""
    if not raws or _HISTORY not in bytes(raws[0]):
        return len(raws)
    return sum(_HISTORY not in raw for raw in map(bytes, raws))


def _event(said: Said) -> msgspec.Raw:
    """As a sender of ours would send it."""
    event: dict[str, Any] = {"id": said.id, "type": said.type, "account": said.account or "", "data": said.data}
    if said.time is not None:
        event["time"] = said.time
    if said.source is not None:
        event["source"] = said.source
    return msgspec.Raw(msgspec.json.encode(event))
