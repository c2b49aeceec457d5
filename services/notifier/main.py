"""Wires the notifier and runs it: `python -m services.notifier.main --role api|worker|all`."""

import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import httpx
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import api, files, queries
from services.notifier.api import calls, documents, endpoints, openapi, preferences
from services.notifier.api import templates as trying
from services.notifier.channels.blocks import Wants
from services.notifier.channels.chat import ChatChannel, most_of
from services.notifier.channels.contact import ContactChannel
from services.notifier.channels.email import EmailChannel
from services.notifier.channels.inbox import InboxChannel
from services.notifier.channels.missing import MissingChannel
from services.notifier.channels.posting import Hook
from services.notifier.channels.protocol import Channel
from services.notifier.channels.rendering import LetterRenderer, Renderer
from services.notifier.channels.slack import SlackChannel, open_client
from services.notifier.channels.teams import TeamsChannel
from services.notifier.core.delivery import Expected
from services.notifier.core.routing import CONTACT
from services.notifier.handler import NotifierHandler
from services.notifier.hooks.addresses import Guard, SystemResolver
from services.notifier.hooks.caller import Caller
from services.notifier.hooks.line import Line
from services.notifier.preferences import KnownPreferences
from services.notifier.queries import webhooks
from services.notifier.sending.sender import Sender
from services.notifier.sending.watching import Watch
from services.notifier.settings import NotifierSettings
from services.notifier.store import retention
from services.notifier.store.endpoints import KnownEndpoints
from services.notifier.store.told import compose_rows
from services.notifier.writing.admission import Admission
from services.notifier.writing.composing import Composer
from shared.documents.following import Following
from shared.documents.in_force import InForce
from shared.documents.store import Store
from shared.links import Links
from shared.messages import registry
from shared.service import service
from shared.service.status import status_routes
from shared.worker.loop import Plan

_PLAN: Final = Plan("notifier", (registry.ACCOUNTS, registry.ACTIONS), gate=(registry.ACCOUNTS, registry.ACTIONS))


def wire(base: service.Base, settings: NotifierSettings) -> service.Service:
    """Build the parts: the consume loop, and a sender for each channel."""
    chat = settings.chat_webhook_url
    chat_takes = most_of(chat.get_secret_value() if chat is not None else "")
    renderer = Renderer(interactive=settings.is_interactive, chat_takes=chat_takes)
    http = open_client(beside=TeamsChannel.at_once + ChatChannel.at_once)
    templates = InForce(Store("notifier", (files.TEMPLATES,)), files.shipped(), files.read_texts)
    known, hooks, composer = KnownPreferences(), _Hooks(settings), Composer(lambda: templates.now)

    async def refresh(c: AsyncConnection) -> None:
        await templates.refresh(c)
        await known.refresh(c)
        await hooks.known.look(c)

    async def prepare() -> None:
        await templates.begin(base.uow, base.clock.now())
        async with base.uow.begin() as c:
            await known.refresh(c)
            await hooks.known.look(c)

    following = Following(refresh)
    senders: dict[str, Sender] = {}

    def wake(*transports: str) -> None:
        # In a process that only answers the API there is no sender: the worker's finds the row within 5 s.
        for name in senders.keys() & set(transports):
            senders[name].wake()

    def expect(transport: str, new: Sequence[Expected]) -> None:
        senders[transport].expect(new)

    handler = NotifierHandler(settings.setup, wake, expect, known.of, composer, hooks.known, hooks.wake)
    worker = base.worker(_PLAN, handler)
    admission = Admission(settings.contact_messages_a_week, handler.knows_people)
    watch = Watch(base.uow, base.clock, settings.ops, tells=worker is not None)
    if worker is not None:
        senders |= {
            channel.name: Sender(
                channel,
                base.uow,
                clock=base.clock,
                dice=secrets.SystemRandom().random,
                token=lambda: secrets.token_hex(8),
                figures=base.figures,
                on_settled=worker.relay.wake_soon,
                setup=settings.setup,
                on_failed=lambda: wake(*senders),
                arrived=watch.arrived,
                compose=composer.letter if channel.name == CONTACT else compose_rows,
                admission=admission if channel.name == CONTACT else None,
            )
            for channel in _channels(base, settings, renderer, http, known.of)
        }
        hooks.begin(base, worker.relay.wake_soon)

    def publish() -> None:
        if worker is not None:
            worker.relay.wake()

    def stop() -> None:
        following.stop()
        watch.stop()
        for sender in senders.values():
            sender.stop()
        hooks.stop()

    return service.Service(
        description="What was sent to whom, and how it went; and the address book of customers' people.",
        worker=worker,
        routers=(
            api.routes(base.uow, base.clock, renderer, wake, known.of, composer),
            api.contacts(base.uow),
            preferences.routes(base.uow, base.clock, publish),
            *documents.routes(base.uow, base.clock, templates),
            *endpoints.routes(base.uow, base.clock, hooks.guard, hooks.changed, publish),
            calls.routes(base.uow, base.clock, hooks.wake),
            trying.routes(base.uow, base.clock, templates, wake, lambda: secrets.token_hex(13), settings.no_letters),
        ),
        schemas=openapi.schemas(),
        webhooks=openapi.webhooks(),
        prepare=prepare,
        probes=(
            status_routes(
                base.counts,
                clock=base.clock,
                worker=worker,
                extra=lambda c: _status(c, base.clock.now()),
                alarms=lambda: [*templates.alarms, *watch.alarms],
            ),
        ),
        jobs=(lambda: following.run(base.uow), watch.run, hooks.run, *(sender.run for sender in senders.values())),
        on_stop=stop,
        tidy=(retention.forget,),
        close=http.aclose,
    )


