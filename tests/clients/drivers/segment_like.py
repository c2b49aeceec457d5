"""What every module-wide client of Segment's kind is told to send: accounts, people, and what they used."""

from typing import Any

from common import ACCOUNTS, KEY, end, failed, flushed, uses


def send(analytics: Any) -> None:
    """Send all of it, and end. The client knows where to send."""
    analytics.write_key = KEY
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
