"""Memory keeps to its bound: by what accounts take, and by what was used last."""

import gc
import tracemalloc
from datetime import timedelta

import msgspec
import pytest

from services.scoring.core import packing
from services.scoring.core.decision import Changes, unpack
from services.scoring.core.memory import Memory, Standing
from services.scoring.core.state import Account
from shared.messages.envelope import Event
from tests.support.scoring import (
    DAY,
    NOW,
    a_ticket,
    after,
    an_account,
    an_event,
    an_invoice,
    assessed,
    busy,
    nps,
    traits,
    usage,
)

SHAPES: dict[str, list[Event]] = {
    "a customer in daily use": busy(range(60)),
    "many features": [usage(NOW - d * DAY, f"feature-{f}", None) for f in range(60) for d in range(60)],
    "many users": [usage(user=f"user-{n}") for n in range(3000)],
    "many contacts": [
        an_event("contact.updated", contact_id=f"c{n}", role="admin", traits={"name": f"Ada {n}", "vip": True})
        for n in range(800)
    ],
    "many answers": [nps(3, contact=f"c{n}", comment="slow, and slower every day") for n in range(800)],
    "many tickets": [a_ticket(f"T-{n}") for n in range(1500)],
    "many invoices": [an_invoice(invoice_id=f"I-{n}", due_at=NOW.isoformat()) for n in range(1500)],
    "many milestones": [an_event("milestone.reached", milestone=f"m{n}") for n in range(200)],
    "many traits of many parts": [traits(NOW, **{f"t{n}": [f"part {p}" for p in range(50)] for n in range(90)})],
}


def stored(account: Account) -> tuple[bytes, dict[str, list[tuple[bytes, bytes]]], list[tuple[bytes, int]]]:
    """What the database has of an account."""
    papers = {
        name: [(key.encode(), packing.encode_row(row)) for key, row in getattr(account, name).items()]
        for name in ("tickets", "invoices")
    }
    return packing.encode(account.state), papers, [(user.encode(), day) for user, day in account.users.items()]


@pytest.mark.parametrize("shape", SHAPES)
def test_what_an_account_takes_is_not_told_too_low(shape: str) -> None:
    packed, papers, users = stored(an_account(*SHAPES[shape]))
    gc.collect()
    tracemalloc.start()
    try:
        account = Account(
            "acme",
            packing.decode(packed),
            {key.decode(): packing.paper_of("tickets", row) for key, row in papers["tickets"]},
            {key.decode(): packing.paper_of("invoices", row) for key, row in papers["invoices"]},
            {user.decode(): day for user, day in users},
        )
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert taken <= Standing(account, packed=len(packed)).size <= 10 * taken + 20_000


def test_what_the_days_of_change_take_is_not_told_too_low() -> None:
    decision = assessed(an_account()).decision
    days = [(20_000 + n, 100_000 + n) for n in range(92)]
    packed = msgspec.msgpack.encode(msgspec.structs.replace(decision, changes=Changes(tuple(days))))
    bare = msgspec.msgpack.encode(decision)
    sizes = []
    for one in (bare, packed):
        gc.collect()
        tracemalloc.start()
        standing = Standing(Account("acme"), unpack(one))
        sizes.append((tracemalloc.get_traced_memory()[0], standing.size))
        tracemalloc.stop()
    assert sizes[1][0] - sizes[0][0] <= sizes[1][1] - sizes[0][1]


def test_what_was_not_used_for_longest_goes_first() -> None:
    memory = Memory(set(), {})
    for id in ("a", "b", "c"):
        memory.get(id)
    memory.get("a")
    memory.fit(2 * memory.get("a").size)
    assert set(memory.accounts) == {"c", "a"}
    memory.fit(0)
    assert not memory.accounts


def test_one_that_takes_more_than_there_is_does_not_stay() -> None:
    memory = Memory(set(), {})
    memory.put(Standing(after(*(a_ticket(f"T{n}") for n in range(100)))))
    memory.fit(100_000)
    assert not memory.accounts


def test_an_account_counts_as_much_as_it_takes_since_it_was_used() -> None:
    memory = Memory(set(), {})
    for id in ("a", "b"):
        memory.get(id)
    memory.fit(2 * memory.get("a").size)
    assert set(memory.accounts) == {"a", "b"}
    memory.get("b").packed = 100_000
    memory.fit(memory.get("b").size)
    assert set(memory.accounts) == {"b"}


def test_work_comes_in_parts_that_fit_by_what_the_last_ones_took() -> None:
    memory = Memory(set(), {})
    ids = [f"a{n}" for n in range(1000)]
    parts = []
    for part in memory.parts(ids, 2**20):
        parts.append(len(part))
        for id in part:
            memory.get(id)
        memory.fit(2**20)
    assert parts[0] < parts[1] == parts[2]
    assert sum(parts) == 1000
    assert max(parts) * memory.get("a1").size <= 2**20
    big = Memory(set(), {}, average=2**30)
    assert [len(part) for part in big.parts(ids[:3], 2**20)] == [1, 1, 1]


def test_of_the_many_that_wait_those_that_have_waited_longest_are_known() -> None:
    memory = Memory(set(), {}, most_waiting=2)
    for minutes, id in enumerate(("a", "b", "a", "b")):
        memory.wait(id, NOW + timedelta(minutes=minutes))
    assert not memory.more_wait
    memory.wait("c", NOW + DAY)
    assert (list(memory.waiting), memory.more_wait) == (["a", "b"], True)
    del memory.waiting["a"]
    memory.wait("d", NOW + DAY)
    assert list(memory.waiting) == ["b"], "c has waited longer than d"


def test_a_source_is_written_as_heard_of_at_most_once_a_minute() -> None:
    memory = Memory(set(), {})
    assert memory.hear({"usage": NOW}) == [("usage", NOW)]
    soon, later = NOW + timedelta(seconds=59), NOW + timedelta(seconds=60)
    assert memory.hear({"usage": soon, "tickets": NOW - DAY}) == [("tickets", NOW - DAY)]
    assert memory.hear({"usage": later}) == [("usage", later)]