async def _status(c: AsyncConnection, now: datetime) -> dict[str, Any]:
    return {**await queries.status(c, now), **await webhooks.status(c, now)}


class _Hooks:
    """What calls endpoints, and knows which addresses they may have; a process that only answers calls none."""

    def __init__(self, settings: NotifierSettings) -> None:
        self.known = KnownEndpoints()
        self.guard = Guard(SystemResolver(), settings.networks)
        self._caller: Caller | None = None

    def begin(self, base: service.Base, on_settled: Callable[[], None]) -> None:
        # Whoever has certificates of their own names them by SSL_CERT_FILE.
        trust = httpx.create_ssl_context()
        self._caller = Caller(
            lambda url: Line(url, self.guard, trust),
            base.uow,
            clock=base.clock,
            dice=secrets.SystemRandom().random,
            token=lambda: secrets.token_hex(8),
            figures=base.figures,
            on_settled=on_settled,
        )

    def wake(self) -> None:
        if self._caller is not None:
            self._caller.wake()

    def changed(self) -> None:
        if self._caller is not None:
            self._caller.changed()

    async def run(self) -> None:
        if self._caller is not None:
            await self._caller.run()

    def stop(self) -> None:
        if self._caller is not None:
            self._caller.stop()


def _channels(
    base: service.Base, settings: NotifierSettings, renderer: Renderer, http: httpx.AsyncClient, wants: Wants
) -> list[Channel]:
    slack: Channel = MissingChannel("slack")
    if settings.slack_bot_token or settings.slack_webhook_url:
        token, url = settings.slack_bot_token, settings.slack_webhook_url
        slack = SlackChannel(
            http,
            renderer,
            api_url=settings.slack_api_url,
            bot_token=token.get_secret_value() if token else None,
            webhook_url=url.get_secret_value() if url else None,
            wants=wants,
        )
    keys, address = settings.signing_keys, settings.public_url
    links = Links(keys, address) if keys and address is not None else None
    email = EmailChannel(settings.smtp, renderer, links) if settings.smtp else MissingChannel("email")
    contact: Channel = MissingChannel(CONTACT)
    if settings.smtp is not None and links is not None and not settings.no_letters:
        contact = ContactChannel(settings.smtp, LetterRenderer(), links)
    return [slack, *_posting(settings, http, renderer.chat_takes), email, InboxChannel(base.uow), contact]


def _posting(settings: NotifierSettings, http: httpx.AsyncClient, chat_takes: int) -> Iterator[Channel]:
    """Those that post to a webhook of a chat."""
    teams, chat = settings.teams_webhook_url, settings.chat_webhook_url
    receipt = "x-ms-workflow-run-id"
    yield (
        TeamsChannel(Hook(http, teams.get_secret_value(), "Teams", "KEEPWELL_TEAMS_WEBHOOK_URL", receipt))
        if teams is not None
        else MissingChannel("teams")
    )
    yield (
        ChatChannel(Hook(http, chat.get_secret_value(), "the chat", "KEEPWELL_CHAT_WEBHOOK_URL"), chat_takes)
        if chat is not None
        else MissingChannel("chat")
    )


if __name__ == "__main__":
    sys.exit(service.main("notifier", NotifierSettings, wire))
