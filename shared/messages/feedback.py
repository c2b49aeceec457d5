"""Survey answers: about the relationship, where each contact's latest counts, or about a moment, where all do."""

from typing import Annotated, Literal

import msgspec

from shared.messages.fields import CustomerEvent, Id, Text

SurveyKind = Literal["relational", "transactional"]


class _Answer(CustomerEvent, frozen=True, kw_only=True):
    contact_id: Id
    comment: Text | None = None
    touchpoint: Id | None = None
    survey_id: Id | None = None
    survey_kind: SurveyKind = "relational"
    product: Id | None = None


class NpsAnswered(_Answer, frozen=True, kw_only=True):
    """Would you recommend us? 0–10: 9–10 promoter, 7–8 passive, 0–6 detractor."""

    types = ("feedback.nps",)

    score: Annotated[int, msgspec.Meta(ge=0, le=10)]


class CsatAnswered(_Answer, frozen=True, kw_only=True):
    """How satisfied are you? 1–5. It is asked about a moment, unless said otherwise."""

    types = ("feedback.csat",)

    survey_kind: SurveyKind = "transactional"

    score: Annotated[int, msgspec.Meta(ge=1, le=5)]


class CesAnswered(_Answer, frozen=True, kw_only=True):
    """It was easy: 1 (disagree) to 7 (agree). It is asked about a moment, unless said otherwise."""

    types = ("feedback.ces",)

    survey_kind: SurveyKind = "transactional"

    score: Annotated[int, msgspec.Meta(ge=1, le=7)]
