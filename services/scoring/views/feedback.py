"""What HTTP answers of surveys."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from services.scoring.core.catalogue import Target
from services.scoring.core.feedback import Figure, group_of, response_rate
from services.scoring.queries.feedback import By, Per
from services.scoring.views import Rounded
from shared.messages.feedback import Measured, SurveyKind
from shared.web.paging import Page
from shared.words.shares import Span


class Share(BaseModel):
    """A share in percent, between the bounds that hold it with 95 %."""

    value: Rounded
    low: Rounded
    high: Rounded

    @classmethod
    def of(cls, span: Span | None) -> "Share | None":
        """As it was reckoned."""
        return None if span is None else cls(**span._asdict())


class FeedbackGroup(BaseModel):
    """A figure of one group, with what it rests on."""

    group: str | None
    """Null: of all, or of those of whom it isn't known."""
    n: int
    """Answers; weighted, as many equal ones as would say as much. Of fewer than ten there are counts alone."""
    value: Rounded | None
    low: Rounded | None
    high: Rounded | None
    """The interval of 95 %."""
    answers: int
    counts: dict[str, int]
    top: Share | None
    """The share of the best group, in percent: promoters, of CSAT answers of 4 and 5, of CES 5 to 7."""
    invited: int | None
    answered: int | None
    """Of those who were invited in the window; null where nobody was."""
    response_rate: Rounded | None

    @classmethod
    def of(cls, group: str | None, figure: Figure, asked: tuple[int, int] | None) -> "FeedbackGroup":
        """With how many were asked, and how many of these have answered."""
        span, (invited, answered) = figure.span, asked or (None, None)
        return cls(
            group=group,
            n=figure.n,
            value=None if span is None else span.value,
            low=None if span is None else span.low,
            high=None if span is None else span.high,
            answers=figure.answers,
            counts=dict(figure.counts),
            top=Share.of(figure.top),
            invited=invited,
            answered=answered,
            response_rate=None if not invited or answered is None else response_rate(invited, answered),
        )


class Moved(BaseModel):
    """So many contacts went from one group to another since what they had answered before."""

    before: str
    after: str
    contacts: int


class FeedbackReport(Page[FeedbackGroup]):
    """One measure by group, in a window of answers."""

    measure: Measured
    kind: SurveyKind
    by: By | None
    per: Per
    currency: str | None
    """Of the revenue by which answers weigh: accounts that pay in another, for which there is no rate, are left out."""
    since: datetime
    until: datetime
    target: float | None
    benchmark: float | None
    benchmark_source: str | None
    moved: list[Moved]
    """Of relational answers."""
    definition: str


DEFINITIONS: dict[Measured, str] = {
    "nps": "100 x (promoters - detractors) / answers: 9 and 10 promote, 6 and less detract. Adjusted Wald interval.",
    "csat": "Points reached of points possible, 5 an answer, in percent; `top` is the share of 4 and 5. "
    "Student's interval.",
    "ces": "The mean of answers from 1 to 7. Student's interval.",
}
"""What each figure means."""


def beside(target: Target | None) -> dict[str, Any]:
    """What stands beside a figure."""
    found = target or Target()
    return {"target": found.target, "benchmark": found.benchmark, "benchmark_source": found.source}


class Answer(BaseModel):
    """What somebody answered."""

    account_id: str
    account_name: str | None
    source: str
    id: str
    at: datetime
    kind: Measured
    survey_kind: SurveyKind
    contact_id: str
    """A digest, where they were erased."""
    contact_name: str | None
    erased: bool
    role: str | None
    score: int
    group: str
    previous_score: int | None
    """What they had answered before, of relational answers."""
    previous_group: str | None
    comment: str | None
    further: dict[str, Any] | None
    touchpoint: str | None
    product: str | None
    survey_id: str | None
    invitation_id: str | None

    @classmethod
    def of(cls, row: Mapping[str, Any], name: str | None = None) -> "Answer":
        """As its row has it."""
        before = row["previous_score"]
        return cls(
            **row,
            contact_name=name,
            group=group_of(row["kind"], row["score"]),
            previous_group=None if before is None else group_of(row["kind"], before),
        )
