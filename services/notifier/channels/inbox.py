"""The inbox: kept and served by the notifier itself. Always there, and a message is in it once."""

from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from services.notifier.channels.protocol import Dispatch
from services.notifier.core.retry import Later, Outcome, Sent
from services.notifier.core.routing import Transport
from services.notifier.store.deliveries import mend_in_inbox, put_in_inbox
from shared.pg import bulk
from shared.pg.uow import UnitOfWork


@dataclass
class InboxChannel:
    """Writes rows, each by its delivery's id, so that a repeat changes nothing."""

    uow: UnitOfWork
    name: Transport = "inbox"
    timeout: float = 10.0
    at_once: int = 4

    async def send(self, dispatch: Dispatch) -> Outcome:
        """Put one message into its recipient's inbox."""
        try:
            await self.uow.once(*_write(dispatch))
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            return Later(reason=f"the database did not answer ({type(error).__name__})")
        return Sent(receipt=dispatch.delivery_id)


def _write(dispatch: Dispatch) -> bulk.Write:
    if dispatch.amends is not None:
        return mend_in_inbox(dispatch.amends.message_id, dispatch.message)
    return put_in_inbox(dispatch.delivery_id, dispatch.target, dispatch.at, dispatch.message)
