"""Passes on what a recipient answered, by a button or a link."""

from typing import Final

from shared.log.protocol import Outgoing
from shared.log.publisher import Publisher
from shared.messages import envelope, registry, tracing
from shared.messages.deliveries import DeliveryResponded

_TYPE: Final = "delivery.responded"


class Responding:
    """Publishes at once. Who is cut off while they wait has sent it all the same: sent again it is one answer."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    async def pass_on(self, account_id: str, response: DeliveryResponded) -> None:
        """Return when the broker has confirmed. Raises `Unconfirmed`."""
        event = envelope.wrap(
            response,
            id=response.response_id,
            source="keepwell/ingest",
            type=_TYPE,
            subject=account_id,
            time=response.at,
            accepted=response.at,
        )
        headers = {**tracing.headers(), "ce_type": _TYPE}
        await self._publisher.publish([Outgoing(registry.DELIVERIES, account_id, envelope.encode(event), headers)])
