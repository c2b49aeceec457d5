"""Receives what any sender sends, in whatever dialect, and answers for each record.

A request passes, in this order: the key's limits, the understanding of its records (which account, which events),
intake, which publishes, and then what is kept for people: what was refused, and what came in.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from services.ingest.core.checking import Answer, Refusal
from services.ingest.core.mapping import Mapping
from services.ingest.core.senders import Sender
from services.ingest.core.sent import Record, Said
from services.ingest.handler import Intake
from services.ingest.receiving.trying import Trying
from services.ingest.receiving.understanding import Understanding
from services.ingest.receiving.watching import Watching
from shared.figures import Figures


class Reception:
    """The one way in for events of senders."""

    def __init__(
        self, intake: Intake, figures: Figures, understanding: Understanding, watching: Watching, trying: Trying
    ) -> None:
        self._intake, self._understanding = intake, understanding
        self._watching, self._trying = watching, trying
        self._received = figures.count("keepwell_records_received_total", "Records received, by their door.", "door")

    def mapping(self, sender: Sender) -> Mapping:
        """How this sender's records are understood; what one request brings goes by one of them."""
        return self._understanding.of(sender)

    async def events(self, raws: Sequence[msgspec.Raw], sender: Sender, door: str) -> Answer:
        """Take events that are ours already: `/v1/events`. `door` names the way that they came by."""
        self._received.add(len(raws), door)
        answer = await self._taken(raws, sender)
        self._watching.events(raws, sender, door, answer)
        return answer

    async def records(self, records: Sequence[Record], sender: Sender, door: str) -> Answer:
        """Take what a dialect has read; the answer speaks of records, by their place in the request.

        A record is taken, or refused with the first reason that there is: so is one of which some events were taken and
        one was not. One that comes to nothing is taken. So what is taken and what is refused adds up.
        """
        self._received.add(len(records), door)
        raws: list[msgspec.Raw] = []
        places: list[int] = []
        refused = {i: Refusal(i, r.id, *r.refused) for i, r in enumerate(records) if r.refused is not None}
        for index, record in enumerate(records):
            for said in record.said:
                raws.append(_event(said))
                places.append(index)
        answer = await self._taken(raws, sender)
        for one in answer.refused:
            index = places[one.index]
            refused.setdefault(index, Refusal(index, records[index].id, one.code, one.message))
        answer = msgspec.structs.replace(
            answer,
            accepted=len(records) - len(refused),
            refused=[refused[index] for index in sorted(refused)],
            waiting=[msgspec.structs.replace(one, index=places[one.index]) for one in answer.waiting],
            adjusted=[msgspec.structs.replace(one, index=places[one.index]) for one in answer.adjusted],
        )
        self._watching.records(records, sender, door, self.mapping(sender).label, answer)
        return answer

    async def _taken(self, raws: Sequence[msgspec.Raw], sender: Sender) -> Answer:
        """What a key in test mode sends is judged alone."""
        return await (self._trying if sender.test else self._intake).take(raws, sender)


def _event(said: Said) -> msgspec.Raw:
    """As a sender of ours would send it."""
    event: dict[str, Any] = {"id": said.id, "type": said.type, "account": said.account or "", "data": said.data}
    if said.time is not None:
        event["time"] = said.time
    if said.source is not None:
        event["source"] = said.source
    return msgspec.Raw(msgspec.json.encode(event))
