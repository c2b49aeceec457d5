"""How an account does at an instant, measured and scored, before any decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Final

from services.scoring.core.facts import account_facts, facts_of
from services.scoring.core.measures import IN_WORDS
from services.scoring.core.measures.base import View
from services.scoring.core.score import Score, groups_of, read_measures, score_of
from services.scoring.core.scorecard import Cap, Rules, Scorecard
from services.scoring.core.state import Account
from shared.conditions import NOWHERE, Facts, FactSpec, Truth, evaluate, leaves_of
from shared.conditions.words import described
from shared.messages.assessments import FactValue, MeasureReading
from shared.words import clean

_GOOD: Final = 7500
_USAGE_ALONE: Final = "judged by usage alone"
_NO_CUSTOMER: Final = {"internal": "one of our own", "test": "a test account", "partner": "a partner"}
_NAME: Final = ("account.id", "account.name")


@dataclass(frozen=True, slots=True)
class Health:
    """A function of state, rules and `now`: it depends on no order and no earlier decision."""

    view: View
    card: Scorecard
    readings: dict[str, MeasureReading]
    spreads: dict[str, tuple[tuple[float, int], ...]]
    """Of the readings that were made of single values: these, with their weights."""
    facts: dict[str, FactValue]
    unknown: dict[str, str]
    score: Score

    @property
    def counted(self) -> list[MeasureReading]:
        """The readings of the card's measures, heaviest first."""
        return [self.readings[one.name] for one in self.card.heaviest_first if one.name in self.readings]

    @property
    def reason(self) -> str:
        """What a list shows beside the score: why it is unknown, what caps it, or what costs most.

        Of what costs the same the first on the card.
        """
        if self.score.points is None:
            return self.score.why_unknown
        if self.score.cap is not None:
            return self.in_words(self.score.cap)
        lost = [
            (one.weight * (10000 - one.points), one.words)
            for one in self.counted
            if one.points is not None and one.points < _GOOD
        ]
        words = [max(lost, key=itemgetter(0))[1]] if lost else []
        # Whoever reads that it is well, or not too bad, shall not take it for more than it is.
        is_all = {*groups_of(self.readings, self.card)} == {"usage"} and self.score.points >= self.card.bands.amber
        return "; ".join([*words, _USAGE_ALONE] if is_all else words)

    def in_words(self, cap: Cap) -> str:
        """A cap as a customer-success manager would put it: by what holds of its condition, else by the condition."""
        facts, now = Facts.of(self.facts, stopped=self.view.interrupted), self.view.now
        holds = [leaf.subject for leaf in leaves_of(cap.condition) if evaluate(leaf, facts, now) is Truth.TRUE]
        words = dict.fromkeys(filter(None, map(self._said_of, holds)))
        return f"at most {cap.at_most}: {', '.join(words) or cap.says or described(cap.condition)}"

    def _said_of(self, subject: FactSpec) -> str:
        """What a measure reads, or what a fact says in words of its own."""
        if subject.name in self.readings:
            return self.readings[subject.name].words
        said = IN_WORDS.get(subject.linear_of or subject.name)
        return "" if said is None else clean(said(self.view))


def health_of(
    account: Account,
    now: datetime,
    rules: Rules,
    before: View | None = None,
    interrupted: Mapping[str, datetime] = NOWHERE,
) -> Health:
    """Measure and score. `before` is a view at this instant since when only tickets and invoices have changed.

    Where a source is interrupted, what rests on it stands as it did then.
    """
    view = View(account, now, rules.catalogue, before, interrupted)
    who = account_facts(view)
    card = rules.card_for(Facts.of(who), now)
    if view.profile.gone is not None:
        # Nothing is told of an account that is gone but its name, so that no rule finds anything in it.
        name = {fact: value for fact, value in who.items() if fact in _NAME}
        return Health(view, card, {}, {}, name, {}, Score(0, 0, 0, None, None, view.profile.gone_in_words))
    if view.profile.excluded is not None:
        words = f"not scored: {_NO_CUSTOMER[view.profile.excluded]}"
        return Health(view, card, {}, {}, dict(who), {}, Score(0, 0, 0, None, None, words))
    read = read_measures(view, card)
    readings = {name: one.told for name, one in read.items()}
    facts, unknown = facts_of(view, who, readings)
    if view.profile.left is not None:
        # What is known of who left stays known; it is only no longer judged.
        facts = {fact: value for fact, value in facts.items() if not fact.startswith("points.")}
        return Health(view, card, {}, {}, facts, unknown, Score(0, 0, 0, None, None, view.profile.left_in_words))
    score = score_of(readings, card, Facts.of(facts, stopped=interrupted), now)
    spreads = {name: one.spread for name, one in read.items() if one.spread}
    return Health(view, card, readings, spreads, facts, unknown, score)
