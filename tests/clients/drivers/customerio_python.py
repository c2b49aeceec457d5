"""customerio (Python), the Track API. It speaks https only: trust the certificate by REQUESTS_CA_BUNDLE.

It gives events no id of its own: whoever passes none has an event counted twice when its answer is lost.
"""

import secrets
import time
from urllib.parse import urlsplit

from common import ACCOUNTS, HOST, KEY, end, uses
from customerio import CustomerIO

at = urlsplit(HOST)
# By default it tries three times more, 2 s apart where a 503 says so.
client = CustomerIO("keepwell", KEY, host=at.hostname, port=at.port, retries=6)


def ulid():
    """As Customer.io wants ids to be."""
    number = int(time.time() * 1000) << 80 | secrets.randbits(80)
    return "".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[number >> 5 * n & 31] for n in reversed(range(26)))


for n, account in enumerate(ACCOUNTS):
    user = f"{account}-user"
    client.identify(user, email=f"{user}@example.com", name=f"User {n}", account_id=account)
for use in uses(97):
    data = {"format": "pdf", "account_id": use.account} if use.named else {"format": "pdf"}
    client.track(use.user, use.feature, data, id=ulid())
end()
