from datetime import timedelta

from services.playbooks.core.assignment import Assigned
from services.playbooks.core.directory import Csm
from services.playbooks.core.episode import Episode
from services.playbooks.core.message import Found, digest, request
from services.playbooks.core.standing import standing
from services.playbooks.core.step import Stepped, step
from services.playbooks.loading import load_all
from services.playbooks.templates import render
from shared.conditions import Facts
from shared.messages.assessments import Cause, Driver, MeasureReading
from tests.support.playbooks import LOW, MONDAY, a_look, an_answer, an_assessment, stalled

OWNER = Assigned(Csm(id="own", name="Owner", email="owner@example.com"), "owner of the account")
SHIPPED = {one.playbook.id: one.playbook for one in load_all()}


def opened(stepped: Stepped) -> Episode:
    assert stepped.episode is not None
    return stepped.episode


def test_a_detractor_tells_the_answer_first_and_only_once() -> None:
    playbook, cause = SHIPPED["detractor"], an_answer(2, MONDAY)
    assessed = an_assessment(
        7,
        MONDAY,
        {"account.churned_at": None, "support.urgent": 1, "account.mrr_minor": 420_000, "account.currency": "EUR"},
        cause=cause,
        score=5200,
        previous_score=7400,
        band="amber",
        previous_band="green",
        drivers=[
            Driver(kind="measure", name="support.urgent", points=-900, reason="urgent ticket T-118 open for 5 days"),
            Driver(
                kind="measure",
                name="feedback.nps",
                points=-1300,
                reason="their admin scored us 2",
                events=["survey a-1"],
            ),
        ],
    )
    stands = standing("northwind", assessed)
    stepped = step(playbook, None, a_look(dict(stands.facts), MONDAY, cause=cause))
    due = MONDAY + timedelta(days=1)
    message = request(
        playbook,
        opened(stepped),
        stepped.asks[1],
        stands,
        OWNER,
        render,
        now=MONDAY,
        fresh=True,
        due_at=due,
        caused_at=MONDAY,
    )
    assert message.title == "Call whoever gave Northwind's 2, within a day"
    assert message.why == ["their admin scored us 2", "urgent ticket T-118 open for 5 days"]
    assert (message.recipient, message.since) == (OWNER.to and OWNER.to.recipient, MONDAY)
    assert (message.account.score, message.account.previous_score, message.account.mrr_minor) == (5200, 7400, 420_000)
    assert message.task is not None
    assert (message.task.due_at, message.task.assigned_because) == (due, "owner of the account")


def test_what_time_caused_tells_what_the_condition_saw_and_what_is_low() -> None:
    measures = [
        MeasureReading(name="usage.recency", weight=10, points=1000, words="no use for 9 working days"),
        MeasureReading(name="feedback.nps", weight=10, points=9000, words="NPS is 50"),
    ]
    stands = standing("northwind", an_assessment(1, MONDAY, LOW, measures=measures))
    stepped = step(stalled(), None, a_look(LOW, MONDAY))
    message = request(stalled(), opened(stepped), stepped.asks[0], stands, OWNER, render, now=MONDAY, fresh=False)
    assert message.why == ["usage breadth is 25 %, under 40 %", "no use for 9 working days"]
    assert message.drivers == []


def test_nobody_found_leaves_the_message_to_the_channels_default() -> None:
    stands = standing("northwind", an_assessment(1, MONDAY, LOW))
    stepped = step(stalled(), None, a_look(LOW, MONDAY))
    message = request(
        stalled(), opened(stepped), stepped.asks[0], stands, Assigned(None, "nobody"), render, now=MONDAY, fresh=False
    )
    assert message.recipient is None


def test_a_digest_lists_what_was_found_most_money_first() -> None:
    found = []
    for account, mrr in (("small", 1000), ("large", 90_000)):
        assessed = an_assessment(1, MONDAY, {**LOW, "account.name": account.title(), "account.mrr_minor": mrr})
        look = a_look(LOW, MONDAY, found_in="import-1", cause=Cause(kind="history"))
        stepped = step(stalled(), None, look)
        found.append(
            Found(
                episode=opened(stepped),
                playbook_name="stalled@1",
                playbook_title="Stalled",
                why=["few features"],
                stands=standing(account, assessed),
            )
        )
    message = digest(found, "import-1", None)
    assert (message.kind, message.account.id) == ("digest", "large")
    assert message.title == "2 accounts need a look: found when import-1 ended"
    assert [(line["account_name"], line["playbook_title"], line["why"]) for line in message.found] == [
        ("Large", "Stalled", "few features"),
        ("Small", "Stalled", "few features"),
    ]
    assert digest(found[::-1], "import-1", None).action_id == message.action_id


class TestTemplates:
    def fill(self, text: str, **facts: object) -> str:
        return render(text, Facts.of({name.replace("__", "."): value for name, value in facts.items()}), MONDAY)

    def test_facts_are_filled_in_as_people_write_them(self) -> None:
        text = (
            "{{ account.name }}: {{ usage.trend | abs }} %, {{ usage.unused_features | first }}, {{account.renews_at}}"
        )
        facts = {
            "account__name": "Northwind",
            "usage__trend": -42.0,
            "usage__unused_features": ["reports", "api"],
            "account__renews_at": "2026-04-12T00:00:00Z",
        }
        assert self.fill(text, **facts) == "Northwind: 42 %, reports, 2026-04-12"

    def test_what_is_unknown_says_so(self) -> None:
        assert self.fill("{{ account.name }} and {{ usage.unused_features | first }}") == "unknown and unknown"

    def test_a_text_that_fails_is_said_as_written(self) -> None:
        assert self.fill("{{ account.name | abs }}", account__name="Northwind") == "{{ account.name | abs }}"

    def test_the_sandbox_gives_nothing_away(self) -> None:
        text = "{{ account.name.__class__.__mro__ }}"
        assert "object" not in self.fill(text, account__name="Northwind")
