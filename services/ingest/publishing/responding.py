"""Passes on what a recipient answered, by a button or a link."""

from typing import Final, Literal

from shared.figures import Figures
from shared.log.protocol import Outgoing
from shared.log.publisher import Publisher
from shared.messages import envelope, registry, tracing
from shared.messages.deliveries import DeliveryResponded
from shared.messages.preferences import PreferencesWanted

Face = Literal["slack", "link"]
_ANSWERED: Final = "delivery.responded"
_WANTED: Final = "preferences.wanted"


class Responding:
    """Publishes at once. Who is cut off while they wait has sent it all the same: sent again it is one answer."""

    def __init__(self, publisher: Publisher, figures: Figures) -> None:
        self._publisher = publisher
        says = "Answers to messages that the broker has confirmed, by the move and by where they came from."
        self._answers = figures.count("keepwell_answers_total", says, "response", "by")

    async def pass_on(self, account_id: str, response: DeliveryResponded, by: Face) -> None:
        """Return when the broker has confirmed. Raises `Unconfirmed`."""
        await self._publish(_ANSWERED, account_id, response)
        self._answers.add(1, response.response, by)

    async def pass_on_wanted(self, wanted: PreferencesWanted) -> None:
        """The same for when somebody wants to hear."""
        await self._publish(_WANTED, registry.COMPANY, wanted)
        self._answers.add(1, "preferences", "slack")

    async def _publish(self, type: str, subject: str, said: DeliveryResponded | PreferencesWanted) -> None:
        event = envelope.wrap(
            said,
            id=said.response_id,
            source="keepwell/ingest",
            type=type,
            subject=subject,
            time=said.at,
            accepted=said.at,
        )
        headers = {**tracing.headers(), "ce_type": type}
        await self._publisher.publish([Outgoing(registry.DELIVERIES, subject, envelope.encode(event), headers)])
