"""Who looks only at the playbooks that a change concerns decides the same as who looks at all of them."""

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from services.playbooks.core import settling, step
from services.playbooks.core.assignment import Load
from services.playbooks.core.concerned import changed
from services.playbooks.core.days import differing
from services.playbooks.core.episode import Episode, Move
from services.playbooks.core.interruptions import Interruption
from services.playbooks.core.rules import Library, Rules
from services.playbooks.core.standing import Standing
from services.playbooks.core.work import Work
from services.playbooks.files import load_playbook, read_people
from shared.files.templates import render
from shared.messages.assessments import Cause
from tests.support.playbooks import DAY, HIGH, HOUR, LOW, MONDAY, SECOND, a_look, an_answer, an_assessment

STEPS = "\nsteps: [{task: Call}, {after: 1d, unless: task.done, alert: Nobody did}, {after: 2d, flag: Sell}]"
TEXTS: Final = [
    f"id: plain\nwhen: usage.breadth < 40 %{STEPS}",
    f"id: held\nwhen: usage.breadth < 40 %\nheld_for: 30h{STEPS}",
    f"id: often\nwhen: usage.breadth < 40 %\nrepeat: {{after: 2d, at_most: 2 per 9d}}{STEPS}",
    f"id: exits\nwhen: support.open > 3\nexit_when: support.open < 2{STEPS}",
    f"id: silent\nwhen: days_since usage.last_seen_at >= 3\nrepeat: {{after: 1d}}{STEPS}",
    f"id: renews\nfor_accounts: account.plan != free\nwhen: days_until account.renews_at <= 5{STEPS}",
    f"id: left\nwhen: days_since account.churned_at <= 2{STEPS}",
    f"id: nobody\nwhen: {{any: [usage.breadth is unknown, not: support.open <= 9]}}{STEPS}",
    f"id: asks\non_event: feedback.nps\nwhen: [event.score <= 6, usage.breadth < 50 %]\nrepeat: {{after: 2d}}{STEPS}",
    f"id: each\non_event: feedback.nps\nper: contact\nwhen: event.score <= 6\nexit_when: support.open > 3{STEPS}",
    f"id: later\nwhen: support.open > 1\nheld_for: 2d\nrepeat: {{after: 3d}}{STEPS}",
    "id: starts\nwhen: usage.breadth < 30 %\nsteps: [{alert: Hi}, {after: 1d, start: renews}]",
    "id: ways\nwhen: usage.breadth < 40 %\nsteps: [{if: support.open > 3, then: [alert: Many], else: [alert: Few]}, "
    "{until: days_since usage.last_seen_at >= 4, within: 9d, then: [alert: Silent], else: [task: Ask]}]",
    "id: waits\nwhen: support.open > 1\nsteps: [{task: Ask}, {until: task.done, within: 3d, else: [alert: Nobody]}, "
    "{after: 2d, alert: Still, unless: usage.breadth > 60 %}, "
    "{after: 1d, if: usage.breadth < 30 %, then: [task: Low]}]",
    "id: ended\nwhen: usage.breadth < 40 %\nrepeat: {after: 2d}\nsteps: [{task: Call}, {after: 1d, alert: Hi}]",
    "id: heard\non_event: feedback.nps\nrepeat: {after: 1d}\nexit_when: usage.breadth > 60 %\nsteps: [task: Call]",
    "id: done\non_event: feedback.nps\nsteps: [{alert: Came}, {after: 1d, alert: Later}]",
    "id: better\nwhen: usage.breadth > 60 %\ncloses: [plain, exits, silent]\nsteps: [alert: Better]",
]
RULES: Final = Rules(
    Library([load_playbook(text, "test.yaml") for text in TEXTS]), read_people("csms: []", "csms.yaml"), render
)
OLD: Final = RULES._replace(library=Library([load_playbook(text.replace("40", "30"), "x.yaml") for text in TEXTS[2:]]))
KEPT: Final = {
    (one.playbook.id, one.playbook.version): one.playbook for rules in (OLD, RULES) for one in rules.library.loaded
}
"""Every text that was ever in force: what is under way stays with its own."""
INSTANTS = st.integers(-10, 10).map(lambda days: (MONDAY + days * DAY).isoformat())
FACTS: Final[dict[str, st.SearchStrategy[Any]]] = {
    "usage.breadth": st.sampled_from([25.0, 25, 35.0, 75.0, True]),
    "support.open": st.sampled_from([0, 2, 5]),
    "usage.last_seen_at": INSTANTS,
    "account.renews_at": INSTANTS,
    "account.plan": st.sampled_from(["free", "pro"]),
    "account.churned_at": INSTANTS,
    "account.excluded": st.just("partner"),
}


