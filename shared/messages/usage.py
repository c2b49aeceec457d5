"""Product usage."""

from typing import Annotated, Literal

import msgspec

from shared.messages.envelope import Event
from shared.messages.fields import CustomerEvent, Id, Name


class UsageRecorded(CustomerEvent, frozen=True, kw_only=True, gc=False):
    """Someone, or something, at the account used a feature.

    `quantity` is in the feature's own unit, 0 or more, kept to millionths, so that sums don't depend on order. `actor`
    says who acted: a human (where nothing is said), an integration or an agent. Only humans are active users.
    """

    types = ("usage.recorded",)

    feature: Name
    quantity: Annotated[float, msgspec.Meta(ge=0, le=1e9)] = 1
    user_id: Id | None = None
    actor: Literal["human", "integration", "agent"] | None = None


class Used(Event, frozen=True, kw_only=True, gc=False):
    """A whole usage event, as it is read: envelope and data in one pass.

    Nine of ten messages are one, and nobody asks for their data's bytes, which other events carry there.
    """

    type: Literal["usage.recorded"]
    data: UsageRecorded  # type: ignore[assignment]
