"""openmeter: the first half one by one, the other in lists."""

import uuid
from datetime import UTC, datetime

from common import HOST, KEY, NAME, end, uses
from openmeter import Client
from openmeter.models import Event

client = Client(endpoint=HOST, token=KEY)
# It sends a POST again after a 503, but after a lost answer only where it is told that it may.
again = {"retry_on_methods": ["POST"]}
waiting = []
for n, use in enumerate(uses(100)):
    event = Event(
        specversion="1.0",
        id=str(uuid.uuid4()),
        source=NAME,
        type=use.feature,
        subject=use.account,
        time=datetime.now(UTC),
        data={"user_id": use.user, "format": "pdf"},
    )
    if n < 50:
        client.events.ingest_event(event, **again)
    else:
        waiting.append(event)
    if len(waiting) == 25:
        client.events.ingest_events(waiting, **again)
        waiting.clear()
end()
