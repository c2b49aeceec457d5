"""The catalogue's rows and what scoring tells are the same facts: none without a value, none without a row."""

from datetime import datetime

import msgspec

from services.scoring.core.facts import account_facts
from services.scoring.core.health import health_of
from services.scoring.core.measures.base import View
from shared.conditions import FACTS, FactSpec
from shared.messages import envelope, registry
from shared.messages.envelope import Event
from tests.support.scoring import DAY, NOW, SHIPPED, a_ticket, an_account, an_event, an_invoice, busy
from tests.support.verify import SAMPLES

GONE = {"account.churned", "account.merged", "account.erased", "contact.erased"}
TYPES: dict[str, tuple[type, ...]] = {
    "number": (int, float),
    "text": (str,),
    "boolean": (bool,),
    "instant": (str,),
    "list": (list,),
}


def everything() -> list[Event]:
    """One of every event that was ever a sample, of yesterday, but for those after which nothing is told."""
    told = [envelope.decode(sample.read_bytes()) for sample in SAMPLES]
    return [
        msgspec.structs.replace(one, subject="acme", id=f"e{place}", time=NOW - DAY)
        for place, one in enumerate(told)
        if one.type in registry.CUSTOMER_EVENTS and one.type not in GONE
    ]


def in_trouble() -> list[Event]:
    """What only a bad day has: an urgent ticket, invoices late and failing, a champion who left."""
    issued, due = NOW - 40 * DAY, (NOW - 20 * DAY).isoformat()
    return [
        a_ticket("T9", at=NOW - 3 * DAY, priority="urgent"),
        an_invoice("issued", "I9", at=issued, due_at=due),
        an_invoice("payment_failed", "I9", at=NOW - 2 * DAY, due_at=due),
        an_invoice("issued", "I8", at=issued, due_at=due),
        an_invoice("paid", "I8", at=NOW - 10 * DAY, due_at=due, paid_at=(NOW - 10 * DAY).isoformat()),
        an_event("contact.updated", at=NOW - 9 * DAY, contact_id="c9", role="champion"),
        an_event("contact.updated", at=NOW - 2 * DAY, contact_id="c9", traits={"left": True}),
    ]


def travels(spec: FactSpec) -> bool:
    """What is linear in time is derived from its instant; `health.*` is about the step, and `assess` adds it."""
    return spec.linear_of is None and not spec.name.startswith("health.")


def test_every_row_of_the_catalogue_has_a_value_and_every_value_a_row() -> None:
    found = health_of(an_account(*busy(range(60)), *everything(), *in_trouble()), NOW, SHIPPED).facts
    left = an_account(an_event("account.churned", at=NOW - DAY, reason="price"))
    found = {**account_facts(View(left, NOW, SHIPPED.catalogue)), **found}
    assert set(found) == {name for name, spec in FACTS.items() if travels(spec)}
    for name, value in found.items():
        assert isinstance(value, TYPES[FACTS[name].type]), name
        assert FACTS[name].type != "instant" or datetime.fromisoformat(str(value)).tzinfo is not None
