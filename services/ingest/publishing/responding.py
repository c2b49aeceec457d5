"""Passes on what a recipient answered, by a button or a link."""

from typing import Final, Literal

from shared.figures import Figures
from shared.log.protocol import Outgoing
from shared.log.publisher import Publisher
from shared.messages import envelope, registry, tracing
from shared.messages.deliveries import DeliveryResponded

Face = Literal["slack", "link"]
_TYPE: Final = "delivery.responded"


class Responding:
    """Publishes at once. Who is cut off while they wait has sent it all the same: sent again it is one answer."""

    def __init__(self, publisher: Publisher, figures: Figures) -> None:
        self._publisher = publisher
        says = "Answers to messages that the broker has confirmed, by the move and by where they came from."
        self._answers = figures.count("keepwell_answers_total", says, "response", "by")

    async def pass_on(self, account_id: str, response: DeliveryResponded, by: Face) -> None:
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
        self._answers.add(1, response.response, by)
