"""What endpoints want to be told, as the notifier said last."""

from typing import Final, NamedTuple, get_args

from shared.messages.actions import Kind
from shared.messages.outward import WebhooksWanted

_OF_ITEMS: Final = tuple(f"{kind}." for kind in get_args(Kind))


class Subscribed(NamedTuple):
    """The types that somebody subscribes to."""

    types: frozenset[str] = frozenset()
    score_by: float | None = None
    """The smallest change of score, in points, that somebody wants to hear of; None: of bands alone."""

    @classmethod
    def of(cls, wanted: WebhooksWanted) -> "Subscribed":
        """As it was told."""
        return cls(frozenset(wanted.types), wanted.score_by)

    @property
    def to_items(self) -> bool:
        """Does anybody want to hear of tasks, alerts or flags?"""
        return any(one.startswith(_OF_ITEMS) for one in self.types)


NOTHING: Final = Subscribed()
