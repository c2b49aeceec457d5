"""What is counted of tickets and invoices as they come is what counting all of them anew would find."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.core import pruning
from services.scoring.core.batch import Batch
from services.scoring.core.clock import day_of
from services.scoring.core.health import health_of
from services.scoring.core.memory import Memory
from services.scoring.core.state import Account
from services.scoring.core.surveys import AnswerRow, stamp
from shared.messages.envelope import Event
from shared.messages.erasing import digest_of
from tests.support.histories import some_events
from tests.support.scoring import DAY, NOW, SHIPPED, after, an_event, arrivals, nps, traits

_WHEN: Final = st.integers(-300, 2).map(lambda day: (NOW + day * DAY).isoformat())
_TICKET: Final[st.SearchStrategy[dict[str, Any]]] = st.fixed_dictionaries(
    {"ticket_id": st.sampled_from(["T1", "T2", "T3"]), "priority": st.sampled_from(["low", "urgent"])},
    optional={"closed_at": _WHEN, "first_response_at": _WHEN},
)
_NAMES: Final = st.sampled_from(["I1", "I2", "I3", "I4", "I5"])
_INVOICE: Final[st.SearchStrategy[dict[str, Any]]] = st.fixed_dictionaries(
    {
        "invoice_id": _NAMES,
        "amount_minor": st.sampled_from([0, 1, 3_333, 10_000]),
        "currency": st.sampled_from(["EUR", "EUR", "USD"]),
    },
    optional={"due_at": _WHEN, "paid_at": _WHEN},
)


@st.composite
def papers(draw: st.DrawFn) -> list[Event]:
    """Messages of tickets and invoices, a little else between them."""
    found: list[Event] = []
    for place in range(draw(st.integers(0, 25))):
        id, at = f"p{place}", NOW + draw(st.integers(-300, 0)) * DAY
        kind = draw(
            st.sampled_from(
                ["opened", "updated", "closed", "issued", "payment_failed", "paid", "voided", "credited", ""]
            )
        )
        if kind in ("opened", "updated", "closed"):
            found.append(an_event(f"ticket.{kind}", id=id, at=at, opened_at=draw(_WHEN), **draw(_TICKET)))
        elif kind == "disputed":
            state = draw(st.sampled_from(["open", "won", "lost"]))
            found.append(an_event("payment.disputed", id=id, at=at, invoice_id=draw(_NAMES), state=state))
        elif kind:
            found.append(an_event(f"invoice.{kind}", id=id, at=at, **draw(_INVOICE)))
        else:
            found.append(draw(st.sampled_from([nps(3, at=at), traits(at, currency="USD"), traits(at, seats=7)])))
    return found


def _anew(account: Account) -> Account:
    return replace(account, counted={})


@settings(max_examples=80)
@given(st.lists(st.one_of(papers(), some_events(8)), max_size=3), st.lists(st.integers(0, 200), max_size=6), st.data())
def test_counting_as_they_come_is_counting_anew_on_any_day_in_any_order(
    parts: Sequence[list[Event]], days: list[int], data: st.DataObject
) -> None:
    events = data.draw(st.permutations([event for part in parts for event in part]))
    account, looks = Account("acme"), iter(sorted(days))
    now = NOW
    for place, event in enumerate(events):
        after(event, account=account)
        if place % 4 == 3:
            # Days pass; now and then somebody looks at a day that is over, and what is long settled is dropped.
            now = NOW + next(looks, (now - NOW).days) * DAY
            _same(account, now - DAY)
            if place % 8 == 7:
                pruning.drop_tombstones(account, day_of(now))
        _same(account, now)


def _same(account: Account, now: datetime) -> None:
    counted, anew = health_of(account, now, SHIPPED), health_of(_anew(account), now, SHIPPED)
    assert (counted.readings, counted.facts, counted.score, counted.unknown) == (
        anew.readings,
        anew.facts,
        anew.score,
        anew.unknown,
    )


def _load_words(memory: Memory, event: Event, rows: Mapping[tuple[str, str], AnswerRow]) -> None:
    """What somebody who is to be erased wrote is read from the rows that are kept."""
    if event.type == "contact.erased":
        contact = msgspec.json.decode(event.data)["contact_id"]
        wrote = [row.comment for row in rows.values() if row.contact_id == contact and row.comment]
        memory.get("acme").account.wrote.update({contact: wrote})


def _save_answers(batch: Batch, event: Event, rows: dict[tuple[str, str], AnswerRow]) -> None:
    """Of answers to one invitation the latest stays; of who was erased no words do."""
    for key, row in batch.surveys.answers.items():
        if key not in rows or stamp(row) > stamp(rows[key]):
            rows[key] = row
    erased = msgspec.json.decode(event.data).get("contact_id") if event.type == "contact.erased" else None
    rows.update({key: row._replace(comment=None) for key, row in rows.items() if row.contact_id == erased})
    if event.type == "account.erased":
        rows.clear()
    batch.memory.get("acme").account.wrote.clear()


@settings(max_examples=60)
@given(st.lists(st.one_of(papers(), some_events(8)), max_size=3))
def test_what_a_batch_tells_event_by_event_is_what_each_event_alone_would_tell(parts: Sequence[list[Event]]) -> None:
    # Usage is told once a batch, before all else; and what is told says since when the batch had something to tell.
    events = [event for part in parts for event in part if event.type != "usage.recorded"]
    events = [msgspec.structs.replace(event, accepted=None) for event in events]
    together, alone = Memory(set(), {}), Memory(set(), {})
    batch = Batch(NOW, SHIPPED, together)
    batch.take("acme", arrivals(*events), behind=False)
    told: list[Any] = []
    rows: dict[tuple[str, str], AnswerRow] = {}
    for one in events:
        single = Batch(NOW, SHIPPED, alone)
        _load_words(alone, one, rows)
        single.take("acme", arrivals(one), behind=False)
        _save_answers(single, one, rows)
        told += single.assessments
    assert batch.assessments == told
    assert together.get("acme").decision == alone.get("acme").decision


def test_what_somebody_wrote_who_is_erased_in_the_same_batch_is_told_once() -> None:
    batch = Batch(NOW, SHIPPED, Memory(set(), {}))
    erased = [an_event("contact.erased", contact_id="c1", id=id) for id in ("first", "again")]
    batch.take("acme", arrivals(nps(2, contact="c1", comment="private words", id="answer"), *erased), behind=False)
    assert [one.assessed.erased.texts for one in batch.assessments if one.assessed.erased is not None] == [
        ["private words"],
        [],
    ]
    (row,) = batch.surveys.answers.values()
    assert (row.score, row.erased, row.comment, row.contact_id) == (2, True, None, digest_of("c1"))
