"""Surveys: who was asked, and what was answered.

Of answers about the relationship each contact's latest counts, of those about a moment all do.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec

from shared.messages.fields import CustomerEvent, Id, Text

SurveyKind = Literal["relational", "transactional"]
Measured = Literal["nps", "csat", "ces"]
USUAL_KIND: Final[Mapping[Measured, SurveyKind]] = {
    "nps": "relational",
    "csat": "transactional",
    "ces": "transactional",
}
"""About what a measure is asked, unless it is said otherwise."""
Further = Annotated[
    dict[Id, Text | int | float | bool | list[Text] | None],
    msgspec.Meta(max_length=50, description="Further questions of the survey, at most 50, with what was answered."),
]


class _Answer(CustomerEvent, frozen=True, kw_only=True):
    contact_id: Id
    comment: Text | None = None
    touchpoint: Id | None = None
    survey_id: Id | None = None
    survey_kind: SurveyKind = USUAL_KIND["nps"]
    product: Id | None = None
    invitation_id: Id | None = None
    """The invitation that it answers: the latest answer to one replaces those before."""
    answers: Further | None = None


class NpsAnswered(_Answer, frozen=True, kw_only=True):
    """Would you recommend us? 0–10: 9–10 promoter, 7–8 passive, 0–6 detractor."""

    types = ("feedback.nps",)

    score: Annotated[int, msgspec.Meta(ge=0, le=10)]


class CsatAnswered(_Answer, frozen=True, kw_only=True):
    """How satisfied are you? 1–5. It is asked about a moment, unless said otherwise."""

    types = ("feedback.csat",)

    survey_kind: SurveyKind = USUAL_KIND["csat"]

    score: Annotated[int, msgspec.Meta(ge=1, le=5)]


class CesAnswered(_Answer, frozen=True, kw_only=True):
    """It was easy: 1 (disagree) to 7 (agree). It is asked about a moment, unless said otherwise."""

    types = ("feedback.ces",)

    survey_kind: SurveyKind = USUAL_KIND["ces"]

    score: Annotated[int, msgspec.Meta(ge=1, le=7)]


Answered = NpsAnswered | CsatAnswered | CesAnswered


class SurveyInvited(CustomerEvent, frozen=True, kw_only=True):
    """Somebody was asked: one survey of one contact at one touchpoint. Response rates count these.

    What the survey measures is told by `measure`, else by the answers to it.
    """

    types = ("survey.invited",)

    invitation_id: Id
    contact_id: Id
    survey_id: Id | None = None
    touchpoint: Id | None = None
    measure: Measured | None = None
    survey_kind: SurveyKind | None = None
    """Of itself NPS is about the relationship, and CSAT and CES about a moment."""