class Happening(NamedTuple):
    """What comes next, after so much time: an assessment that changes facts, or what somebody does by hand."""

    after: timedelta
    facts: dict[str, Any]
    kind: str
    in_time: bool
    """All timers that are due have run before."""


happenings = st.lists(
    st.builds(
        Happening,
        st.sampled_from([*range(0, 60, 3), -30]).map(lambda hours: hours * HOUR + SECOND),
        st.dictionaries(st.sampled_from(sorted(FACTS)), st.booleans(), max_size=2).flatmap(
            lambda names: st.fixed_dictionaries({n: FACTS[n] if known else st.none() for n, known in names.items()})
        ),
        st.sampled_from([*["plain"] * 6, "answer", "answer", "quiet", "found", "deaf", "by hand", "old"]),
        st.booleans(),
    ),
    max_size=30,
)


class Road:
    """One account with all its playbooks, as the database and the handler keep it."""

    def __init__(self, *, looks_at_all: bool, rules: Rules = RULES) -> None:
        self._rules = self._goes_by = rules
        self._adopted_at = MONDAY
        self._looks_at_all = looks_at_all
        self._facts: dict[str, Any] = {}
        self.standing: Standing | None = None
        self._episodes: dict[str, Episode] = {}
        self.timer: datetime | None = None
        self._rev = 0
        self.moves: list[Move] = []
        self.told: list[str] = []
        self.skipped = 0

    def go(self, one: Happening, at: datetime) -> None:
        if one.in_time:
            while self.timer is not None and self.timer <= at:
                due, self.timer = self.timer, None
                work = self._load(one, at)
                work.time("northwind", due)
                self._save(work)
        rules = OLD if one.kind == "old" else self._rules
        if rules is not self._goes_by:
            self._goes_by, self._adopted_at = rules, at
        work = self._load(one, at)
        if one.kind == "by hand":
            for episode in [found for found in self._episodes.values() if found.is_under_way]:
                work.by_hand(episode, lambda playbook, of, look: step.end(playbook, of, look, "enough"), "ada", at)
        else:
            self._facts = {n: v for n, v in (self._facts | one.facts).items() if v is not None}
            self._rev += 1
            kinds: dict[str, dict[str, Any]] = {
                "answer": {"cause": an_answer(2, at, f"a{self._rev}")},
                "quiet": {"imports": ["i1"]},
                "found": {"cause": Cause(kind="history"), "found_in": "i1"},
            }
            more = kinds.get(one.kind, {"cause": Cause(kind="usage", accepted=at)})
            work.assess("northwind", an_assessment(self._rev, at, self._facts, **more), {})
        self._save(work)

    def _load(self, one: Happening, at: datetime) -> Work:
        stands = self.standing
        if stands is not None and self._looks_at_all:
            stands = msgspec.structs.replace(stands, settled=False)
        deaf = [Interruption("usage", at)] if one.kind == "deaf" else []
        self.skipped += stands is not None and stands.settled
        kept = [stands] if stands is not None else []
        rules, episodes = self._goes_by, self._episodes.values()
        for playbook, version in rules.library.missing(episodes):
            rules.library.add(playbook, version, KEPT[playbook, version])
        return Work(rules, kept, episodes, at, deaf, self._adopted_at)

    def _save(self, work: Work) -> None:
        settling.close(work, [])
        settling.carry_out(work, {id: Load(0, 0) for id in settling.people(work)})
        changes = work.changes
        self.standing = changes.standings.get("northwind", self.standing)
        self._episodes |= changes.episodes
        for retired in changes.retired:
            self._episodes.pop(retired, None)
        timer = changes.timers.get("account:northwind")
        self.timer = min((at for at in (timer, self.timer) if at is not None), default=None)
        self.moves += changes.moves
        self.told += [one.event.id for one in changes.out]


