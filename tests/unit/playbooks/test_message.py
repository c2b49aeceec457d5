from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from services.playbooks.core.assignment import Assignment
from services.playbooks.core.directory import Csm
from services.playbooks.core.episode import Episode, StepResult
from services.playbooks.core.findings import Line, digest, list_of, lists
from services.playbooks.core.look import Look
from services.playbooks.core.message import Errand, Visit, overdue, request, with_card
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.rules import Entry, Library
from services.playbooks.core.standing import Standing, card, standing
from services.playbooks.core.step import step
from services.playbooks.files import load_all, read_people
from shared.conditions import Facts
from shared.files.templates import render
from shared.messages.actions import ActionRequested, Recipient
from shared.messages.assessments import AccountAssessed, Cause, Driver, MeasureReading
from tests.support.playbooks import DAY, LOW, MONDAY, a_look, a_playbook, an_answer, an_assessment, stalled

OWNER = Assignment(Csm(id="own", name="Owner", email="owner@example.com"), "owner of the account")
SHIPPED = {one.playbook.id: one.playbook for one in load_all()}


def opened(stepped: StepResult) -> Episode:
    assert stepped.episode is not None
    return stepped.episode


def told(
    playbook: Playbook,
    look: Look,
    stands: Standing,
    to: Assignment = OWNER,
    *,
    place: int = 0,
    fresh: bool = False,
    due_at: datetime | None = None,
) -> ActionRequested:
    """The message of one of the asks of a playbook that fires at this look."""
    stepped = step(playbook, None, look)
    errand = Errand(stepped.asks[place], playbook, opened(stepped), Visit(stands, look, fresh))
    return request(errand, to, render, due_at)


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
    due = MONDAY + timedelta(days=1)
    look = a_look(dict(stands.facts), MONDAY, cause=cause)
    message = told(playbook, look, stands, fresh=True, due_at=due)
    assert message.caused_at == MONDAY
    assert message.title == "Call Northwind: someone there scored us 2"
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
    message = told(stalled(), a_look(LOW, MONDAY), stands)
    assert message.why == ["usage breadth is 25 %, under 40 %", "no use for 9 working days"]
    assert message.drivers == []


def test_nobody_found_leaves_the_message_to_the_channels_default() -> None:
    stands = standing("northwind", an_assessment(1, MONDAY, LOW))
    assert told(stalled(), a_look(LOW, MONDAY), stands, Assignment(None, "nobody")).recipient is None


def test_a_digest_lists_what_was_found_most_money_first() -> None:
    found = []
    for account, mrr in (("small", 1000), ("large", 90_000)):
        assessed = an_assessment(1, MONDAY, {**LOW, "account.name": account.title(), "account.mrr_minor": mrr})
        look = a_look(LOW, MONDAY, found_in="import-1", cause=Cause(kind="history"))
        stepped = step(stalled(), None, look)
        found.append(Line(opened(stepped), stalled(), ["few features"], card(standing(account, assessed))))
    message = digest(found, "import-1", None)
    assert (message.kind, message.account.id) == ("digest", "large")
    assert message.title == "2 accounts need a look, found in the imported history"
    assert [(line["account_name"], line["playbook_title"], line["why"]) for line in message.found] == [
        ("Large", "Stalled", "few features"),
        ("Small", "Stalled", "few features"),
    ]
    assert digest(found[::-1], "import-1", None).action_id == message.action_id


def said(
    playbook: str | Playbook, facts: dict[str, Any], stands: Standing | None = None, **look: Any
) -> ActionRequested:
    """The first message of a playbook that fires on these facts."""
    chosen = SHIPPED[playbook] if isinstance(playbook, str) else playbook
    known = {"account.churned_at": None, **facts}
    stands = stands or standing(
        "acme-7", AccountAssessed(rev=1, at=MONDAY, cause=Cause(kind="usage"), scorecard="d@1", facts=facts)
    )
    return told(chosen, Look.of("acme-7", known, MONDAY, occasion="rev 1", **look), stands)


