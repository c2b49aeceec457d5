"""The people at an account: what is known of them, what they answered, and that they were erased."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from services.scoring.core import state as s
from services.scoring.core.clock import day_of_us
from services.scoring.core.fold.cells import EXCERPT, bound_traits, leave_out, own_trait, plain
from services.scoring.core.state import Account
from shared.messages import accounts, feedback
from shared.messages.envelope import Event
from shared.messages.erasing import digest_of
from shared.messages.stamps import Cell, cell_of, micros, put
from shared.messages.traits import MOST_OF_CONTACT

_APART: Final = frozenset({"left", *accounts.ADDRESSES})
"""Traits that are kept otherwise, or by somebody else."""
_MOST_CELLS: Final = MOST_OF_CONTACT + 7
"""Of a contact: 20 traits beside all that is known."""


class Erased(NamedTuple):
    """A contact of whom nothing is to stay, and the digest that stands for them."""

    account_id: str
    contact_id: str
    digest: str


def is_erased(account: Account, contact: str) -> bool:
    """Whether a contact, or the whole account, is to be forgotten."""
    erased = account.state.erased_contacts
    return account.state.erased or (bool(erased) and digest_of(contact) in erased)


def answer_key(event: Event, data: feedback.Answered) -> str:
    """Which of an account's answers it is: what was said last of an invitation replaces what was said before."""
    if data.invitation_id is not None:
        return f"{event.type.removeprefix('feedback.')} {data.invitation_id}"
    # The length keeps the parts apart. A day that is not adjacent makes it another event.
    return f"{len(event.source)}:{event.source}{event.id} {day_of_us(micros(event.time))}"


def answer(account: Account, event: Event, data: feedback.Answered) -> None:
    """Of relational answers each contact's latest stands; about a moment all count, and nobody's name is kept.

    What was answered to its invitation before must be at hand in `account.answered`.
    """
    kind, state = event.type.removeprefix("feedback."), account.state
    if data.survey_kind == "relational":
        _note(account, data.contact_id, {kind: cell_of(event, [data.score, (data.comment or "")[:EXCERPT]])})
    elif kind == "nps" and (cell := cell_of(event, data.score)).beats(state.last_moment):
        state.last_moment = cell
    if data.invitation_id is not None:
        key, new = answer_key(event, data), cell_of(event, [data.score, data.survey_kind])
        old = account.answered.get(key)
        if not new.beats(old):
            return
        account.answered[key] = new
        if old is not None:
            score, survey_kind = old.value
            _count(state, kind, old.at, score, survey_kind, -1)
    _count(state, kind, micros(event.time), data.score, data.survey_kind, 1)


def _count(state: s.State, kind: str, at: int, score: int, survey_kind: str, by: int) -> None:
    """Count an answer about a moment; or count one no more, where its day is not forgotten."""
    day, moments = day_of_us(at), state.moments.get(kind, {})
    if survey_kind != "transactional" or (by < 0 and score not in moments.get(day, ())):
        return
    scores = state.moments.setdefault(kind, moments).setdefault(day, {})
    scores[score] = scores.get(score, 0) + by
    if not scores[score]:
        del scores[score]
    if not scores:
        del moments[day]


def contact_updated(account: Account, event: Event, data: accounts.ContactUpdated) -> None:
    """Who has left keeps their roles beside it: whichever was said later tells whether they are back."""
    cells = {own_trait(name): cell_of(event, plain(value)) for name, value in data.traits.items() if name not in _APART}
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
    leave_out(account.state, "traits_of_contacts", bound_traits(cells, _MOST_CELLS))
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
            leave_out(state, "contacts", digest)
            if digest in live:
                del state.contacts[live[digest]]
