"""The address book: what stands of what is told of people, in whatever order; and that nobody comes back."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.core.contacts import Book, Cells, Key, consents_of, keys_of, reach_of, text_of
from services.notifier.views import Contact
from shared.messages import registry
from shared.messages.envelope import Event
from shared.messages.erasing import digest_of
from tests.support.notifier import NOW, of_kim

KIM = Key("northwind", "kim")


def updated(minutes: int = 0, id: str = "", **traits: Any) -> Event:
    return of_kim("contact.updated", minutes, id, traits=traits)


def after(*batches: tuple[Event, ...]) -> Book:
    """The book after batches, each with nothing at hand but the rows that it asks for."""
    contacts: dict[Key, Cells] = {}
    erased: set[Key] = set()
    for batch in batches:
        wanted = {key for one in batch for key in keys_of(one.subject, registry.data_of(one))}
        book = Book({key: dict(contacts[key]) for key in wanted & contacts.keys()}, wanted & erased)
        for one in batch:
            book.fold(one, registry.data_of(one))
        erased |= book.newly_erased
        gone = set(book.erased_accounts)
        contacts = {key: cells for key, cells in contacts.items() if key not in book.removed and key[0] not in gone}
        contacts |= {key: book.contacts[key] for key in book.changed}
    return Book(contacts, erased)


def known(book: Book) -> Cells:
    return book.contacts.get(KIM, {})


def given_at(book: Book, kind: str) -> tuple[bool, datetime] | None:
    return next(((one.given, one.at) for one in consents_of(known(book)) if one.kind == kind), None)


def test_each_trait_is_what_was_said_of_it_last() -> None:
    book = after(
        (updated(0, name="Kim", email="kim@old.example", phone="+49 30 1"), updated(1, email="kim@new.example"))
    )
    assert [text_of(known(book), name) for name in ("name", "email", "phone", "language")] == [
        *("Kim", "kim@new.example", "+49 30 1"),
        None,
    ]


def test_null_and_blank_say_that_there_is_none_any_more() -> None:
    book = after((updated(0, email="kim@x.example", phone="1"), updated(1, email=None, phone="  ")))
    assert text_of(known(book), "email") is None
    assert text_of(known(book), "phone") is None


def test_who_is_told_of_without_an_address_is_not_in_the_book() -> None:
    assert after((updated(0, title="CTO"),)).contacts == {}


def test_a_refusal_ends_a_consent_and_a_later_consent_a_refusal() -> None:
    asked = of_kim("contact.consented", 0, kind="survey", text="Ask me.")
    left = of_kim("contact.unsubscribed", 1, kind="survey")
    assert given_at(after((asked,)), "survey") == (True, NOW)
    assert given_at(after((asked, left)), "survey") == (False, NOW + timedelta(minutes=1))
    again = of_kim("contact.consented", 3, kind="survey", at=NOW + timedelta(minutes=2))
    assert given_at(after((again, left, asked)), "survey") == (True, NOW + timedelta(minutes=2))
    assert consents_of(known(after((asked,))))[0].text == "Ask me."


@pytest.mark.parametrize(
    "told",
    [
        # A nightly sync tells what was agreed to long ago.
        of_kim("contact.consented", 60, kind="survey", at=NOW - timedelta(days=1)),
        # A clock is ahead.
        msgspec.structs.replace(of_kim("contact.consented", 60 * 20, kind="survey"), accepted=NOW),
    ],
)
def test_a_consent_of_before_takes_no_refusal_back_whenever_it_is_told(told: Event) -> None:
    left = of_kim("contact.unsubscribed", 1, kind="survey")
    for order in ((told, left), (left, told)):
        assert given_at(after(order), "survey") == (False, NOW + timedelta(minutes=1))


def test_however_many_kinds_there_are_what_was_said_of_all_stays() -> None:
    many = [of_kim("contact.consented", n, kind=f"2026-{n:03}") for n in range(120)]
    book = after((of_kim("contact.unsubscribed", 200, kind="all"), *many))
    assert given_at(book, "all") == (False, NOW + timedelta(minutes=200))
    assert len(consents_of(known(book))) == 50


def test_at_one_instant_a_refusal_outweighs_a_consent() -> None:
    both = (of_kim("contact.unsubscribed", 0, "a", kind="survey"), of_kim("contact.consented", 0, "b", kind="survey"))
    assert given_at(after(both), "survey") == (False, NOW)
    assert given_at(after(both[::-1]), "survey") == (False, NOW)


def test_whoever_was_erased_leaves_a_digest_and_does_not_come_back() -> None:
    book = after(
        (updated(0, email="kim@x.example"),), (of_kim("contact.erased", 1),), (updated(2, email="kim@y.example"),)
    )
    assert book.contacts == {}
    assert book.erased == {Key("northwind", digest_of("kim"))}


def test_nobody_of_an_account_that_was_erased_comes_back() -> None:
    book = after(
        (updated(0, email="kim@x.example"),), (of_kim("account.erased", 1),), (updated(2, email="kim@y.example"),)
    )
    assert book.contacts == {}
    assert book.erased == {Key("northwind", "")}


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_an_instant_beyond_the_calendar_can_be_read_back(at: str) -> None:
    asked = of_kim("contact.consented", 0, kind="survey", at=datetime.fromisoformat(at))
    assert Contact.of("northwind", "kim", known(after((asked,)))).consents[0].at.year in (1, 9999)


@pytest.mark.parametrize("value", ["x" * 60_000, "\x1b[31m\u202e", 10**400, 1e308, True, ["a"], {"a": 1}])
def test_whatever_somebody_takes_for_an_address_is_bounded_and_harmless(value: Any) -> None:
    cells = known(after((updated(0, phone=value),)))
    assert len(text_of(cells, "phone") or "") <= 320
    assert reach_of(cells).isprintable()


_EVENTS = [
    updated(0, name="Kim", email="a@x.example"),
    updated(0, "again", email="b@x.example", phone=49301),
    updated(1, language="de", email=None),
    of_kim("contact.consented", 0, kind="survey"),
    of_kim("contact.unsubscribed", 0, kind="survey"),
    of_kim("contact.unsubscribed", 2, kind="all"),
]
_ERASES = [of_kim("contact.erased", 1), of_kim("account.erased", 1)]


@given(st.permutations(_EVENTS), st.lists(st.integers(0, len(_EVENTS)), max_size=3))
def test_the_book_is_the_same_in_any_order_and_split(events: list[Event], cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(events)]
    batches = [tuple(events[a:b]) for a, b in pairwise(places)]
    assert after(*batches, tuple(events[:2])).contacts == after(tuple(_EVENTS)).contacts


@given(st.permutations([*_EVENTS, *_ERASES]), st.sampled_from(_ERASES))
def test_whoever_is_erased_stays_so_in_any_order(events: list[Event], kept: Event) -> None:
    batches = [(one,) for one in events if one not in _ERASES or one == kept]
    book = after(*batches)
    assert book.contacts == {}
    assert len(book.erased) == 1
