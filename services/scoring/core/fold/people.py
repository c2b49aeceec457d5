"""The people at an account: what is known of them, what they answered, and that they were erased."""

from functools import lru_cache
from hashlib import blake2b
from typing import Final

from services.scoring.core import state as s
from services.scoring.core.fold.cells import EXCERPT, bound_traits, cell_of, own_trait, plain, put
from services.scoring.core.state import Account
from shared.messages import accounts, feedback
from shared.messages.envelope import Event

_MOST_TRAITS: Final = 20


@lru_cache(maxsize=1 << 14)
def digest_of(contact: str) -> str:
    """What is kept of a contact that was erased: enough to know them again, not to name them."""
    return blake2b(contact.encode(), digest_size=9, person=b"keepwell").hexdigest()


def is_erased(account: Account, contact: str) -> bool:
    """Whether a contact, or the whole account, is to be forgotten."""
    erased = account.state.erased_contacts
    return account.state.erased or (bool(erased) and digest_of(contact) in erased)


def answer(account: Account, event: Event, data: feedback.NpsAnswered) -> None:
    """Each contact's latest of a kind stands. Relational and transactional NPS are never mixed."""
    if is_erased(account, data.contact_id):
        return
    kind = event.type.removeprefix("feedback.")
    if kind == "nps" and data.survey_kind == "transactional":
        kind = "nps.transactional"
    answers = account.state.answers.setdefault(kind, {})
    put(answers, data.contact_id, cell_of(event, [data.score, (data.comment or "")[:EXCERPT]]))


def contact_updated(account: Account, event: Event, data: accounts.ContactUpdated) -> None:
    """Who has left keeps their role beside it: whichever was said later tells whether they are back."""
    if is_erased(account, data.contact_id):
        return
    contacts = account.state.contacts
    is_new = data.contact_id not in contacts
    cells = contacts.setdefault(data.contact_id, {})
    if data.role == "left" or data.traits.get("left") is True:
        put(cells, "left", cell_of(event, True))
    elif data.role is not None:
        put(cells, "role", cell_of(event, data.role))
    for name, value in data.traits.items():
        if name != "left":
            put(cells, own_trait(name), cell_of(event, plain(value)))
    bound_traits(cells, _MOST_TRAITS)
    if is_new:
        _bound_contacts(account.state)


def contact_erased(account: Account, _event: Event, data: accounts.ContactErased) -> None:
    """Nothing is left of them but a digest, which no straggler gets past."""
    state = account.state
    state.erased_contacts[digest_of(data.contact_id)] = True
    state.contacts.pop(data.contact_id, None)
    for answers in state.answers.values():
        answers.pop(data.contact_id, None)
    _bound_contacts(state)


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
