"""cloudevents 1 (Python), which makes messages that its users post by requests: in turns binary and structured."""

from cloudevents.conversion import to_binary, to_structured
from cloudevents.http import CloudEvent
from common import HOST, KEY, NAME, end, uses
from posting import session_with_retries

session = session_with_retries(KEY)
for n, use in enumerate(uses(100)):
    attributes = {"type": "usage.recorded", "source": NAME, "subject": use.account}
    event = CloudEvent(attributes, {"feature": use.feature, "user_id": use.user})
    headers, body = to_structured(event) if n % 2 else to_binary(event)
    session.post(f"{HOST}/v1/events", data=body, headers=headers, timeout=15).raise_for_status()
end()
