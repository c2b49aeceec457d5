"""Why a score is another than it was: parts that sum to the difference, wherever one looks, and one paragraph."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.scoring.core.explain import Part, Step, Way, paragraph, way
from shared.messages.assessments import Driver
from tests.support.scoring import DAY, NOW


def a_driver(name: str, points: int, reason: str = "so it is", *events: str) -> Driver:
    return Driver(kind="measure", name=name, points=points, reason=reason, events=list(events))


def a_step(days_ago: float, score: int | None, *drivers: Driver) -> Step:
    return Step(NOW - timedelta(days=days_ago), score, drivers)


def said(found: Way, since: datetime = NOW - 2 * DAY, until: datetime = NOW) -> str:
    return paragraph(found, since, until, NOW)


def told(found: Way) -> dict[str, int]:
    return {part.name or part.kind: part.points for part in found.parts}


@st.composite
def _ledgers(draw: st.DrawFn) -> tuple[int | None, list[Step]]:
    """What a ledger may hold: drivers that sum to each step, none from or to unknown, some of them erased since."""
    scores = st.none() | st.integers(0, 10_000)
    before = current = draw(scores)
    steps = list[Step]()
    for place, score in enumerate(draw(st.lists(scores, max_size=12))):
        drivers = list[Driver]()
        if score is not None and current is not None and draw(st.integers(0, 4)):
            cut = draw(st.integers(-3000, 3000))
            names = draw(st.lists(st.sampled_from("abc"), min_size=2, max_size=2, unique=True))
            drivers = [a_driver(names[0], cut), a_driver(names[1], score - current - cut)]
        steps.append(Step(NOW + place * DAY, score, drivers))
        current = score
    return before, steps


@given(_ledgers())
def test_the_parts_sum_to_the_difference_for_any_way(ledger: tuple[int | None, list[Step]]) -> None:
    before, steps = ledger
    found = way(before, steps)
    known = [score for score in (before, *(step.score for step in steps)) if score is not None]
    assert sum(part.points for part in found.parts) == (known[-1] - known[0] if known else 0)
    if found.change is not None:
        assert sum(part.points for part in found.parts) == found.change == (found.after or 0) - (before or 0)


@given(_ledgers(), st.data())
def test_two_halves_add_up_to_the_whole(ledger: tuple[int | None, list[Step]], data: st.DataObject) -> None:
    before, steps = ledger
    cut = data.draw(st.integers(0, len(steps)))
    first = way(before, steps[:cut])
    then, whole = way(first.after, steps[cut:]), way(before, steps)
    both = told(first)
    for name, points in told(then).items():
        both[name] = both.get(name, 0) + points
    measures = {name: both.get(name, 0) for name in "abc"}
    assert measures == {name: told(whole).get(name, 0) for name in "abc"}
    if first.after is not None:
        # No stretch is cut in two, so nothing is missing either.
        assert {name: points for name, points in both.items() if points} == {
            name: points for name, points in told(whole).items() if points
        }


def test_what_moved_often_is_one_part_with_its_last_reason_that_way() -> None:
    found = way(
        8000,
        [
            a_step(6, 7000, a_driver("usage.trend", -1000, "usage fell 10 %", "test e1")),
            a_step(5, 6600, a_driver("usage.trend", -400, "usage fell 14 %", "test e2")),
            a_step(4, 6700, a_driver("usage.trend", 100, "usage fell 13 %", "test e3")),
        ],
    )
    assert found.parts == [
        Part("measure", "usage.trend", -1300, "usage fell 14 %", NOW - 5 * DAY, ["test e2", "test e1"])
    ]


def test_what_was_taken_back_is_no_part() -> None:
    up_and_down = [
        a_step(2, 7000, a_driver("support.urgent", -1000)),
        a_step(1, 8000, a_driver("support.urgent", 1000)),
    ]
    assert way(8000, up_and_down).parts == []
    assert said(way(8000, up_and_down)) == "Since Monday unchanged at 80."


def test_a_stretch_of_unknown_is_one_line_that_carries_its_difference() -> None:
    found = way(8000, [a_step(9, None), a_step(8, None), a_step(2, 6500), a_step(1, 6400, a_driver("a", -100))])
    assert (found.change, told(found)) == (-1600, {"2026-05-11T12:00:00Z": -1500, "a": -100})
    assert found.parts[0].reason == "unknown from 11 May 2026 to 18 May 2026"


def test_what_an_erased_contact_said_stays_moved() -> None:
    assert told(way(8000, [a_step(2, 7000)])) == {"forgotten": -1000}


def test_the_paragraph_says_it_in_the_accounts_words() -> None:
    found = way(
        8432,
        [
            a_step(1.6, 7120, a_driver("feedback.nps", -1312, 'their admin scored us 2: "third time"')),
            a_step(0, 7200, a_driver("usage.breadth", 80, "6 of 6 features of the plan in use")),
        ],
    )
    assert said(found) == (
        'Since Monday −12, from 84 to 72: −13 their admin scored us 2: "third time" (Monday); '
        "+1 6 of 6 features of the plan in use (today)."
    )
    for since, until, begins in (
        (NOW - 20 * DAY, NOW - DAY, "From 30 Apr 2026 to 19 May 2026 −12, from 84 to 72: "),
        (NOW - DAY, NOW - DAY, "On 19 May 2026 −12, "),
        (NOW, NOW, "Today −12, "),
    ):
        assert said(found, since, until).startswith(begins)


def test_the_paragraph_of_what_is_unknown_at_an_end_says_so() -> None:
    assert said(way(None, [])) == "Since Monday unknown."
    assert said(way(None, [a_step(1, 8000)])) == "Unknown until yesterday, 80 then."
    later = way(None, [a_step(1, 8000), a_step(0, 7000, a_driver("a", -1000, "no use for 12 days"))])
    assert said(later) == "Unknown until yesterday, 80 then and 70 in the end: −10 no use for 12 days (today)."
    assert said(way(8000, [a_step(1, None)])) == "80 on 18 May 2026, unknown since yesterday."
    assert said(way(None, [a_step(1, 8000), a_step(0, None)])) == "Since Monday unknown at both ends, known in between."