def test_an_account_without_a_name_is_called_by_its_id() -> None:
    assert said("detractor", {}, cause=an_answer(2, MONDAY)).title == "Call acme-7: someone there scored us 2"


def test_an_answer_that_moved_no_score_is_told_in_its_own_words() -> None:
    cause = an_answer(2, MONDAY)
    commented = msgspec.structs.replace(cause, data={**cause.data, "comment": "too slow"})
    message = said("detractor", {}, cause=commented)
    assert message.why == ['someone there scored us 2: "too slow"']
    assert message.do == "Read what they wrote before you call. Say sorry, and name the fix and its date."
    silent = said("detractor", {}, cause=cause)
    assert silent.why == ["someone there scored us 2"]
    assert silent.do == "They left no comment: ask what went wrong. Say sorry, and name the fix and its date."


@pytest.mark.parametrize(
    ("name", "role", "who"),
    [
        ("Kim Novak", "decision_maker", "Kim Novak (decision maker)"),
        ("Kim Novak", None, "Kim Novak"),
        (None, "admin", "their admin"),
        (None, None, "someone there"),
    ],
)
def test_whom_to_call_is_named_in_title_and_text(name: str | None, role: str | None, who: str) -> None:
    cause = msgspec.structs.replace(an_answer(2, MONDAY), contact_name=name, contact_role=role)
    known = (role or "contact").replace("_", " ")
    moved = Driver(
        kind="measure", name="feedback.nps", points=-9, reason=f"their {known} scored us 2", events=["survey a-1"]
    )
    stands = standing("northwind", an_assessment(1, MONDAY, cause=cause, drivers=[moved]))
    look = a_look({"account.churned_at": None}, MONDAY, cause=cause)
    playbook = SHIPPED["detractor-decision-maker" if role == "decision_maker" else "detractor"]
    task = told(playbook, look, stands, fresh=True)
    assert task.title == f"Call Northwind: {who} scored us 2"
    assert task.why[0] == (f"{who} scored us 2" if name else f"their {known} scored us 2")
    assert (task.contact_id, task.contact) == ("admin", who)
    assert said(playbook, {}, cause=cause).why == [f"{who} scored us 2"]


def test_whoever_shall_call_reads_the_whole_comment() -> None:
    comment = "it is slow, " * 40
    cause = an_answer(2, MONDAY)
    cause = msgspec.structs.replace(cause, data={**cause.data, "comment": comment})
    cut = Driver(
        kind="measure",
        name="feedback.nps",
        points=-900,
        reason='their admin scored us 2: "it is slow, it…"',
        events=["survey a-1"],
    )
    stands = standing("northwind", an_assessment(1, MONDAY, cause=cause, drivers=[cut]))
    look = a_look({"account.churned_at": None}, MONDAY, cause=cause)
    message = told(SHIPPED["detractor"], look, stands, fresh=True)
    assert message.why == [f'their admin scored us 2: "{comment.strip()}"']
    assert [driver.reason for driver in message.drivers] == message.why


def test_what_the_card_shows_is_said_again_only_when_there_is_nothing_else() -> None:
    healthy = {"health.band": "green", "health.previous_band": "red"}
    better = a_playbook("id: p\nwhen: [health.band == green, health.previous_band == red]\nsteps: [alert: Hi]")
    assert said(better, healthy).why == ["health is green", "health before is red"]
    driver = Driver(kind="measure", name="usage.trend", points=4000, reason="usage rose by 80 %")
    assessed = an_assessment(1, MONDAY, healthy, drivers=[driver])
    look = a_look(healthy, MONDAY, by_time=False)
    message = told(better, look, standing("northwind", assessed), fresh=True)
    assert message.why == ["usage rose by 80 %"]


