"""What the endpoints work with, and who may call them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request

from services.ingest.files import Mappings
from services.ingest.handler import Intake
from services.ingest.pages.acting import Acting
from services.ingest.pages.leaving import Leaving
from services.ingest.publishing.releasing import Releasing
from services.ingest.receiving.limiting import Limits
from services.ingest.receiving.listening import Listening
from services.ingest.receiving.reception import Reception
from services.ingest.receiving.replaying import Replaying
from services.ingest.receiving.watching import Watching
from services.ingest.slack.hearing import Hearing
from services.ingest.slack.interactions import Interactions
from shared.auth.keys import Caller, KeyGate, KeyStore, require
from shared.clock import Clock
from shared.documents.in_force import InForce
from shared.messages.tracing import RandomBytes
from shared.pg.uow import UnitOfWork
from shared.web.app import Check
from shared.web.routes import Gate
from shared.worker.counts import Counts


@dataclass(frozen=True, slots=True)
class Ingest:
    """What the endpoints work with; `main.py` puts it in the app's state."""

    intake: Intake
    reception: Reception
    watching: Watching
    listening: Listening
    mappings: InForce[Mappings]
    limits: Limits
    replaying: Replaying
    releasing: Releasing
    uow: UnitOfWork
    keys: KeyStore
    clock: Clock
    random: RandomBytes
    checks: Mapping[str, Check]
    counts: Counts
    stripe_secret: str | None
    slack_secret: str | None
    """What Slack signs with."""
    interactions: Interactions
    hearing: Hearing
    acting: Acting | None
    """None: no key is set that signs links."""
    leaving: Leaving | None
    """The same."""


async def _ingest(request: Request) -> Ingest:
    # Asynchronous only because FastAPI calls what is not in a thread, at each request.
    found: Ingest = request.app.state.ingest
    return found


Parts = Annotated[Ingest, Depends(_ingest)]


class _OpenDoor(Gate):
    async def check(self, request: Request) -> None:
        (await _ingest(request)).intake.check_open()

    async def __call__(self) -> None:
        """Nothing more to ask."""


OPEN_DOOR: Final = Depends(_OpenDoor())
"""Asked before the key: while the broker keeps us waiting, as /readyz tells anybody, no database is asked first."""


class _SenderKey(KeyGate):
    """After the key, and before a body: whether it sends too many requests."""

    async def check(self, request: Request) -> None:
        await super().check(request)
        (await _ingest(request)).limits.check_open(request.state.caller.name)


class _ClientKey(_SenderKey):
    mine = False


SenderKey = Annotated[Caller, Depends(_SenderKey("ingest"))]
ClientKey = Annotated[Caller, Depends(_ClientKey("ingest"))]
"""Of other tools' clients, whose query parameters are taken as they come."""
Reader = Annotated[Caller, Depends(require("read"))]
Operator = Annotated[Caller, Depends(require("operate"))]
Admin = Annotated[Caller, Depends(require("admin"))]
