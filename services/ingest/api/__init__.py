"""Ingest's HTTP edge."""

from typing import Final

from services.ingest.api import acting, events, imports, keys, leaving, patching, recent, slack, status, webhooks

ROUTERS: Final = (
    events.router,
    patching.router,
    recent.router,
    webhooks.router,
    slack.router,
    acting.router,
    leaving.router,
    imports.router,
    keys.router,
)
PROBES: Final = (status.router,)
"""What a process answers that is only a worker."""