def test_only_what_made_it_fire_is_a_reason() -> None:
    either = a_playbook("id: p\nwhen: {any: [support.urgent >= 1, usage.breadth < 40 %]}\nsteps: [alert: Look]")
    assert said(either, {"support.urgent": 0, "usage.breadth": 25}).why == ["usage breadth is 25 %, under 40 %"]
    neither = a_playbook("id: p\nwhen: {not: usage.breadth >= 40 %}\nsteps: [alert: Look]")
    assert said(neither, {"usage.breadth": 25}).why == ["usage breadth is 25 %, under 40 %"]


def test_what_is_not_known_is_a_reason_only_where_there_is_no_other() -> None:
    both = a_playbook("id: p\nwhen: [relationship.pulse is unknown, account.seats == 777]\nsteps: [alert: Look]")
    assert said(both, {"account.seats": 777}).why == ["777 seats"]
    alone = a_playbook("id: p\nwhen: relationship.pulse is unknown\nsteps: [alert: Look]")
    assert said(alone, {}).why == ["pulse is unknown"]


def test_a_rule_on_the_account_alone_says_why() -> None:
    one = a_playbook("id: p\nfor_accounts: account.plan == pro\nwhen: account.plan == pro\nsteps: [alert: Look]")
    assert said(one, {"account.plan": "pro"}).why == ["plan is pro"]


def test_what_a_measure_tells_is_not_said_by_its_instant_again() -> None:
    driver = Driver(kind="measure", name="billing.failed", points=-900, reason="a payment has failed for 8 days")
    left = Driver(kind="cap", name="contacts.champion_left_at is known", points=-900, reason="the champion left")
    failed = (MONDAY - 8 * DAY).isoformat()
    facts = {"billing.payment_failed_at": failed, "contacts.champion_left_at": MONDAY.isoformat()}
    facts["contacts.left"] = "Lee (champion)"
    stands = standing("northwind", an_assessment(1, MONDAY, facts, drivers=[driver, left]))
    look = a_look(facts, MONDAY, by_time=False)
    assert told(SHIPPED["payment-failed"], look, stands, fresh=True).why == [driver.reason, left.reason]
    gone = told(SHIPPED["champion-left"], look, stands, fresh=True)
    assert gone.why == ["who left is Lee (champion)", driver.reason, left.reason]


def test_a_measure_says_its_reading_better_than_the_condition() -> None:
    measures = [MeasureReading(name="usage.breadth", weight=10, points=1000, words="1 of 4 features used")]
    stands = standing("northwind", an_assessment(1, MONDAY, LOW, measures=measures))
    assert said(stalled(), LOW, stands).why == ["1 of 4 features used"]


def test_what_was_found_so_does_not_claim_to_be_new() -> None:
    assert said(stalled(), LOW).since == MONDAY
    assert said(stalled(), LOW, found_in="import-1", act_on_found=True).since is None


@pytest.mark.parametrize(
    ("found_in", "where"),
    [
        ("imp_303cba97e3f07a3f", "in the imported history"),
        ("scorecard renewal@1a2b3c", "by the changed scorecard renewal"),
        ("playbook stalled@1a2b3c", "by the new or changed playbook stalled"),
    ],
)
def test_a_list_says_where_it_was_found_in_words(found_in: str, where: str) -> None:
    stepped = step(stalled(), None, a_look(LOW, MONDAY, found_in=found_in))
    stands = standing("northwind", an_assessment(1, MONDAY, LOW))
    assert (
        digest([Line(opened(stepped), stalled(), ["x"], card(stands))], list_of(found_in), None).title
        == f"1 account needs a look, found {where}"
    )


def test_an_overdue_task_says_when_on_the_readers_clock() -> None:
    task = said("payment-failed", {"billing.payment_failed_at": "2026-02-20T09:00:00Z"})
    lead = Recipient(id="lead", name="Lead", time_zone="America/New_York")
    late, now = MONDAY + timedelta(hours=12), standing("acme-7", an_assessment(2, MONDAY))
    told = [overdue(task, now, "a", to, who, late).why[0] for to, who in ((lead, "Owner"), (None, "nobody"))]
    assert told == [
        "was due Mon 2 Mar 2026, 17:00 New York time, assigned to Owner",
        "was due Mon 2 Mar 2026, 22:00 UTC, assigned to nobody",
    ]


