"""What a key in test mode sends: judged as anybody's is, and nothing comes of it. No row is written or locked."""

from collections.abc import Sequence

import msgspec

from services.ingest.core.checking import Answer, Waits, adjusted, check
from services.ingest.core.merging import goes_on_as
from services.ingest.core.resolving import accounts_of, names_of, resolve
from services.ingest.core.senders import Sender
from services.ingest.store import aliases, merged
from shared.clock import Clock
from shared.pg.uow import UnitOfWork


class Trying:
    """Answers as intake would at this moment."""

    def __init__(self, uow: UnitOfWork, clock: Clock) -> None:
        self._uow, self._clock = uow, clock

    async def take(self, raws: Sequence[msgspec.Raw], sender: Sender) -> Answer:
        """Judge all of it. What belongs to an import is taken for right: nobody asks whether that is open."""
        checked, refused = check(raws, self._clock.now(), sender)
        names = sorted({name for event in checked for name in names_of(event)})
        async with self._uow.begin() as c:
            known = await aliases.known(c, names)
            goes_on, heard_of = await merged.all_of(c), set[str]()
            if named := accounts_of(checked, known):
                heard_of = await merged.known(c, {goes_on_as(goes_on, name) for name in named})
        settled = resolve(checked, known, goes_on, heard_of)
        taken = [*settled.ready, *settled.waiting]
        refused = sorted([*refused, *settled.refused], key=lambda one: one.index)
        waits = [Waits(one.index, one.id, one.subject) for one in sorted(settled.waiting, key=lambda one: one.index)]
        return Answer(len({one.index for one in taken}), refused, waits, adjusted(taken), test=True)
