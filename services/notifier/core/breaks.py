"""Roads that are broken, and how ops hear of it: once a break, and again when the road works."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal, NamedTuple, get_args

from services.notifier.core.retry import Fatal, Never, Outcome
from services.notifier.core.roads import NAMES
from services.notifier.core.routing import CONTACT, WEBHOOK, Route, Transport
from shared.messages.actions import AccountCard, ActionRequested, Recipient
from shared.words import clock_time, counted, span

WHOLE: Final = "*"
"""Every target of a transport."""
_MOST_ALARMS: Final = 10

_TRANSPORTS: Final[Mapping[str, Transport]] = {one: one for one in get_args(Transport)}

Place = tuple[str, str]
"""A transport and a target on it, or `WHOLE`."""


class Break(NamedTuple):
    """A road that leads nowhere; the table's columns are made of these fields."""

    transport: str
    target: str
    broken_since: datetime
    reason: str
    told_at: datetime | None = None
    """When ops were told."""

    @property
    def place(self) -> Place:
        """Which road it is."""
        return self.transport, self.target

    @property
    def name(self) -> str:
        """As people call it: `Slack`, `slack:#cs-escalations`, `email:ana@example.com`."""
        return NAMES[self.transport] if self.target == WHOLE else f"{self.transport}:{self.target}"


def breaks(outcome: Outcome, target: str) -> tuple[str, str] | None:
    """What an attempt says of its road: the target that is broken, or `WHOLE`, and why; None when it says nothing."""
    if isinstance(outcome, Fatal):
        return WHOLE, outcome.reason
    if isinstance(outcome, Never) and outcome.is_road:
        return target, outcome.reason
    return None


def alarms(broken: Collection[Break]) -> list[str]:
    """What somebody must look at, the longest broken first."""
    listed = sorted(broken, key=lambda one: (one.target != WHOLE, one.broken_since, one.place))
    said = [
        f"Messages by {one.name} don't arrive since {clock_time(one.broken_since)}, {_meanwhile(one)}: {one.reason}."
        for one in listed[:_MOST_ALARMS]
    ]
    left = len(listed) - _MOST_ALARMS
    return [*said, f"{counted(left, 'other road')} of messages: broken, too."] if left > 0 else said


def _meanwhile(one: Break) -> str:
    """What becomes of messages by it: what is for a customer is for nobody else."""
    return "and wait" if one.transport == CONTACT else "and take other roads"


def road_to_ops(channels: Sequence[str], broken: Collection[Place]) -> Route | None:
    """The first of the channels for ops that is not broken itself."""
    for channel in channels:
        name, _, target = channel.partition(":")
        to = Route(transport=_TRANSPORTS[name], target=target or WEBHOOK, shared=True)
        if (to.transport, to.target) not in broken and (to.transport, WHOLE) not in broken:
            return to
    return None


def message_id(one: Break, what: Literal["broken", "works"]) -> str:
    """The same for the same break: each is told once."""
    parts = (one.transport, one.target, one.broken_since.isoformat(), what)
    return "dlv_r" + sha256("\x1f".join(parts).encode()).hexdigest()[:27]


def told_broken(one: Break, id: str, to: Route) -> ActionRequested:
    """Tell ops that a road is broken."""
    why = [f"{one.reason}", f"so since {clock_time(one.broken_since)}"]
    other = "its messages take other roads, and say whom they were meant for"
    todo = f"Mend it. Until then {'they wait' if one.transport == CONTACT else other}."
    return _told(id, to, f"Messages by {one.name} don't arrive", why, todo)


def told_mended(one: Break, id: str, to: Route, at: datetime) -> ActionRequested:
    """Tell ops that a road works again."""
    return _told(
        id,
        to,
        f"Messages by {one.name} arrive again",
        [f"for {span(at - one.broken_since)} they did not: {one.reason}"],
    )


def _told(id: str, to: Route, title: str, why: list[str], todo: str | None = None) -> ActionRequested:
    reader = Recipient(id="ops", name="Ops", email=to.target) if to.transport == "email" else None
    return ActionRequested(
        action_id=f"road-{id}",
        kind="alert",
        playbook="",
        playbook_title="Roads of messages",
        episode_id="",
        step=0,
        recipient=reader,
        channel=to.channel,
        severity="high" if todo is not None else "info",
        title=title,
        why=why,
        do=todo,
        account=AccountCard(id="keepwell", name="Keepwell"),
    )
