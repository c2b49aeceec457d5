"""Survey arithmetic: the published worked values come out."""

import pytest

from services.scoring.core import nps
from services.scoring.core.nps import Answer
from tests.support.scoring import DAY, NOW


def test_half_promoters_a_fifth_detractors_is_30() -> None:
    assert nps.of([10] * 5 + [8] * 3 + [3] * 2).nps == pytest.approx(30)


def test_100_50_50_of_250_asked_is_25_at_80_percent_response() -> None:
    result = nps.of([9] * 100 + [7] * 50 + [0] * 50)
    assert result.nps == 25
    assert (result.promoters, result.passives, result.detractors, result.answers) == (100, 50, 50, 200)
    assert nps.response_rate(250, 200) == 80


def test_csat_is_points_reached_of_points_possible_beside_the_share_of_4_and_5() -> None:
    scores = [5, 5, 4, 4, 4, 3, 3, 3, 2, 2]
    assert sum(scores) == 35
    assert nps.csat(scores) == 70
    assert nps.satisfied(scores) == 50


def test_ces_is_the_mean() -> None:
    assert nps.ces([7, 4, 3, 2, 5, 6, 4, 1, 7, 6]) == 4.5


@pytest.mark.parametrize(("score", "group"), [(10, 100), (9, 100), (8, 0), (7, 0), (6, -100), (0, -100)])
def test_who_is_a_promoter_and_who_a_detractor(score: int, group: int) -> None:
    assert nps.of([score]).nps == group


def test_the_margin_of_error_is_that_of_95_percent() -> None:
    assert nps.of([10] * 50 + [8] * 30 + [2] * 20).margin == pytest.approx(100 * 1.96 * (0.7 - 0.09) ** 0.5 / 10)
    assert nps.of([10, 10]).margin == 0


def test_without_answers_there_is_no_nps() -> None:
    with pytest.raises(ValueError, match="needs an answer"):
        nps.of([])


def _answer(contact: str, score: int, at: int, role: str | None = None, group: str = "pro") -> Answer:
    return Answer("acme", contact, role, score, NOW + at * DAY, "s", f"{contact}{at}", group)


ANSWERS = [
    _answer("a", 2, 1),
    _answer("a", 10, 2),
    _answer("b", 0, 1, "decision_maker"),
    _answer("b", 10, 3, group="starter"),
]


def test_the_latest_answer_of_each_contact_counts() -> None:
    found = nps.roll_up(ANSWERS, "latest")
    assert {group: (one.nps, one.answers) for group, one in found.items()} == {"pro": (0, 2), "starter": (100, 1)}


def test_all_answers_can_count() -> None:
    assert nps.roll_up(ANSWERS, "all")["pro"].nps == pytest.approx(-100 / 3)


def test_a_decision_maker_can_count_three_times() -> None:
    assert nps.roll_up(ANSWERS, "weighted")["pro"].nps == pytest.approx(-50)
