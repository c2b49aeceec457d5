"""What a playbook can't mean is refused; what merely looks wrong is a warning."""

import pytest

from services.playbooks.files import Beside, load_playbook, read_people
from shared.conditions import Declared, Refused

STEPS = "steps: [alert: Hi]\n"
CATALOGUE = Declared(
    plans=("pro", "enterprise"),
    models=("self", "high_touch"),
    milestones=("first_report",),
    features=("reports", "exports"),
    watched=("messages",),
    traits={"tier": "text", "rank": "number"},
)
PEOPLE = read_people("csms: [{id: ana, name: Ana, tier: senior, skills: [billing]}]", "csms.yaml")


def refused(text: str, beside: Beside | None = None) -> list[str]:
    with pytest.raises(Refused) as caught:
        load_playbook(f"id: x\n{text}\n", "p.yaml", beside)
    return [str(problem).splitlines()[0] for problem in caught.value.problems]


def warned(text: str, beside: Beside | None = None) -> list[str]:
    return [str(one).splitlines()[0] for one in load_playbook(f"id: x\n{text}\n", "p.yaml", beside).warnings]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "when:\n  - account.seats < 10\n  - account.seats > 20\n",
            "p.yaml:4:5: This can never hold together with `account.seats < 10 seats` in line 3: "
            "`account.seats > 20 seats`.",
        ),
        (
            "for_accounts: account.stage == onboarding\nwhen: [usage.uses > 3, account.stage == mature]\n",
            "p.yaml:3:24: This can never hold together with `account.stage == onboarding` in line 2: "
            "`account.stage == mature`.",
        ),
        (
            "when: account.seats < 10\nexit_when: account.seats < 20\n",
            "p.yaml:3:12: This holds whenever the playbook fires, so each episode would end at once: "
            "`account.seats < 20 seats`. Turn it round, or leave it out.",
        ),
        (
            "when: usage.uses > 3\nexit_when: [account.churned, not: account.churned]\n",
            "p.yaml:3:35: This can never hold together with `account.churned == true` in line 3: "
            "`not account.churned == true`.",
        ),
        ("when: account.seats > 3\nheld_for:\n", "p.yaml:3:1: `held_for` has no value. Give it one, or take the line"),
        (
            "when: [health.band != green, health.change.7d <= -10]\n",
            "p.yaml:2:30: `health.change.7d` passes by itself as its days go by, which is no recovery. "
            "Say in `exit_when` what is one.",
        ),
        (
            "on_event: feedback.nps\nwhen: [event.score <= 6, event.score > 8]\n",
            "p.yaml:3:26: This can never hold together with `event.score <= 6` in line 3",
        ),
    ],
)
def test_what_can_never_be_is_refused_with_its_place(text: str, said: str) -> None:
    [problem] = refused(text + STEPS)
    assert problem.startswith(said)


def test_an_exit_is_not_blamed_for_a_trigger_that_can_not_be() -> None:
    both = "when: [account.seats < 10, account.seats > 20]\nexit_when: account.seats < 30\n"
    [problem] = refused(both + STEPS)
    assert problem.startswith("p.yaml:2:28: This can never hold")


def test_a_channel_that_a_comment_swallowed_is_refused() -> None:
    [problem] = refused(
        "when: usage.uses > 3\nsteps:\n  - {alert: Hi, severity: high}\n  - alert: Hi\n    channel: #cs\n"
    )
    assert problem.startswith("p.yaml:6:5: `channel` has no value.")
    assert "a value with `#` in front of it needs quotes" in problem


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "when: account.seats < 10\nexit_when: account.seats < 5\n",
            "p.yaml:3:12: This can hold while the playbook fires: such an episode would end at once: "
            "`account.seats < 5 seats`.",
        ),
        (
            "when: {any: [account.plan != pro, account.plan != basic]}\n",
            "p.yaml:2:14: One of these always holds, so nothing is asked: "
            "`account.plan != pro or account.plan != basic`. Did you mean `all`?",
        ),
        (
            "when: [account.seats > 3, account.plan == pro, account.seats > 3]\n",
            "p.yaml:2:48: This stands there twice: `account.seats > 3 seats`.",
        ),
        (
            "when: account.stage == dormant\n",
            "p.yaml:2:7: `dormant` is declared nowhere as a value of `account.stage`.",
        ),
    ],
)
def test_what_looks_wrong_is_a_warning_with_its_place(text: str, said: str) -> None:
    assert warned(text + STEPS) == [said]


