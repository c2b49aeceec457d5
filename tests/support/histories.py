"""Histories for property tests: events of every type, over more than a year, many of them at one and the same time."""

import json
from datetime import timedelta
from typing import Any, get_args

from hypothesis import strategies as st

from shared.messages import registry
from shared.messages.billing import Status
from shared.messages.envelope import Event
from tests.support.scoring import DAY, NOW, an_event
from tests.support.verify import SAMPLES, type_of


def _data(type: str) -> st.SearchStrategy[dict[str, Any]]:
    few = st.sampled_from
    when = st.integers(-400, 0).map(lambda d: (NOW + d * DAY).isoformat())
    score = {"feedback.nps": 10, "feedback.csat": 5, "feedback.ces": 7}
    contact = few(["c1", "c2", "c3"])
    if type == "usage.recorded":
        return st.fixed_dictionaries(
            {"feature": few(["reports", "api", "sso"]), "quantity": few([0, 0.1, 1, 2.7, 1e9])},
            optional={"user_id": few(["u1", "u2", "u3"]), "actor": few(["human", "integration", "agent"])},
        )
    if type.startswith("ticket."):
        return st.fixed_dictionaries(
            {"ticket_id": few(["T1", "T2"]), "priority": few(["low", "urgent"]), "opened_at": when},
            optional={
                **{"closed_at": when, "first_response_at": when},
                **{"requester": contact, "contact_id": contact, "title": few(["it fails"])},
                "merged_into": few([None, "T1"]),
            },
        )
    if type == "payment.disputed":
        return st.fixed_dictionaries({"invoice_id": few(["I1", "I2"]), "state": few(["open", "won", "lost"])})
    if type.startswith("invoice."):
        return st.fixed_dictionaries(
            {"invoice_id": few(["I1", "I2"]), "amount_minor": few([100, 999]), "currency": few(["EUR", "JPY"])},
            optional={"due_at": when, "paid_at": when},
        )
    if type in score:
        return st.fixed_dictionaries(
            {"contact_id": contact, "score": st.integers(1, score[type])},
            optional={"survey_kind": few(["relational", "transactional"]), "comment": few(["good", "bad"])},
        )
    others: dict[str, st.SearchStrategy[dict[str, Any]]] = {
        "subscription.changed": st.fixed_dictionaries(
            {"subscription_id": few([None, "s1", "s2"])},
            optional={
                "mrr_minor": few([None, 1, 2, 500]),
                "currency": few(["EUR", "JPY"]),
                "plan": few(["pro", "starter"]),
                "seats": few([None, 5, 50]),
                "status": few([*get_args(Status), None]),
                **dict.fromkeys(("started_at", "renews_at", "ends_at"), st.none() | when),
                "term_months": few([1, 12]),
                "auto_renews": few([True, False]),
                "reason": few(["price", None]),
            },
        ),
        "account.updated": st.fixed_dictionaries(
            {
                "traits": st.dictionaries(
                    few(["name", "plan", "segment", "own"]), st.one_of(st.none(), few(["a", "b", "pro"])), max_size=3
                ).flatmap(lambda plain: few([plain, {**plain, "mrr_minor": 7}, {**plain, "seats": 9, "mrr_minor": 3}]))
            }
        ),
        "contact.updated": st.fixed_dictionaries(
            {"contact_id": contact, "traits": st.dictionaries(few(["a", "b"]), few([1, "x"]), max_size=2)},
            optional={
                "role": few(["champion", "admin", "left"]),
                "user_ids": few([["u1"], ["u2", "u3"]]),
                "roles": few([["champion"], ["user", "decision_maker"], ["left"]]),
            },
        ),
        **dict.fromkeys(
            ("contact.consented", "contact.unsubscribed"),
            st.fixed_dictionaries({"contact_id": contact, "kind": few(["survey", "all"])}),
        ),
        "milestone.reached": st.fixed_dictionaries({"milestone": few(["data_imported", "team_invited"])}),
        "account.churned": st.fixed_dictionaries({"reason": few(["price", "gone"])}),
        "interaction.logged": st.fixed_dictionaries({"kind": few(["call", "mail"])}, optional={"contact_id": contact}),
        "pulse.set": st.fixed_dictionaries(
            {"score": st.integers(1, 10), "note": few(["calm", "worried"]), "author": few(["a"])}
        ),
        "reading.muted": st.fixed_dictionaries(
            {
                "measure": few(["support.urgent", "feedback.nps", "nothing.known"]),
                "until": st.integers(-40, 40).map(lambda d: (NOW + d * DAY).isoformat()),
                "reason": few(["imported twice", "test data"]),
                "author": few(["a"]),
            }
        ),
        "goal.set": st.fixed_dictionaries(
            {"goal_id": few(["g1", "g2"]), "title": few(["a", "b"]), "due_at": when},
            optional={
                "fact": few(["usage.breadth", "health.score", "no.fact"]),
                "op": few([">="]),
                "target": few([1, 60]),
            },
        ),
        **dict.fromkeys(("goal.reached", "goal.dropped"), st.fixed_dictionaries({"goal_id": few(["g1", "g2"])})),
        "note.added": st.fixed_dictionaries({"text": few(["an outage"]), "author": few(["a", "b"])}),
        "account.merged": st.fixed_dictionaries({"into": few(["other"])}),
        "contact.erased": st.fixed_dictionaries({"contact_id": contact}),
        "account.erased": st.just({}),
    }
    if type in others:
        return others[type]
    # A type that has nothing of its own here is sent as its samples have it.
    return few([json.loads(one.read_bytes())["data"] for one in SAMPLES if type_of(one) == type])


_COMMON = [type for type in registry.CUSTOMER_EVENTS if type not in ("account.erased", "account.merged")]


@st.composite
def some_events(draw: st.DrawFn, most: int = 25) -> list[Event]:
    """Events of every type over a year, many at one and the same time."""
    types = st.sampled_from(_COMMON) if draw(st.integers(0, 9)) else st.sampled_from(list(registry.CUSTOMER_EVENTS))
    found = []
    for place in range(draw(st.integers(0, most))):
        type = draw(types)
        days = draw(st.sampled_from([0, 0, 0, -1, -5, -20, -29, -30, -31, -89, -90, -91, -92, -180, -200, -364, -366]))
        at = NOW + timedelta(days=days, hours=draw(st.sampled_from([0, 0, 3])))
        found.append(an_event(type, at=at, id=f"e{place}", **draw(_data(type))))
    return found
