"""What a letter has that no other channel does: links that act, and its place in a thread."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from services.notifier.channels.protocol import Dispatch
from services.notifier.core.message import Message, Offer
from shared.links import LASTING, Act, Links
from shared.messages.moves import LABELS


class Link(NamedTuple):
    """One move of one item, as a link."""

    label: str
    url: str
    about: str
    """For whoever hears of it without what stands around it: `Northwind: Call their admin`."""

    @property
    def plain(self) -> str:
        """The label where an address follows."""
        return self.label.removesuffix("…").strip()


NO_LINKS: Final[Mapping[str, Sequence[Link]]] = {}
"""Nothing can be done from the letter."""


def links_of(dispatch: Dispatch, links: Links) -> Mapping[str, Sequence[Link]]:
    """The links of all that its reader can do something about, by the item's id, the likeliest first."""
    message = dispatch.message
    named = [(message.offer, message.headline), *((item.offer, item.headline) for item in message.items)]
    return {
        offer.item_id: [
            Link(LABELS[move], links.act_url(_act(dispatch, offer, move, about)), about)
            for move in offer.moves
            # Whoever is away can be given it by the command alone, as the page would say.
            if move != "reassign" or offer.to
        ]
        for offer, headline in named
        if offer is not None
        for about in [_about(offer, headline)]
    }


def thread_of(message: Message, domain: str) -> str | None:
    """The id of what all letters about one matter of one account answer, though nobody ever sent it."""
    if not message.matter or len(message.accounts) != 1:
        return None
    said = f"{message.accounts[0]}\x1f{message.matter}"
    return f"<matter.{hashlib.sha256(said.encode()).hexdigest()[:32]}@{domain}>"


def _act(dispatch: Dispatch, offer: Offer, move: str, about: str) -> Act:
    return Act(
        letter=dispatch.delivery_id,
        item_id=offer.item_id,
        account_id=offer.account_id,
        kind=offer.kind,
        move=move,
        who=dispatch.target,
        subject=about,
        expires=int((dispatch.at + LASTING).timestamp()),
        time_zone=offer.time_zone,
        to=offer.to if move == "reassign" else [],
    )


def _about(offer: Offer, headline: str) -> str:
    name = headline.partition(" · ")[0]
    return offer.title if name.casefold() in offer.title.casefold() else f"{name}: {offer.title}"
