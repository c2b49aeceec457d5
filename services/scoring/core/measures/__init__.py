"""The built-in measures, each a function of an account's view. Here is the list of them."""

from typing import Final

from services.scoring.core.measures import billing, feedback, onboarding, relationship, support, usage
from services.scoring.core.measures.base import Measure

MEASURES: Final[dict[str, Measure]] = {
    one.name: one
    for one in (
        usage.RECENCY,
        usage.TREND,
        usage.ACTIVE_SHARE,
        usage.BREADTH,
        support.LOAD,
        support.RESOLUTION,
        support.URGENT,
        feedback.NPS,
        feedback.CSAT,
        feedback.CES,
        billing.PUNCTUALITY,
        billing.OVERDUE,
        onboarding.PROGRESS,
        relationship.PULSE,
        relationship.SILENCE,
    )
}
