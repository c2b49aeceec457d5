"""The catalogue's rows and what scoring tells are the same facts: none without a value, none without a row."""

from dataclasses import replace
from datetime import datetime
from fractions import Fraction

import msgspec
import pytest

from services.scoring.core.batch import Batch
from services.scoring.core.clock import day_of
from services.scoring.core.company import company_assessed
from services.scoring.core.measures import MEASURES
from services.scoring.core.memory import Memory
from services.scoring.core.pruning import prune
from services.scoring.core.renewals import renewal_id
from services.scoring.core.scorecard import Rules, Scorecard, Weighted
from shared.conditions import FACTS, Facts
from shared.messages import envelope, registry
from shared.messages.envelope import Event
from shared.messages.stamps import micros
from tests.support.scoring import (
    DAY,
    NOW,
    SHIPPED,
    a_contact,
    a_goal,
    a_pulse,
    a_subscription,
    a_talk,
    a_ticket,
    after,
    an_account,
    an_event,
    an_invoice,
    arrivals,
    assessed,
    busy,
    ces,
    csat,
    nps,
    told,
    traits,
    usage,
)
from tests.support.verify import SAMPLES

LEFT = ("account.churned", "account.churned_at", "account.churn_reason", "account.churn_voluntary")
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


def test_every_fact_that_travels_is_in_the_catalogue_with_its_type() -> None:
    events = [
        *busy(range(365, 402)),
        *busy(range(60)),
        *everything(),
        nps(9),
        a_ticket(priority="urgent"),
        an_invoice("payment_failed", due_at=(NOW - 9 * DAY).isoformat()),
        an_invoice("paid", "I-2", due_at=(NOW - 9 * DAY).isoformat()),
        a_ticket("T2", type="closed", first_response_at=NOW),
        csat(3),
        ces(3),
        a_contact("c1", "decision_maker", user_ids=["u1"]),
        a_talk("c1"),
        a_contact("c", "champion"),
        a_contact("c", "left", at=NOW),
        # The champion of the samples is gone, too.
        a_contact("c-4", "left", at=NOW),
        an_event("milestone.reached", milestone="workspace_created"),
        a_pulse(4),
        a_goal("late", due_at=NOW - DAY),
        a_goal("next", due_at=NOW + DAY),
        a_goal("met", fact="account.seats", op=">=", target=1),
        a_subscription(NOW - 99 * DAY, mrr_minor=500, seats=50, plan="pro"),
        a_subscription(NOW - 9 * DAY, mrr_minor=400, seats=40, ends_at=(NOW + 9 * DAY).isoformat()),
        a_subscription(NOW - 99 * DAY, "yen", mrr_minor=1, currency="JPY", ends_at=(NOW + 9 * DAY).isoformat()),
        a_subscription(NOW, "sub_1", status="canceled"),
        an_event(
            "renewal.updated",
            renewal_id=renewal_id("acme", "s1", micros(NOW + 9 * DAY)),
            forecast="at_risk",
            outcome="lost",
            author="ana@example.com",
        ),
    ]
    account = an_account(
        *events, segment="smb", domain="acme.example", owner="o@example.com", parent_id="p", renews_at=NOW
    )
    prune(account.state, day_of(NOW))
    every = tuple(Weighted(name, 1, measure.curve) for name, measure in MEASURES.items())
    rules = Rules(SHIPPED.catalogue, (Scorecard("every", 1, "every account", every, minimum_coverage=0),))
    earlier = assessed(account, rules=rules, now=NOW - 2 * DAY).decision
    first = assessed(account, before=earlier, by=events[-1], rules=rules)
    gone = after(an_event("account.churned", at=NOW, reason="price"), account=account)
    left = told(assessed(gone, before=first.decision, rules=rules)).facts
    stays = told(assessed(an_account(renews_at=NOW), rules=rules)).facts
    renewed = told(assessed(an_account(renews_at=NOW - 9 * DAY), rules=rules)).facts
    watched = replace(
        SHIPPED.catalogue, watch=("exports",), allowances={"pro": {"reports": 100}}, key_account_minor=100
    )
    more = an_account(
        *busy(range(60)),
        *(usage(NOW - day * DAY, "exports", f"u{n}") for day in range(15, 50) for n in range(2)),
        a_contact("boss", "decision_maker"),
        a_contact("boss", "left", at=NOW),
        a_contact("kim", "champion", user_ids=["u1"]),
        a_talk(kind="QBR"),
    )
    people = {
        name: value
        for name, value in told(assessed(more, rules=Rules(watched, rules.cards))).facts.items()
        if not name.startswith(("usage.limit.", "usage.feature."))
    }
    ours = told(assessed(an_account(excluded="test"), rules=rules)).facts
    again = told(assessed(after(traits(NOW + DAY, signed_at=NOW + DAY), account=gone), now=NOW + DAY)).facts
    declared = Rules(replace(SHIPPED.catalogue, sources={"usage": 0}), rules.cards)
    never = told(assessed(an_account(), rules=declared)).facts["usage.never"]
    all_facts = {
        **ours,
        **renewed,
        **stays,
        **people,
        **told(first).facts,
        **{name: left[name] for name in LEFT},
        "usage.never": never,
    }
    all_facts |= company_assessed(an_event("source.interrupted", account="$company"), 1, {"usage"}, NOW).facts
    all_facts["account.came_back_at"] = again["account.came_back_at"]
    facts = Facts.of(all_facts)
    assert {name for name in all_facts if name not in FACTS} == set()
    assert {name for name in FACTS if facts.get(name, NOW) is None} == set()
    assert all_facts["contacts.champion_left_at"] == "2026-05-20T12:00:00Z"
    for name, value in all_facts.items():
        assert isinstance(value, TYPES[FACTS[name].type]), name
        assert FACTS[name].type != "instant" or datetime.fromisoformat(str(value)).tzinfo is not None
    silent = told(assessed(account, now=NOW + 500 * DAY, rules=rules)).facts
    unused = told(assessed(an_account(), now=NOW + 500 * DAY, rules=declared)).facts
    for told_of in (all_facts, silent, unused):
        for name, value in told_of.items():
            lowest, highest = FACTS[name].lowest, FACTS[name].highest
            if isinstance(value, int | float) and lowest is not None and highest is not None:
                assert lowest <= value <= highest, name
    assert (silent["usage.silence"], unused["usage.never"]) == (65, 180)


