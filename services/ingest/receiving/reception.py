"""Receives what any sender sends, in whatever dialect, and answers for each record.

A request passes, in this order: the key's limits, the understanding of its records (which account, which events),
intake, which publishes, and then what is kept for people: what was refused, and what came in.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from services.ingest.core.checking import Answer, Refusal, id_of
from services.ingest.core.mapping import Mapping
from services.ingest.core.reading import Unreadable
from services.ingest.core.senders import Sender
from services.ingest.core.sent import Record, Said
from services.ingest.handler import Intake
from services.ingest.receiving.knowing import Knowing
from services.ingest.receiving.limiting import Limits
from services.ingest.receiving.refusing import Refusing
from services.ingest.receiving.trying import Trying
from services.ingest.receiving.understanding import Understanding
from services.ingest.receiving.usage import Usage
from services.ingest.receiving.watching import Watching
from shared.clock import Clock
from shared.figures import Figures
from shared.web.problems import Problem

_HISTORY: Final = b'"history"'
"""What the past has in it: it may come as quickly as it can, and counts by its bytes alone."""


class Reception:
    """The one way in for events of senders."""

    def __init__(
        self,
        *,
        intake: Intake,
        limits: Limits,
        usage: Usage,
        understanding: Understanding,
        knowing: Knowing,
        refusing: Refusing,
        trying: Trying,
        watching: Watching,
        clock: Clock,
        figures: Figures,
    ) -> None:
        self._intake, self._limits, self._usage, self._refusing = intake, limits, usage, refusing
        self._understanding, self._knowing, self._clock = understanding, knowing, clock
        self._trying, self._watching = trying, watching
        self._received = figures.count("keepwell_records_received_total", "Records received, by their door.", "door")

    def mapping(self, sender: Sender) -> Mapping:
        """How this sender's records are understood; what one request brings goes by one of them."""
        return self._understanding.of(sender)

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
        self._limits.admit(sender, _live(raws), sum(map(len, raws)))
        self._received.add(len(raws), door)
        answer = await self._taken(raws, sender)
        if answer.refused and keep_refused:
            kept = ((bytes(raws[why.index]) if sent is None else sent, why) for why in answer.refused)
            await self._refusing.keep(kept, sender, door)
        self._watching.events(raws, sender, door, answer)
        return answer

    async def unreadable(self, body: bytes, error: Unreadable, sender: Sender, door: str) -> Problem:
        """Keep a body that can't be read at all, or that no event can be made of. Returns what is to be answered."""
        self._limits.admit(sender, 0, len(body))
        self._usage.refuse(sender.name, 1)
        why = Refusal(0, id_of(body), error.code, str(error))
        await self._refusing.keep([(body, why)], sender, door)
        self._watching.records([Record(sent=body)], sender, door, "", Answer(0, [why]))
        return Problem(error.status, error.code, str(error))

    async def records(
        self, records: Sequence[Record], sender: Sender, door: str, *, keep_refused: bool = True
    ) -> Answer:
        """Take what a dialect has read; the answer speaks of records, by their place in the request.

        A record is taken, or refused with the first reason that there is: so is one of which some events were taken and
        one was not. One that comes to nothing is taken. So what is taken and what is refused adds up. What is refused
        is kept, unless it is kept already.
        """
        self._limits.admit(sender, len(records), sum(len(record.sent) for record in records))
        self._received.add(len(records), door)
        records = await self._knowing.placed(records, sender, self._clock.now())
        raws: list[msgspec.Raw] = []
        places: list[int] = []
        refused = {i: Refusal(i, r.id, *r.refused) for i, r in enumerate(records) if r.refused is not None}
        self._usage.refuse(sender.name, len(refused))
        for index, record in enumerate(records):
            for said in record.said:
                if not said.account:
                    refused.setdefault(index, Refusal(index, record.id, "missing_account", _NO_ACCOUNT))
                    continue
                raws.append(_event(said))
                places.append(index)
        answer = await self._taken(raws, sender)
        for one in answer.refused:
            index = places[one.index]
            refused.setdefault(index, Refusal(index, records[index].id, one.code, one.message))
        if refused and keep_refused:
            await self._refusing.keep(((records[i].sent, why) for i, why in sorted(refused.items())), sender, door)
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


_NO_ACCOUNT: Final = (
    "The record names neither an account nor a user. Name the account where the mapping looks for it (such as groupId, "
    "or a property account_id), or a user of whom it was said where they are."
)
