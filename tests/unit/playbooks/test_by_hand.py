"""Tasks that people write by hand: who gets them, what the message says, and what ends them."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from services.playbooks.core.erasing import item_left, listed_left, mute_left
from services.playbooks.core.item import NotPossible
from services.playbooks.core.moved import MovedItem
from services.playbooks.core.workinghours import parse_duration
from shared.messages.erasing import ERASED, Forgetting
from tests.support.desk import Office
from tests.support.playbooks import DAY, HIGH, HOUR, LOW, MONDAY

FEW = "id: few\nwhen: usage.breadth < 40 %\nmatter: usage\nsteps: [{task: Few features, severity: high}]"
OWNED = {**HIGH, "account.owner": "ana@example.com", "contacts.main_id": "kim", "contacts.main": "Kim (champion)"}
HERE = """
roles: {last_resort: lee}
csms:
  - {id: ana, name: Ana, email: ana@example.com, manager: lee, hours: 09:00-17:00, away: AWAY}
  - {id: ben, name: Ben, email: ben@example.com, manager: lee}
  - {id: lee, name: Lee, email: lee@example.com}
"""


def office(away: str = "[]", **facts: Any) -> Office:
    made = Office(FEW, people=HERE.replace("AWAY", away))
    made.assess(MONDAY, {**OWNED, **facts})
    return made


def test_it_goes_to_the_owner_and_is_due_in_their_working_time() -> None:
    made = office()
    task = made.write(MONDAY, "Send the deck", "lee", due=parse_duration("2 business days"), note="Kim asked.")
    assert (task.assignee, task.because, task.due_at) == ("ana", "owner of the account", MONDAY + 2 * DAY)
    (told,) = made.sent
    assert (told.kind, told.title, told.why) == ("task", "Send the deck", ["Lee: Kim asked."])
    assert (told.account.name, told.playbook_title, told.not_before) == (
        "Northwind",
        "Written by Lee",
        datetime(2026, 3, 3, 8, 30, tzinfo=UTC),
    )
    assert (made.moves[-1].actor, made.moves[-1].reason) == ("lee", "owner of the account. Kim asked.")
    assert made.loads["ana"].open_tasks == 1


def test_an_owner_who_is_away_is_passed_over_and_gets_it_when_back() -> None:
    made = office("[{from: 2026-03-02, to: 2026-03-08}]")
    task = made.write(MONDAY, "Send the deck")
    assert (task.assignee, task.last_resort) == ("lee", True)
    assert task.passed_over == ("the owner is away until 8 Mar 2026",)
    made.wait(datetime(2026, 3, 9, tzinfo=UTC))
    assert made.only("task").assignee == "ana"


@pytest.mark.parametrize(
    ("actor", "to", "because"),
    [
        ("lee", "ben", "given by Lee"),
        ("ben@example.com", "ben", "their own"),
        ("a key", "Ana", "given by a key, though Ana is away until 8 Mar 2026"),
    ],
)
def test_whom_a_person_names_gets_it_wherever_they_are(actor: str, to: str, because: str) -> None:
    made = office("[{from: 2026-03-02, to: 2026-03-08}]")
    task = made.write(MONDAY, "Send the deck", actor, assignee=to)
    assert (task.assignee, task.because) == (to.lower(), because)


def test_nobody_gets_what_is_for_nobody_who_is_there() -> None:
    with pytest.raises(NotPossible, match="nobody called 'bob'"):
        office().write(MONDAY, "Send the deck", assignee="bob")


def test_whom_it_is_about_is_named_as_people_speak_of_them() -> None:
    made = office()
    made.write(MONDAY, "Call Kim", contact_id="kim")
    made.write(MONDAY, "Call Joe", contact_id="joe")
    assert [one.to_call for one in made.sent] == [("kim", "Kim (champion)"), ("joe", "joe")]


def test_when_it_is_overdue_whoever_answers_for_the_assignee_hears_once() -> None:
    made = office()
    task = made.write(MONDAY, "Send the deck", due_at=MONDAY + DAY)
    (told,) = made.wait(MONDAY + DAY)
    assert (told.title, told.recipient and told.recipient.id) == ("Overdue: Send the deck", "lee")
    assert made.wait(MONDAY + 2 * DAY) == []
    made.do(task, "done", MONDAY + 2 * DAY)
    assert made.open("alert") == []


def test_it_is_closed_by_people_and_by_what_happens_to_the_customer_alone() -> None:
    made = office()
    task = made.write(MONDAY, "Send the deck")
    made.assess(MONDAY + HOUR, {**OWNED, **LOW})
    made.assess(MONDAY + 2 * HOUR, OWNED)
    assert made.items[task.id].state == "open"
    made.assess(MONDAY + 3 * HOUR, {**OWNED, "account.churned": True})
    closed = made.items[task.id]
    assert (closed.state, closed.over_because, made.loads["ana"].open_tasks) == ("closed", "the customer left", 0)
    # What is written of a customer who has left is about that.
    exit_interview = made.write(MONDAY + 4 * HOUR, "Ask why they left")
    made.assess(MONDAY + 5 * HOUR, {**OWNED, "account.churned": True, "account.seats": 3})
    assert made.items[exit_interview.id].state == "open"


def test_what_somebody_took_up_stays_and_says_that_the_customer_left() -> None:
    made = office()
    task = made.write(MONDAY, "Send the deck")
    made.do(task, "comment", MONDAY + HOUR, note="Asked for prices.")
    made.assess(MONDAY + 2 * HOUR, {**OWNED, "account.churned": True})
    assert (made.items[task.id].state, made.items[task.id].over_because) == ("open", "the customer left")


def test_an_account_that_is_merged_takes_it_along_and_gets_no_other() -> None:
    made = office()
    task = made.write(MONDAY, "Send the deck")
    made.assess(MONDAY + HOUR, {}, gone="merged", merged_into="heron")
    assert made.items[task.id].state == "closed"
    with pytest.raises(NotPossible, match="merged into heron"):
        made.write(MONDAY + 2 * HOUR, "Send the deck again")


def test_what_a_playbook_asks_about_the_same_matter_joins_it_and_the_persons_words_stay() -> None:
    made = office()
    task = made.write(MONDAY, "Train the team", matter="usage")
    made.assess(MONDAY + HOUR, {**OWNED, **LOW})
    joined = made.only("task")
    assert (joined.id, joined.request.title, joined.request.severity) == (task.id, "Train the team", "high")
    assert joined.request.do == "Also: Few features."
    made.assess(MONDAY + 2 * HOUR, OWNED)
    assert made.only("task").state == "open"
    with pytest.raises(NotPossible, match=r"Ana has an open task about usage at northwind already: 'Train the team'"):
        made.write(MONDAY + 3 * HOUR, "Train them", matter="usage")


def test_other_messages_tell_of_it_as_open_work() -> None:
    made = office()
    made.write(MONDAY, "Send the deck", "lee")
    (told,) = made.assess(MONDAY + HOUR, {**OWNED, **LOW})
    assert told.open_work == ["task for Ana: Send the deck"]


def test_whoever_was_erased_is_in_no_words_of_it() -> None:
    made, kim = office(), Forgetting("northwind", "kim", ["Kim Miller"])
    task = made.write(MONDAY, "Call Kim Miller", checklist=["Ask Kim Miller", "Prices"], note="Kim Miller wrote.")
    left = item_left(task, kim, frozenset())
    assert ([point.text for point in left.checklist], left.note) == ([ERASED, "Prices"], ERASED)
    assert "Miller" not in f"{left.request}"
    whole = item_left(task, Forgetting("northwind"), frozenset())
    assert [point.text for point in whole.checklist] == [ERASED, ERASED]


def test_whoever_was_erased_is_not_in_why_an_account_is_muted() -> None:
    made, kim = office(), Forgetting("northwind", "kim", ["Kim Miller"])
    made.mute(MONDAY, MONDAY + DAY)
    stands = made.standings["northwind"]
    assert mute_left(stands, kim) == stands
    assert stands.muted is not None
    named = msgspec.structs.replace(stands, muted=msgspec.structs.replace(stands.muted, reason="Kim Miller asked"))
    left = mute_left(named, kim)
    assert (left.muted and left.muted.reason, left.muted and left.muted.until) == (ERASED, MONDAY + DAY)


def test_whoever_was_erased_is_not_in_why_something_moved() -> None:
    row = MovedItem("hand ana", "t1", "ana", "ben", "handed over by lee: Kim Miller asked", MONDAY)
    assert "Miller" not in listed_left(row, Forgetting("northwind", "kim", ["Kim Miller"])).why
    assert listed_left(row, Forgetting("northwind")) == row._replace(why=ERASED)
    assert listed_left(row, Forgetting("northwind", "sam", ["Sam Field"])) == row


def test_what_was_closed_with_its_account_is_opened_by_nobody_again() -> None:
    made = office()
    task = made.write(MONDAY, "Send the deck")
    made.assess(MONDAY + HOUR, {}, gone="erased")
    with pytest.raises(NotPossible, match="the account was erased"):
        made.do(task, "reopen", MONDAY + 2 * HOUR)
