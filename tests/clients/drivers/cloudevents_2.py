"""cloudevents 2 (Python), which makes messages that its users post by requests: in turns binary and structured."""

import uuid
from datetime import UTC, datetime

from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from common import HOST, KEY, NAME, end, uses
from posting import session_with_retries

session = session_with_retries(KEY)
for n, use in enumerate(uses(100)):
    attributes = {
        "id": str(uuid.uuid4()),
        "specversion": "1.0",
        "type": "usage.recorded",
        "source": NAME,
        "subject": use.account,
        "time": datetime.now(UTC),
    }
    event = CloudEvent(attributes, {"feature": use.feature, "user_id": use.user})
    message = to_structured_event(event) if n % 2 else to_binary_event(event)
    session.post(f"{HOST}/v1/events", data=message.body, headers=message.headers, timeout=15).raise_for_status()
end()
