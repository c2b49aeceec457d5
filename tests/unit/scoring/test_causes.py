"""What assessments tell of the event that caused them: no address, and nobody who was erased."""

import msgspec
import pytest

from services.scoring.core.batch import Batch
from services.scoring.core.causes import cause_of, erased_of, of_news
from services.scoring.core.fold.traits import known_of, named
from services.scoring.core.memory import Memory
from services.scoring.core.packing import encode
from shared.messages.accounts import ContactErased
from tests.support.scoring import NOW, SHIPPED, a_contact, a_ticket, after, an_account, an_event, arrivals, nps, traits

KIM = {"name": "Kim", "title": "CTO", "email": "kim@acme.example", "phone": "+49 30 1234"}


def test_an_address_is_in_no_cause_and_no_state() -> None:
    told = a_contact("c1", "admin", traits=KIM)
    account = an_account(told)
    cause = cause_of(told, None, account)
    assert cause.data["traits"] == {"name": "Kim", "title": "CTO"}
    assert cause.who == "Kim (admin)"
    assert b"1234" not in encode(account.state)
    assert b"kim@" not in encode(account.state)


@pytest.mark.parametrize(
    "late",
    [
        nps(2, comment="too slow"),
        a_contact("c1", "admin", traits=KIM),
        a_ticket("T-9", requester="c1", title="Kim can't log in"),
    ],
)
def test_what_comes_late_of_who_was_erased_names_nobody(late) -> None:  # type: ignore[no-untyped-def]
    account = after(an_event("contact.erased", contact_id="c1"), late, account=an_account())
    cause = cause_of(late, None, account)
    assert cause.who is None
    assert not {"contact_id", "requester", "comment", "title", "traits"} & cause.data.keys()
    assert cause.data.get("score") == (2 if late.type == "feedback.nps" else None)


def test_by_however_much_somebody_is_found_whoever_is_told_can_read_it() -> None:
    account = an_account(a_contact("c1", "admin", traits=KIM))
    account.wrote["c1"] = [f"this is what I wrote in answer {n}" for n in range(500)]
    asked = ContactErased(contact_id="c1", texts=[f"spelling {n}" for n in range(300)])
    whom = erased_of(account, asked)
    assert whom.texts[0] == "Kim"
    assert msgspec.json.decode(msgspec.json.encode(whom), type=ContactErased) == whom


def test_of_traits_those_alone_are_news_that_are_others_than_before() -> None:
    account = an_account(plan="pro")
    event = an_event("account.updated", traits={"plan": "pro", "seats": 11, "region": "emea", "nothing": None})
    before = known_of(account, named(event))
    after(event, account=account)
    cause, nothing_new = of_news(cause_of(event, None, account), before, known_of(account, before))
    assert (cause.data["traits"], nothing_new) == ({"seats": 11, "region": "emea"}, False)
    again = msgspec.structs.replace(event, id="again", time=NOW)
    before = known_of(account, named(again))
    after(again, account=account)
    cause, nothing_new = of_news(cause_of(again, None, account), before, known_of(account, before))
    assert (cause.data["traits"], nothing_new) == ({}, True)


def test_what_says_again_what_was_known_is_told_to_nobody_and_what_is_new_is() -> None:
    memory = Memory(set(), {})

    def told(**known: object) -> int:
        batch = Batch(NOW, SHIPPED, memory)
        batch.take("acme", arrivals(traits(NOW, **known)), behind=False)
        return len(batch.assessments)

    assert [told(plan="pro"), told(plan="pro"), told(plan="pro", keepwell_score=3), told(plan="team")] == [1, 0, 0, 1]
