"""posthog (Python)."""

from common import ACCOUNTS, HOST, KEY, end, failed, flushed, uses
from posthog import Posthog

# The last thing that it does while a batch can't be sent is to wait 4 s.
posthog = Posthog(KEY, host=HOST, on_error=failed)
# By default it waits 10 s.
flushed.append(lambda: posthog.flush(timeout_seconds=None))

for n, account in enumerate(ACCOUNTS):
    user = f"{account}-user"
    posthog.group_identify("company", account, {"name": f"Company {n}", "plan": "pro"})
    posthog.capture(
        "$identify",
        distinct_id=user,
        properties={"$set": {"name": f"User {n}", "email": f"{user}@example.com"}},
        groups={"company": account},
    )
posthog.flush()
for use in uses(94):
    groups = {"company": use.account} if use.named else {}
    posthog.capture(use.feature, distinct_id=use.user, properties={"format": "pdf"}, groups=groups)
posthog.flush(timeout_seconds=None)
posthog.shutdown()
end()
