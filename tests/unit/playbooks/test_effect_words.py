"""What one must know to read what a playbook achieved, in sentences."""

from typing import Any

from services.playbooks.core.effect_words import notes

SCORE: dict[str, Any] = {"days": 30, "n": 12, "of": 12, "waiting": 0, "unknown": 0, "difference": {"value": 3.0}}
QUIET: dict[str, Any] = {"score": [], "holdout": None, "kept": [], "episodes": {"in_shadow": 0}}


def said(**effect: Any) -> str:
    return " ".join(notes({**QUIET, **effect}))


def test_of_nothing_nothing_is_said() -> None:
    assert notes(QUIET) == []


def test_a_comparison_with_others_is_named_as_biased() -> None:
    assert "This is a biased comparison" in said(score=[SCORE])
    assert "counts alone" not in said(score=[SCORE])


def test_few_are_told_as_counts_and_who_waits_and_who_has_no_score_is_said() -> None:
    few = {**SCORE, "n": 9, "difference": None, "waiting": 3, "unknown": 1}
    words = said(score=[few])
    assert "9 accounts compared 30 days after: under 10 there are counts alone" in words
    assert "Of 3 firings the 30 days after are not over." in words
    assert "1 account had no score 30 days after" in words
    early = {**SCORE, "n": 0, "of": 0, "waiting": 2, "difference": None}
    assert said(score=[early]) == "Of 2 firings the 30 days after are not over."


def test_who_was_held_out_by_chance_gives_the_honest_figure() -> None:
    held = {
        "score": {30: {"value": 4.0, "low": 1.2, "high": 6.8}, 90: None},
        "left": {"value": -15.0, "low": -25.0, "high": -4.0},
        "renewed": {"value": 0.2, "low": -9.0, "high": 9.0},
    }
    words = said(holdout=held)
    assert "30 days after, scores of who was reached moved by 4 points more" in words
    assert "15 percent points fewer left within 90 days than of who was held out (−25 to −4)" in words
    assert "Of who was reached as many renewed within 180 days" in words
    assert "this is the honest comparison" in words
    few = {"score": {30: None, 90: None}, "left": None, "renewed": None}
    assert "Too few accounts to compare with those held out: it takes 10 in both groups." in said(holdout=few)


def test_that_some_would_have_renewed_anyway_is_said_beside_what_was_kept() -> None:
    assert "would have renewed anyway" in said(kept=[{"currency": "EUR", "amount_minor": 1, "renewals": 1}])
    assert "2 firings in shadow: nobody was told." in said(episodes={"in_shadow": 2})
