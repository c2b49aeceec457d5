"""What is kept, and shown, of somebody who is erased. Works in the caller's transaction."""

from datetime import datetime
from typing import Final

from sqlalchemy import Text, bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.core.erasing import ERASES, is_of
from services.ingest.store import known, recent
from services.ingest.store.aliases import KEY
from services.ingest.tables import aliases, waiting
from shared.messages.erasing import Forgetting
from shared.pg import bulk

_ACCOUNT: Final = bindparam("account", type_=Text)
_OF_ACCOUNT: Final = (
    select(*(waiting.c[name] for name in KEY), waiting.c.type, waiting.c.value)
    .join(aliases, aliases.c.alias == waiting.c.alias)
    .where(or_(aliases.c.account_id == _ACCOUNT, aliases.c.alias == _ACCOUNT), waiting.c.type.not_in(ERASES))
)
_FORGET: Final = bulk.Delete(waiting, KEY)


async def forget(c: AsyncConnection, forgetting: Forgetting, now: datetime) -> None:
    """Delete what waits under the account's aliases, or its own name as one, and is about who is erased, and where they
    were known to be.

    What is being let go at this moment goes on: whoever reads it knows who was erased.
    """
    rows = await c.execute(_OF_ACCOUNT, {"account": forgetting.account})
    await _FORGET(c, [row[: len(KEY)] for row in rows if is_of(row.value, forgetting)])
    await known.forget_of(c, forgetting)
    await recent.forget(c, forgetting, now)
