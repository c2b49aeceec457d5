"""Receives what any sender sends, in whatever dialect, and answers for each record.

A request passes, in this order: the key's limits, the understanding of its records (which account, which events),
intake, which publishes, and then what is kept for people: what was refused, and what came in.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from services.ingest.core.checking import Answer, Refusal, id_of
from services.ingest.core.mapping import DEFAULT, Mapping
from services.ingest.core.senders import Sender
from services.ingest.core.sent import Record, Said
from services.ingest.handler import Intake
from services.ingest.receiving.refusing import Refusing
from shared.figures import Figures


class Reception:
    """The one way in for events of senders."""

    def __init__(self, intake: Intake, figures: Figures, refusing: Refusing) -> None:
        self._intake, self._refusing = intake, refusing
        self._received = figures.count("keepwell_records_received_total", "Records received, by their door.", "door")

    async def events(
        self,
        raws: Sequence[msgspec.Raw],
        sender: Sender,
        door: str,
        *,
        sent: bytes | None = None,
        keep_refused: bool = True,
    ) -> Answer:
        """Take events that are ours already: `/v1/events`. `door` names the way that they came by.

        What is refused is kept, unless it is kept already: as a vendor has `sent` it, where it was made of that.
        """
        self._received.add(len(raws), door)
        answer = await self._intake.take(raws, sender)
        if answer.refused and keep_refused:
            kept = ((bytes(raws[why.index]) if sent is None else sent, why) for why in answer.refused)
            await self._refusing.keep(kept, sender, door)
        return answer

    def mapping(self, sender: Sender) -> Mapping:  # noqa: ARG002
        """How what this sender sends is understood."""
        return DEFAULT

    async def unreadable(self, body: bytes, code: str, message: str, sender: Sender, door: str) -> None:
        """Keep a body that can't be read at all, or that no event can be made of."""
        await self._refusing.keep([(body, Refusal(0, id_of(body), code, message))], sender, door)

    async def records(
        self, records: Sequence[Record], sender: Sender, door: str, *, keep_refused: bool = True
    ) -> Answer:
        """Take what a dialect has read; the answer speaks of records, by their place in the request.

        A record is taken when one of its events is; one that comes to nothing is taken as well. What is refused is
        kept, unless it is kept already.
        """
        self._received.add(len(records), door)
        raws: list[msgspec.Raw] = []
        places: list[int] = []
        refused = [Refusal(i, r.id, *r.refused) for i, r in enumerate(records) if r.refused is not None]
        for index, record in enumerate(records):
            for said in record.said:
                raws.append(_event(said))
                places.append(index)
        answer = await self._intake.take(raws, sender)
        refused += [msgspec.structs.replace(one, index=places[one.index]) for one in answer.refused]
        gone = {one.index for one in refused}
        if refused and keep_refused:
            await self._refusing.keep(((records[why.index].sent, why) for why in refused), sender, door)
        return msgspec.structs.replace(
            answer,
            accepted=len(records) - len(gone),
            refused=sorted(refused, key=lambda one: one.index),
            waiting=[msgspec.structs.replace(one, index=places[one.index]) for one in answer.waiting],
            adjusted=[msgspec.structs.replace(one, index=places[one.index]) for one in answer.adjusted],
        )


def _event(said: Said) -> msgspec.Raw:
    """As a sender of ours would send it."""
    event: dict[str, Any] = {"id": said.id, "type": said.type, "account": said.account or "", "data": said.data}
    if said.time is not None:
        event["time"] = said.time
    if said.source is not None:
        event["source"] = said.source
    return msgspec.Raw(msgspec.json.encode(event))