def test_reminders_show_the_account_as_it_is_now() -> None:
    told = msgspec.structs.replace(
        said("payment-failed", {"billing.payment_failed_at": "2026-02-20T09:00:00Z"}),
        drivers=[Driver(kind="measure", name="usage.trend", points=-900, reason="usage fell")],
    )
    now = standing("acme-7", an_assessment(9, MONDAY, {"account.name": "Acme"}, score=4000, previous_score=6000))
    reminded = [overdue(told, now, "a", None, "nobody", MONDAY), with_card(told, now)]
    assert [(one.account.name, one.account.score, one.drivers) for one in reminded] == [("Acme", 4000, [])] * 2
    same = standing("acme-7", an_assessment(9, MONDAY, {"account.name": "Acme"}))
    assert with_card(told, same).drivers == told.drivers


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
        assert self.fill(text, **facts) == "Northwind: 42 %, reports, 12 Apr 2026"

    def test_numbers_are_as_precise_as_people_speak(self) -> None:
        text = "{{ usage.trend | abs }} % {{ support.load }} {{ account.seats }}"
        assert self.fill(text, usage__trend=-97.14, support__load=2.46, account__seats=20) == "97 % 2.5 20"

    def test_what_is_unknown_says_so(self) -> None:
        assert self.fill("{{ account.name }} and {{ usage.unused_features | first }}") == "unknown and unknown"

    @pytest.mark.parametrize(
        "reckoned",
        ["usage.trend | abs", "usage.trend | round", "usage.trend | round(1, 'ceil')", "(100 - usage.trend) * 2 / 3"],
    )
    def test_what_is_reckoned_with_the_unknown_is_unknown(self, reckoned: str) -> None:
        text = f"{{% if usage.trend < 0 %}}less{{% else %}}by{{% endif %}} {{{{ {reckoned} }}}} %"
        assert self.fill(text) == "by unknown %"

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("Call {{ account.name }}, {{ account.name | abs }} %", "Call Northwind, unknown %"),
            ("Call {{ account.name }} about {{ usage.trend | int }} %", "Call Northwind about unknown %"),
            ("Call {% if account.name > 1 %}them{% else %}us{% endif %} now", "Call now"),
            ("{% if account.name > 1 %}Call them{% endif %}", "Look at Northwind"),
        ],
    )
    def test_a_text_that_fails_has_holes_and_is_never_sent_raw(self, text: str, said: str) -> None:
        assert self.fill(text, account__name="Northwind") == said

    def test_no_shipped_text_is_sent_raw_whatever_is_unknown(self) -> None:
        texts = [text for one in SHIPPED.values() for step in one.steps for text in (step.title, step.do) if text]
        for text in texts:
            assert not {"{", "}"} & set(render(text, Facts.of({}), MONDAY))

    def test_the_sandbox_gives_nothing_away(self) -> None:
        text = "{{ account.name.__class__.__mro__ }}"
        assert "object" not in self.fill(text, account__name="Northwind")


def test_a_list_comes_within_its_readers_hours() -> None:
    own = "{id: own, name: Own, email: owner@example.com, hours: 09:00-17:00}"
    people = read_people(f"csms: [{own}]", "csms.yaml")
    stepped = step(stalled(), None, a_look(LOW, MONDAY, found_in="import-1"))
    stands = standing("northwind", an_assessment(1, MONDAY, LOW))
    library = Library([Entry(stalled(), "")])
    night = MONDAY + timedelta(hours=12)
    for owner, at, wanted in (
        ("owner@example.com", MONDAY, None),
        ("owner@example.com", night, MONDAY + timedelta(hours=22, minutes=30)),
        (None, night, None),
    ):
        (told,) = lists([(owner, opened(stepped), stands)], "import-1", library, people, at)
        assert told.not_before == wanted
