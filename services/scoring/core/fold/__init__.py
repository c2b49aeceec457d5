"""Folding: events into state, in any order, with the same outcome. Each event is folded once; claims see to that.

Why no order can be seen in what is left. Every part of a state is one of four things, and each of them is a function
of the *set* of events, not of their sequence:

- a **sum of whole numbers** (usage a day, users by their last day, answers about a moment): addition commutes, which
  floats would spoil, so quantities are millionths; and a sum of what is never negative may stop at a bound wherever it
  is reached;
- the **greatest of stamps** (`Cell`): time first, and where two times are equal rank, source and id, so that no two
  different events of an account are ever equal and there is one winner, which `max` finds from either side;
- the **least or greatest** of plain values (a milestone's first day, a user's last one);
- a **bounded set of names**: the first by the alphabet, or by digest, of all that were ever named. Whatever is pushed
  out would be pushed out again whenever it came back, because what pushed it out never leaves.

Above them stands what only ever goes one way: an account that was erased takes nothing any more, and a contact's digest
stays, so that whatever comes before or after it leaves the same.

What is forgotten goes by age alone (`pruning.prune`), so forgetting early and late meet: a straggler that would have
been forgotten is folded, and forgotten before the state is next read or written. A folder that reads one part of the
state to decide about another would break this: so whether a subscription is live, for one, is asked when it is read.
"""

from collections.abc import Callable
from typing import Any, Final

from services.scoring.core.fold import goals, mutes, papers, people, renewals, subscriptions, traits
from services.scoring.core.fold.cells import EXCERPT, hear
from services.scoring.core.fold.usage import fold_usage
from services.scoring.core.state import Account, State
from shared.messages.envelope import Event
from shared.messages.stamps import cell_of, micros
from shared.messages.usage import UsageRecorded

__all__ = ["fold", "fold_usage", "source_of"]

Folder = Callable[[Account, Event, Any], None]


def fold(account: Account, event: Event, data: Any) -> bool:
    """Fold one event. The rows that it names must be at hand, where there are any.

    Returns whether the account's state may be another: no, where only a ticket or an invoice has changed.
    """
    if account.state.erased:
        return False
    if isinstance(data, UsageRecorded):
        fold_usage(account, [(event.time, data)])
        return True
    folder = _FOLDERS.get(event.type)
    if folder is None:
        return False
    account.pruned_on = None
    folder(account, event, data)
    if folder is _account_erased:
        return True
    is_earlier = hear(account.state, source_of(event.type), micros(event.time))
    return is_earlier or folder not in _OF_PAPERS


def source_of(type: str) -> str | None:
    """The source of evidence that an event of this type is heard of from."""
    return _SOURCES.get(type.partition(".")[0])


def _latest(name: str, value: Callable[[Any], Any]) -> Folder:
    """A folder for what is kept as one cell of the state."""

    def folder(account: Account, event: Event, data: Any) -> None:
        cell = cell_of(event, value(data))
        if cell.beats(getattr(account.state, name)):
            setattr(account.state, name, cell)

    return folder


def _account_erased(account: Account, _event: Event, _data: Any) -> None:
    account.state = State(erased=True)
    for rows in (account.tickets, account.invoices, account.users, account.touched, account.counted, account.forgotten):
        rows.clear()


_SOURCES: Final = {
    "usage": "usage",
    "ticket": "tickets",
    "invoice": "invoices",
    "payment": "invoices",
    "feedback": "feedback",
    "interaction": "interactions",
}
"""By the beginning of a type: the source of evidence that it is heard of from. Usage has its own way."""

_OF_PAPERS: Final = (papers.ticket, papers.invoice, papers.invoice_credited, papers.payment_disputed)

_FOLDERS: Final[dict[str, Folder]] = {
    **dict.fromkeys(papers.TICKET_RANK, papers.ticket),
    **{f"invoice.{status}": papers.invoice for status in papers.INVOICE_RANK},
    "invoice.credited": papers.invoice_credited,
    "payment.disputed": papers.payment_disputed,
    **dict.fromkeys(("feedback.nps", "feedback.csat", "feedback.ces"), people.answer),
    "subscription.changed": subscriptions.subscription_changed,
    "account.updated": traits.account_updated,
    "milestone.reached": traits.milestone_reached,
    "renewal.updated": renewals.renewal_updated,
    "goal.set": goals.goal_set,
    **dict.fromkeys(goals.ENDS, goals.goal_ended),
    "contact.updated": people.contact_updated,
    "contact.erased": people.contact_erased,
    "interaction.logged": people.interaction,
    "pulse.set": _latest("pulse", lambda data: [data.score, data.note[:EXCERPT], data.author]),
    "reading.muted": mutes.reading_muted,
    "account.churned": subscriptions.churned,
    "account.merged": _latest("merged", lambda data: data.into),
    "account.erased": _account_erased,
}
