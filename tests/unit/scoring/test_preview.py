"""A preview sets each account's last decision beside what a draft would have it decided."""

from dataclasses import replace

from services.scoring.core.preview import Draft, Mover, Stand, Tally
from services.scoring.core.scorecard import Bands, Rules, Weighted
from shared.messages.assessments import Band
from tests.support.scoring import DAY, NOW, SHIPPED, an_account, assessed, busy, nps


def stand(score: int | None, band: Band) -> Stand:
    return Stand(score, band, "default@1", "")


def mover(id: str, before: tuple[int | None, Band], after: tuple[int | None, Band]) -> Mover:
    return Mover(id, None, None, stand(*before), stand(*after))


def test_bands_are_counted_on_both_sides_and_who_falls_furthest_comes_first() -> None:
    tally = Tally()
    for one in (
        mover("same", (9000, "green"), (9000, "green")),
        mover("little", (9000, "green"), (8990, "green")),
        mover("falls", (8000, "green"), (6000, "amber")),
        mover("falls far", (8000, "green"), (3000, "red")),
        mover("rises", (6000, "amber"), (8000, "green")),
        mover("gets one", (None, "unknown"), (8000, "green")),
    ):
        tally.add(one)
    found = tally.result
    assert [(one["band"], one["before"], one["after"]) for one in found["bands"]] == [
        ("red", 0, 1),
        ("amber", 1, 1),
        ("green", 4, 4),
        ("unknown", 1, 0),
    ]
    assert (found["accounts"], found["improved"], found["worsened"]) == (6, 1, 3)
    assert [one["id"] for one in found["movers"]] == ["falls far", "falls", "rises", "gets one", "little"]


def test_the_most_moved_are_kept_in_whatever_order_they_come() -> None:
    moved = [mover(f"a{n}", (9000, "green"), (9000 - n, "green")) for n in range(1, 301)]
    there, back = Tally(), Tally()
    for one in moved:
        there.add(one)
    for one in reversed(moved):
        back.add(one)
    assert there.result == back.result
    assert [one["id"] for one in there.result["movers"]][:2] == ["a300", "a299"]
    assert len(there.result["movers"]) == 100


def stricter(*measures: str) -> Rules:
    """Every card with these measures alone, and green from 95 on."""
    on_card = [one for one in SHIPPED.cards[0].measures if one.name in measures]
    weighted = tuple(Weighted(one.name, 100 // len(measures), one.curve) for one in on_card)
    cards = (replace(card, measures=weighted, bands=Bands(green=9500)) for card in SHIPPED.cards)
    return replace(SHIPPED, cards=tuple(cards))


def test_an_account_stands_as_it_would_if_the_draft_were_adopted_now() -> None:
    account = an_account(*busy(range(40), users=4), nps(9), seats=8)
    last = assessed(account).decision
    rules = stricter("usage.recency", "usage.breadth")
    draft = Draft(rules, SHIPPED, {})
    found, _ = draft.preview(account, last, NOW)
    told = assessed(account, before=last, rules=rules).decision
    assert (found.after.score, found.after.band, found.after.scorecard) == (told.score, told.band, told.scorecard)
    assert (found.before.score, found.before.band) == (last.score, last.band)
    one = draft.look(account, last, NOW)
    assert (one.before, one.after) == (found.before, found.after)
    measures = {measure.name: (measure.weight_before, measure.weight_after) for measure in one.measures}
    assert measures["usage.recency"] == (15, 50)
    assert measures["feedback.nps"][1] is None
    assert list(measures)[:2] == ["usage.recency", "usage.breadth"]


def test_whom_a_draft_does_not_concern_stands_as_it_was_decided_last() -> None:
    account = an_account(*busy(range(40), users=4), nps(9), seats=8)
    last = assessed(account).decision
    others = tuple(replace(one, priority=1) for one in SHIPPED.cards)
    found, health = Draft(replace(SHIPPED, cards=others), SHIPPED, {}).preview(account, last, NOW + 9 * DAY)
    assert (found.before, health) == (found.after, None)
    closed = replace(SHIPPED, catalogue=replace(SHIPPED.catalogue, closed=(1,)))
    assert Draft(closed, SHIPPED, {}).preview(account, last, NOW + 9 * DAY)[1] is not None
