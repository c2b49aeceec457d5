"""customerio-cdp-analytics, by its module-wide client."""

from common import ACCOUNTS, HOST, KEY, end, failed, flushed, uses
from customerio import analytics

analytics.write_key = KEY
analytics.host = HOST
analytics.on_error = failed
flushed.append(analytics.flush)

for n, account in enumerate(ACCOUNTS):
    user = f"{account}-user"
    analytics.group(user, account, {"name": f"Company {n}", "plan": "pro"})
    analytics.identify(user, {"name": f"User {n}", "email": f"{user}@example.com"}, context={"groupId": account})
analytics.flush()
for use in uses(94):
    context = {"groupId": use.account} if use.named else {}
    analytics.track(use.user, use.feature, {"format": "pdf"}, context=context)
analytics.shutdown()
end()