@pytest.mark.parametrize(
    "text",
    [
        "when: account.seats < 10\nexit_when: account.seats >= 12\n",
        "when: usage.trend <= -40 %\nexit_when: health.band == green\n",
        "when: [account.seats < 10, usage.uses > 3]\n",
        "on_event: feedback.nps\nwhen: event.score <= 6\nexit_when: feedback.last_nps > 6\n",
        "when: account.plan == Anything\n",
    ],
)
def test_what_makes_sense_is_neither(text: str) -> None:
    assert warned(text + STEPS) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("when: account.plan == Pro\n", "p.yaml:2:7: `Pro` is declared nowhere"),
        ("when: account.plan in [pro, enterprize]\n", "p.yaml:2:7: `enterprize` is declared nowhere"),
        ("when: account.stage == adoptng\n", "p.yaml:2:7: `adoptng` is declared nowhere"),
        ("when: onboarding.model == hightouch\n", "p.yaml:2:7: `hightouch` is declared nowhere"),
        ("when: onboarding.missing contains first-report\n", "p.yaml:2:7: `first-report` is declared nowhere"),
        ("when: usage.unused_features contains export\n", "p.yaml:2:7: `export` is declared nowhere"),
        (
            "on_event: milestone.reached\nwhen: event.milestone == first_rport\n",
            "p.yaml:3:7: `first_rport` is declared nowhere as a value of `event.milestone`.",
        ),
        ("traits: {teir: text}\nwhen: account.traits.teir == a\n", "p.yaml:2:9: The catalogue declares no trait"),
        ("traits: {rank: text}\nwhen: account.traits.rank == a\n", "p.yaml:2:9: In the catalogue the trait `rank`"),
        ("watch: [mesages]\nwhen: usage.feature.mesages.days_7 < 3\n", "p.yaml:2:8: The catalogue doesn't watch"),
    ],
)  # fmt: skip
def test_what_the_catalogue_does_not_have_is_refused_with_the_nearest(text: str, said: str) -> None:
    [problem] = refused(text + STEPS, Beside(declared=CATALOGUE))
    assert problem.startswith(said)
    assert "rank" in text or "Did you mean" in problem
    assert not any("catalogue" in one or "plan" in one for one in warned("when: account.plan == Pro\n" + STEPS))


def test_a_plan_that_is_like_no_other_is_a_warning() -> None:
    [warning] = warned("when: account.plan == startup-2019\n" + STEPS, Beside(declared=CATALOGUE))
    assert warning == "p.yaml:2:7: `startup-2019` is declared nowhere as a value of `account.plan`."


def test_a_tier_that_nobody_has_is_refused_where_it_is_like_one_and_a_warning_else() -> None:
    text = "when: usage.uses > 3\nsteps: [{task: Call, assign: {least_loaded: {tier: seniorr}}}]"
    [problem] = refused(text, Beside(PEOPLE))
    assert problem == ("p.yaml:3:52: Nobody in the directory of CSMs has the tier `seniorr`. Did you mean `senior`?")
    [warning] = warned(text.replace("seniorr", "lead"), Beside(PEOPLE))
    assert warning == "p.yaml:3:52: Nobody in the directory of CSMs has the tier `lead`."
    assert warned(text) == []


def test_a_step_that_waits_for_a_task_that_no_step_is_has_a_warning() -> None:
    [warning] = warned("when: usage.uses > 3\nsteps:\n  - alert: Hi\n  - {after: 1d, unless: task.done, alert: Still}")
    assert warning == "p.yaml:5:25: No step is a task, so `task.done` is never known."


class TestPeople:
    def test_nobody_is_their_own_manager(self) -> None:
        with pytest.raises(Refused, match=r"c\.yaml:1:34: Nobody is their own manager"):
            read_people("csms: [{id: a, name: A, manager: A}]", "c.yaml")

    def test_a_tier_or_skill_that_is_nearly_another_has_a_warning(self, caplog: pytest.LogCaptureFixture) -> None:
        lines = (
            "tier: senior, skills: [billing]",
            "tier: senior, skills: [billing, sso]",
            "tier: seniorr, skills: [biling]",
        )
        csms = "".join(
            f"  - {{id: p{place}, name: P{place}, inbox: true, {line}}}\n" for place, line in enumerate(lines)
        )
        read_people(f"csms:\n{csms}", "c.yaml")
        assert caplog.messages == [
            "c.yaml:4:5: Nobody else has `seniorr`, and 2 people `senior`.",
            "c.yaml:4:5: Nobody else has `biling`, and 2 people `billing`.",
        ]
