"""The people at an account: what is known of them, what they answered, and that they were erased."""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from services.scoring.core import state as s
from services.scoring.core.clock import day_of
from services.scoring.core.fold.cells import EXCERPT, bound_traits, cell_of, own_trait, plain, put
from services.scoring.core.state import Account, Cell
from shared.messages import accounts, feedback
from shared.messages.envelope import Event

_MOST_CELLS: Final = 27
"""Of a contact: 20 traits beside all that is known."""


@lru_cache(maxsize=1 << 14)
def digest_of(contact: str) -> str:
    """What is kept of a contact that was erased: enough to know them again, not to name them."""
    return blake2b(contact.encode(), digest_size=9, person=b"keepwell").hexdigest()


def is_erased(account: Account, contact: str) -> bool:
    """Whether a contact, or the whole account, is to be forgotten."""
    erased = account.state.erased_contacts
    return account.state.erased or (bool(erased) and digest_of(contact) in erased)


def answer(account: Account, event: Event, data: feedback.NpsAnswered) -> None:
    """Of relational answers each contact's latest stands; about a moment all count, and nobody's name is kept."""
    kind, state = event.type.removeprefix("feedback."), account.state
    if data.survey_kind == "transactional":
        scores = state.moments.setdefault(kind, {}).setdefault(day_of(event.time), {})
        scores[data.score] = scores.get(data.score, 0) + 1
        cell = cell_of(event, data.score)
        if kind == "nps" and cell.beats(state.last_moment):
            state.last_moment = cell
    else:
        _note(account, data.contact_id, {kind: cell_of(event, [data.score, (data.comment or "")[:EXCERPT]])})


def contact_updated(account: Account, event: Event, data: accounts.ContactUpdated) -> None:
    """Who has left keeps their roles beside it: whichever was said later tells whether they are back."""
    cells = {own_trait(name): cell_of(event, plain(value)) for name, value in data.traits.items() if name != "left"}
    roles = list(dict.fromkeys(role for role in (data.role, *(data.roles or ())) if role is not None))
    if "left" in roles or data.traits.get("left") is True:
        cells["left"] = cell_of(event, True)
    elif roles:
        cells["roles"] = cell_of(event, roles)
    if data.user_ids is not None:
        cells["user_ids"] = cell_of(event, data.user_ids)
    _note(account, data.contact_id, cells)


def is_review(kind: str) -> bool:
    """Whether an interaction was a review of the business: `review`, `Quarterly review`, `business_review`, `QBR`."""
    kind = kind.casefold()
    return kind.endswith("review") or kind in ("qbr", "ebr")


def interaction(account: Account, event: Event, data: accounts.InteractionLogged) -> None:
    """The latest of all, of reviews, and of whom it was with."""
    cell, state = cell_of(event, [data.kind]), account.state
    if cell.beats(state.interaction):
        state.interaction = cell
    if is_review(data.kind) and cell.beats(state.review):
        state.review = cell
    if data.contact_id is not None:
        _note(account, data.contact_id, {"talked": cell_of(event, data.kind)})


def contact_erased(account: Account, _event: Event, data: accounts.ContactErased) -> None:
    """Nothing is left of them but a digest, which no straggler gets past."""
    state = account.state
    state.erased_contacts[digest_of(data.contact_id)] = True
    state.contacts.pop(data.contact_id, None)
    _bound_contacts(state)


def _note(account: Account, contact: str, said: Mapping[str, Cell]) -> None:
    """Let what is said of a contact stand, each unless a later one does."""
    if is_erased(account, contact):
        return
    contacts = account.state.contacts
    is_new = contact not in contacts
    cells = contacts.setdefault(contact, {})
    for name, cell in said.items():
        put(cells, name, cell)
    bound_traits(cells, _MOST_CELLS)
    if is_new:
        _bound_contacts(account.state)


def _bound_contacts(state: s.State) -> None:
    """Keep the contacts whose digests are among the first of all, erased ones too: which those are depends on no order.

    A name that was erased is known by its digest alone. It keeps its place among the others, as if it were still there,
    and its digest is kept whatever the bound: a straggler must not bring it back.
    """
    if len(state.contacts) + len(state.erased_contacts) > s.MOST_CONTACTS:
        live = {digest_of(name): name for name in state.contacts}
        for digest in sorted({*live, *state.erased_contacts})[s.MOST_CONTACTS :]:
            if digest in live:
                del state.contacts[live[digest]]
