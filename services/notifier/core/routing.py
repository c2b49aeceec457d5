"""Which channel a message takes and whom it reaches there.

What the playbook asks for is followed where the installation can; else the message takes the next road that is open,
down to the inbox, which always is. The reason for a detour is kept with the delivery.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Final, Literal

import msgspec

from shared.messages.actions import SHARED, ActionRequested, Recipient
from shared.words import clean

Transport = Literal["slack", "teams", "chat", "email", "inbox", "contact"]

UNASSIGNED: Final = "unassigned"
"""The inbox that hears of what nobody could be found for."""
WEBHOOK: Final = "webhook"
"""The one target of an incoming webhook."""
_POSTING: Final[Mapping[str, Transport]] = {"teams": "teams", "chat": "chat"}
"""Those that post to the one channel of a webhook, as they are asked for."""
CONTACT: Final = "contact"
"""The transport of letters to customers' people; a target is somebody's id, and the address is filled in at sending."""
NOBODY: Final = "nobody"
"""The target of a letter for which there is no one."""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What the installation has set up."""

    slack: Literal["bot", "webhook"] | None = None
    teams: bool = False
    """The webhook of a channel of Microsoft Teams."""
    chat: bool = False
    """The webhook of another chat's channel."""
    email: bool = False
    default: str | None = None
    """The channel of actions that name none, such as `email` or `slack:@owner`."""
    fallback: str | None = None
    """A Slack channel such as `#customer-success`, for what has no recipient that Slack knows."""
    no_letters: str = ""
    """Why nothing can be written to customers' people; empty where it can."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One transport and one target on it: a Slack id or `#channel`, an e-mail address, an inbox's name."""

    transport: Transport
    target: str
    shared: bool = False
    """True when others read there too, so that the message names its recipient."""
    because: str = ""
    """Why it is not the channel that was asked for."""

    @property
    def channel(self) -> str:
        """As it is shown: `slack:#cs-escalations`, `email:dana@example.com`, `inbox:dana`."""
        return f"{self.transport}:{self.target}"


def route(action: ActionRequested, setup: Setup) -> Route:
    """Where this action's message goes. Never fails: the inbox takes what nothing else can."""
    if (why := not_yet(action)) is not None:
        return _inbox(None, why)
    asked = action.channel or setup.default or _usual(setup)
    who = action.recipient
    transport, _, target = asked.partition(":")
    if transport == "slack":
        found = _slack(target or "@owner", who, setup)
    elif asked in _POSTING:
        found = _posting(asked, setup)
    elif transport == "email":
        found = _email(who, setup)
    elif transport == "inbox":
        return _inbox(who)
    else:
        found = f"there is no channel {asked!r}"
    return found if isinstance(found, Route) else _detour(asked, found, who, setup)


def not_yet(action: ActionRequested) -> str | None:
    """Why this can't be brought to anybody; None where it can. A webhook is asked of when there is no such endpoint."""
    if action.kind == "webhook":
        name = clean(action.webhook.endpoint, 100) if action.webhook is not None else ""
        return f"there is no endpoint named {name}: POST /v1/endpoints makes one"
    return "a survey can't be sent by this release yet" if action.kind == "survey" else None


def delivery_id(action: ActionRequested) -> str:
    """The same for the same action, channel asked for and recipient, whatever the settings are when it comes again."""
    who = action.recipient.id if action.recipient else ""
    parts = (action.action_id, action.channel or "", who)
    return "dlv_" + sha256("\x1f".join(parts).encode()).hexdigest()[:28]


def letter_id(action: ActionRequested, contact_id: str) -> str:
    """The same for the same action and person."""
    return "dlv_c" + sha256("\x1f".join((action.action_id, contact_id)).encode()).hexdigest()[:27]


def joint_id(delivery_ids: list[str]) -> str:
    """The id under which several deliveries go as one message; a single one goes under its own."""
    if len(delivery_ids) == 1:
        return delivery_ids[0]
    return "dlv_g" + sha256("\x1f".join(sorted(delivery_ids)).encode()).hexdigest()[:27]


def shared_road(channel: str, setup: Setup) -> Route | None:
    """The road to a channel that others read, too; None where nothing leads there."""
    if channel in _POSTING:
        found = _posting(channel, setup)
        return found if isinstance(found, Route) else None
    name = channel.removeprefix("slack:")
    return Route(transport="slack", target=name, shared=True) if setup.slack == "bot" else None


def _usual(setup: Setup) -> str:
    known = {"slack:@owner": setup.slack, "teams": setup.teams, "chat": setup.chat, "email": setup.email}
    return next((channel for channel, there in known.items() if there), "inbox")


def _slack(target: str, who: Recipient | None, setup: Setup) -> Route | str:
    if setup.slack is None:
        return "Slack is not set up"
    if setup.slack == "webhook":
        return Route(transport="slack", target=WEBHOOK, shared=True)
    if SHARED.fullmatch(f"slack:{target}"):
        return Route(transport="slack", target=target, shared=True)
    if who is not None and who.slack:
        return Route(transport="slack", target=who.slack)
    if setup.fallback:
        why = "it has no recipient" if who is None else f"no Slack id is known for {who.name}"
        return Route(transport="slack", target=setup.fallback, shared=True, because=why)
    return "it has no recipient" if who is None else f"no Slack id is known for {who.name}"


def _posting(asked: str, setup: Setup) -> Route | str:
    if setup.teams if asked == "teams" else setup.chat:
        return Route(transport=_POSTING[asked], target=WEBHOOK, shared=True)
    return "Teams is not set up" if asked == "teams" else "no chat is set up"


def _email(who: Recipient | None, setup: Setup) -> Route | str:
    if not setup.email:
        return "e-mail is not set up"
    if who is None:
        return "it has no recipient"
    if not who.email:
        return f"no e-mail address is known for {who.name}"
    return Route(transport="email", target=who.email)


def _inbox(who: Recipient | None, because: str = "") -> Route:
    return Route(transport="inbox", target=who.id if who else UNASSIGNED, because=because)


def _detour(asked: str, why: str, who: Recipient | None, setup: Setup) -> Route:
    because = f"asked for {asked}, but {why}"
    transport = asked.partition(":")[0]
    others = (one for one in _others(asked, who, setup) if isinstance(one, Route) and one.transport != transport)
    found = next(others, None)
    return _inbox(who, because) if found is None else msgspec.structs.replace(found, because=because)


def _others(asked: str, who: Recipient | None, setup: Setup) -> Iterator[Route | str]:
    """What was for one person goes to them alone if it can, and what was for a channel to another channel."""
    own = (_slack("@owner", who, setup), _email(who, setup))
    channels = [_posting(one, setup) for one in _POSTING]
    yield from (*channels, *own) if SHARED.fullmatch(asked) else (*own, *channels)
