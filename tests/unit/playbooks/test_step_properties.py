"""Whatever comes, in whatever order: what the step function promises."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.playbooks.core.episode import Ask, Episode, Move, StepResult
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.step import end, step
from tests.support.playbooks import DAY, HIGH, LOW, MONDAY, UNKNOWN, a_look, a_playbook, an_answer

STEPS = """
steps:
  - task: Call them
  - {after: 1d, unless: task.done, alert: Nobody called}
  - {after: 2 business days, flag: Sell more}
"""
PLAYBOOKS = [
    a_playbook(f"id: x\nwhen: usage.breadth < 40 %{more}{STEPS}")
    for more in (
        "",
        "\nheld_for: 3d",
        "\nrepeat: {after: 4d, at_most: 2 per 20d}",
        "\nheld_for: 36h\nexit_when: usage.breadth >= 50 %\nrepeat: {after: 2d}",
        "\nexit_when: support.open > 3",
    )
] + [
    a_playbook(f"id: x\non_event: feedback.nps\nwhen: event.score <= 6{more}{STEPS}")
    for more in ("", "\nrepeat: {after: 3d}")
]
REPEAT_SECONDS = {playbook.version: playbook.repeat.after.seconds if playbook.repeat else 0 for playbook in PLAYBOOKS}

Sequence = list[tuple[int, dict[str, Any], str]]
looks = st.lists(
    st.tuples(
        st.integers(1, 48 * 3600),
        st.sampled_from([LOW, LOW, HIGH, UNKNOWN, {**LOW, "support.open": 5}, {**LOW, "health.band": "red"}]),
        st.sampled_from(["plain", "plain", "plain", "answer", "quiet", "found"]),
    ),
    max_size=25,
)


@dataclass
class Life:
    """Everything that happened to one account with one playbook."""

    playbook: Playbook
    episodes: dict[str, Episode] = field(default_factory=dict)
    latest: Episode | None = None
    moves: list[Move] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)
    fired: list[datetime] = field(default_factory=list)

    def look(self, at: datetime, facts: dict[str, Any], kind: str) -> None:
        kinds: dict[str, dict[str, Any]] = {
            "plain": {},
            "answer": {"cause": an_answer(2, at)},
            "quiet": {"quiet": True},
            "found": {"found_in": "import-1"},
        }
        stepped = step(self.playbook, self.latest, a_look(facts, at, **kinds[kind]))
        self._note(stepped, at)

    def call_it_a_false_alarm(self, at: datetime, facts: dict[str, Any]) -> None:
        if self.latest is not None:
            self._note(end(self.playbook, self.latest, a_look(facts, at), "false alarm"), at)

    def _note(self, stepped: StepResult, at: datetime) -> None:
        assert stepped.timer is None or stepped.timer > at
        self.latest = stepped.episode
        self.moves += stepped.moves
        self.asks += stepped.asks
        self.fired += [at] if stepped.fired else []
        for episode in (stepped.closed, stepped.episode):
            if episode is not None:
                self.episodes[episode.id] = episode


def live(playbook: Playbook, sequence: Sequence) -> Life:
    life, at = Life(playbook), MONDAY
    for seconds, facts, kind in sequence:
        at += timedelta(seconds=seconds)
        life.look(at, facts, kind)
    return life


@given(st.sampled_from(PLAYBOOKS), looks)
@settings(max_examples=200)
def test_whatever_comes(playbook: Playbook, sequence: Sequence) -> None:
    life = live(playbook, sequence)
    open_ones = [episode for episode in life.episodes.values() if episode.is_open]
    assert len(open_ones) <= 1, "one open episode a playbook and account"
    ids = [ask.id for ask in life.asks]
    assert len(ids) == len(set(ids)), "no action twice"
    gaps = [(b - a).total_seconds() for a, b in zip(life.fired, life.fired[1:], strict=False)]
    assert all(gap >= REPEAT_SECONDS[playbook.version] for gap in gaps), "repeat is counted from firing"
    for before, after in zip(life.moves, life.moves[1:], strict=False):
        if before.subject == after.subject:
            assert before.after == after.before, "moves join"
    assert all(move.reason and move.actor for move in life.moves)


@given(st.sampled_from([one for one in PLAYBOOKS if one.on_event is None]), looks, looks)
@settings(max_examples=200)
def test_nothing_is_asked_about_a_false_alarm_while_it_lasts(
    playbook: Playbook, before: Sequence, after: Sequence
) -> None:
    life, at = live(playbook, before), MONDAY + 100 * DAY
    was_active = life.latest is not None and life.latest.state == "active"
    life.call_it_a_false_alarm(at, LOW)
    asked = len(life.asks)
    for seconds, facts, kind in after:
        at += timedelta(seconds=seconds)
        life.look(at, facts, kind)
        if not was_active or (facts is HIGH and kind != "quiet"):
            return
        assert len(life.asks) == asked


@given(st.sampled_from(PLAYBOOKS), looks)
@settings(max_examples=100)
def test_a_replay_changes_nothing(playbook: Playbook, sequence: Sequence) -> None:
    first, second = live(playbook, sequence), live(playbook, sequence)
    assert (first.latest, first.moves, first.asks) == (second.latest, second.moves, second.asks)


@given(st.sampled_from(PLAYBOOKS), looks, st.integers(1, 5))
@settings(max_examples=100)
def test_looking_again_at_the_same_instant_finds_nothing_more(
    playbook: Playbook, sequence: Sequence, times: int
) -> None:
    life = live(playbook, sequence)
    at = MONDAY + 400 * DAY
    life.look(at, LOW, "plain")
    seen = (life.latest, len(life.asks))
    for _ in range(times):
        life.look(at, LOW, "plain")
    assert (life.latest, len(life.asks)) == seen


@given(st.lists(st.tuples(st.integers(1, 72), st.sampled_from([LOW, UNKNOWN])), max_size=30))
@settings(max_examples=200)
def test_the_clock_counts_exactly_the_time_that_it_held(sequence: list[tuple[int, dict[str, Any]]]) -> None:
    playbook = PLAYBOOKS[1]
    life, at, held, running = Life(playbook), MONDAY, timedelta(), False
    for hours, facts in sequence:
        at += timedelta(hours=hours)
        held += timedelta(hours=hours) if running else timedelta()
        life.look(at, facts, "plain")
        running = facts is LOW
        should_have_fired = running and held >= 3 * DAY
        if should_have_fired or life.fired:
            assert should_have_fired
            assert life.fired == [at]
            return