DELETED: Final = [
    Happening(9 * HOUR + SECOND, {"account.plan": "free", "usage.breadth": None}, "plain", in_time=False),
    Happening(15 * HOUR + SECOND, {}, "plain", in_time=False),
    Happening(SECOND, {"account.plan": "free", "usage.breadth": 25.0}, "old", in_time=True),
    Happening(9 * HOUR + SECOND, {}, "plain", in_time=False),
]
"""A playbook goes while its clock stands still, what it asks for is known again meanwhile, and it comes back."""


@given(happenings)
@example(DELETED)
@settings(max_examples=50)
def test_looking_at_what_is_concerned_decides_as_looking_at_all_does(road: list[Happening]) -> None:
    few, all_of_them, at = Road(looks_at_all=False), Road(looks_at_all=True), MONDAY
    few_first = Happening(SECOND, {**LOW, "support.open": 0}, "plain", in_time=True)
    for one in (few_first, *road, few_first._replace(after=30 * DAY, facts=HIGH)):
        at += one.after
        few.go(one, at)
        all_of_them.go(one, at)
        assert few.moves == all_of_them.moves
        assert few.told == all_of_them.told
    event(f"settled {min(few.skipped // 5, 4) * 5} times or more")


@pytest.mark.parametrize(("before", "after"), [(1, True), ([1], [True]), (["a"], ["b"]), ([1], 1), (1, None)])
def test_what_conditions_tell_apart_has_changed(before: Any, after: Any) -> None:
    road = Road(looks_at_all=False)
    for day in range(2):
        road.go(Happening(HOUR, {"account.traits.x": before}, "plain", in_time=True), MONDAY + day * HOUR)
    stands = road.standing
    assert stands is not None
    look = a_look({"account.owner": "owner@example.com", "account.traits.x": after}, MONDAY + 2 * HOUR)
    assert changed(stands, look, differing(stands.facts, look.values)) == ["account.traits.x"]
    look = a_look({"account.owner": "owner@example.com", "account.traits.x": before}, MONDAY + 2 * HOUR)
    assert changed(stands, look, differing(stands.facts, look.values)) == []


@pytest.mark.parametrize(
    ("steps", "before", "after"),
    [
        ("{until: support.open > 3, within: 9d, then: [alert: Many]}", {"support.open": 0}, {"support.open": 5}),
        ("{if: support.open > 3, then: [alert: Many], else: [alert: Few]}", {}, {"support.open": 5}),
        ("{flag: Sell}", {"health.band": "red"}, {"health.band": "green"}),
    ],
)
def test_what_a_step_waits_for_moves_an_open_episode_at_once(
    steps: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    text = f"id: waits\nwhen: usage.breadth < 40 %\nsteps: [{steps}]"
    rules = RULES._replace(library=Library([load_playbook(text, "test.yaml")]))
    roads = [Road(looks_at_all=False, rules=rules), Road(looks_at_all=True, rules=rules)]
    for road in roads:
        for day, facts in enumerate((LOW | before, {}, {}, after, {})):
            road.go(Happening(HOUR, facts, "plain", in_time=True), MONDAY + day * HOUR)
    few, every = roads
    assert few.skipped
    assert few.moves == every.moves
    assert few.told == every.told
    assert few.moves[-1].at == MONDAY + 3 * HOUR