@pytest.mark.parametrize(
    ("known", "name", "role"),
    [
        ([a_contact("kim", roles=["user", "decision_maker"], traits={"name": "Kim"})], "Kim", "decision_maker"),
        ([a_contact("kim", "admin")], None, "admin"),
        ([a_contact("kim", traits={"name": 7})], None, None),
        ([a_contact("bo", "admin")], None, None),
    ],
)
def test_what_is_told_of_an_event_says_who_its_contact_is(
    known: list[Event], name: str | None, role: str | None
) -> None:
    batch = Batch(NOW, SHIPPED, Memory(set(), {}))
    batch.take("acme", arrivals(*known, nps(2, contact="kim")), behind=False)
    cause = batch.assessments[-1].assessed.cause
    assert (cause.contact_name, cause.contact_role) == (name, role)


@pytest.mark.parametrize(
    ("minor", "currency", "rates", "is_key"),
    [
        (100_000, "EUR", {}, True),
        (99_999, "EUR", {}, False),
        (100_000, "USD", {"EUR": 1, "USD": "0.9"}, False),
        (120_000, "USD", {"EUR": 1, "USD": "0.9"}, True),
        (120_000, "GBP", {"EUR": 1}, None),
        (None, "EUR", {}, None),
    ],
)
def test_a_key_account_pays_what_the_catalogue_says_in_its_own_currency_or_that_of_the_rates(
    minor: int | None, currency: str, rates: dict[str, str | int], is_key: bool | None
) -> None:
    exact = {name: Fraction(rate) for name, rate in rates.items()}
    rules = replace(SHIPPED, catalogue=replace(SHIPPED.catalogue, key_account_minor=100_000, rates=exact))
    facts = told(assessed(an_account(mrr_minor=minor, currency=currency), rules=rules)).facts
    assert facts.get("account.is_key") is is_key
    assert "account.is_key" not in told(assessed(an_account())).facts
