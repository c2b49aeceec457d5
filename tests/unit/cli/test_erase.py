import pytest

from deploy.cli.main import app
from tests.support.cli import Answer, FakeStack, problem

TAKEN = Answer({"accepted": 1, "refused": [], "topics_forget_by": "2026-06-03T09:00:00Z"}, 202)


@pytest.fixture
def taking(stack: FakeStack) -> FakeStack:
    stack.on("GET /scoring/v1/accounts/big%20co", Answer({}))
    stack.on("POST /ingest/v1/events", TAKEN)
    return stack


def test_a_person_is_forgotten_by_all_they_are_found_by(taking: FakeStack) -> None:
    told = taking.run(
        app, "erase", "contact", "big co", "c1", "--also", "Kim", "--also", "kim@old.example", "--yes"
    ).output
    [event] = taking.asked[-1].json()
    assert event["type"] == "contact.erased"
    assert event["data"] == {"contact_id": "c1", "texts": ["Kim", "kim@old.example"]}
    assert "within a minute" in told
    assert "3 Jun 2026" in told


def test_an_account_is_forgotten(taking: FakeStack) -> None:
    told = taking.run(app, "erase", "account", "big co", "-y").output
    [event] = taking.asked[-1].json()
    assert (event["type"], event["account"]) == ("account.erased", "big co")
    assert "big co is forgotten" in told


def test_nobody_is_forgotten_whose_account_is_misspelt(stack: FakeStack) -> None:
    stack.on("GET /scoring/v1/accounts/bg", problem(404, "not_found", "There is no account bg."))
    done = stack.run(app, "erase", "account", "bg", "--yes")
    assert done.exit_code == 1
    assert "no account bg" in done.output
