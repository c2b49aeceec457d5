"""Ingest's HTTP edge."""

from typing import Final

from services.ingest.api import (
    acting,
    events,
    imports,
    keys,
    leaving,
    patching,
    recent,
    refused,
    slack,
    status,
    topics,
    webhooks,
)
from services.ingest.api.sdk import customerio, openmeter, otlp, posthog, segment

ROUTERS: Final = (
    events.router,
    segment.router,
    posthog.router,
    openmeter.router,
    otlp.router,
    customerio.router,
    patching.router,
    recent.router,
    webhooks.router,
    slack.router,
    acting.router,
    leaving.router,
    imports.router,
    refused.router,
    keys.router,
    topics.router,
)
"""What much comes by first: addresses are looked through in this order."""
PROBES: Final = (status.router,)
"""What a process answers that is only a worker."""
