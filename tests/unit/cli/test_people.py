"""What a lead types: who has how much, whose book goes to whom, whose account it is."""

from typing import Any

from deploy.cli.main import app as keepwell
from deploy.cli.people import app
from tests.support.cli import Answer, Asked, FakeStack, page

ANA: dict[str, Any] = {
    "id": "ana",
    "name": "Ana",
    "teams": [{"id": "east", "name": "East", "lead": "lee"}],
    "open": {"task": 3, "alert": 1, "flag": 0},
    "capacity": 25,
    "overdue": 2,
    "due_today": 0,
    "away_until": "2026-03-08",
    "next_away": {"from": "2026-04-01", "to": "2026-04-03"},
    "left": None,
    "reachable": True,
    "full": True,
    "accounts": {"high_touch": 18, "low_touch": 0, "self": 4},
    "mrr": [{"currency": "EUR", "amount_minor": 350_00}, {"currency": "USD", "amount_minor": 99_00}],
    "warning": "122 % of a book",
}


def test_people_are_listed_with_what_they_have_beside_what_they_can_take(stack: FakeStack) -> None:
    stack.on("GET /playbooks/v1/people", page(ANA))
    result = stack.run(app, "--team", "east")
    words = " ".join(result.output.split())
    assert "ana Ana East 22 €350 + $99 3 of 25 2 – 1 – away until 8 Mar 2026, away from 1 Apr 2026, full" in words
    assert stack.asked[0].query == {"team": "east"}


def test_a_book_is_handed_over_until_nothing_is_left(stack: FakeStack) -> None:
    left = [4, 0]

    def answer(asked: Asked) -> Answer:
        said = {"moved": 3, "accounts": 3, "accounts_left": left.pop(0), "warning": "Ben is away until 8 Mar 2026."}
        return Answer(said)

    stack.on("POST /playbooks/v1/people/ana/hand-over", answer)
    result = stack.run(app, "hand-over", "ana", "ben", "--all", "--reason", "she leaves")
    assert "6 pieces of work of ana went to ben." in result.output
    assert "Ben is away until 8 Mar 2026." in result.output
    assert stack.asked[1].json() == {"to": "ben", "reason": "she leaves", "all": True}
    assert stack.run(app, "hand-over", "ana", "ben").exit_code == 2


def test_an_owner_is_changed_and_what_is_open_moves_along(stack: FakeStack) -> None:
    stack.on("PATCH /ingest/v1/accounts/northwind", Answer({"accepted": 1, "refused": []}, 202))
    result = stack.run(keepwell, "change", "northwind", "owner=ben@example.com", "seats=40", "plan=", "--move-open")
    assert "northwind: owner, seats and plan are changed." in result.output
    sent = stack.asked[0].json()
    assert sent == {"owner": "ben@example.com", "seats": 40, "plan": None, "move_open": True}


def test_a_person_there_is_changed_by_their_id(stack: FakeStack) -> None:
    stack.on("PATCH /ingest/v1/contacts/northwind/kim", Answer({"accepted": 1, "refused": []}, 202))
    result = stack.run(keepwell, "change", "northwind", "role=champion", "--contact", "kim")
    assert "kim: role is changed." in result.output
    assert stack.run(keepwell, "change", "northwind", "owner").exit_code == 2
