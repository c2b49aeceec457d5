"""Every fact that a condition can name: its type, its unit, and what it says. One row each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

FactType = Literal["number", "text", "boolean", "instant", "list"]
"""`list` is a list of text."""


@dataclass(frozen=True, slots=True)
class FactSpec:
    """One fact. A linear fact does not travel: it is the days since (or until) the instant fact `linear_of`."""

    name: str
    type: FactType
    unit: str = ""
    description: str = ""
    linear_of: str | None = None
    direction: Literal["since", "until"] = "since"
    label: str = ""
    """What a customer-success manager calls it. Of an instant: a noun that `14 days since …` goes with."""
    choices: tuple[str, ...] = ()
    """The texts that it can be, where they are fixed."""
    absent: str = ""
    """What to say while it is not known, where that itself is the news: `nothing is known to be overdue`."""
    currency: str = ""
    """Of money: the fact that says in which currency it is."""
    none_when: str = ""
    """Of a linear fact: the number whose 0 says that there is no such instant, so that this fact is 0, not unknown."""

    @property
    def words(self) -> str:
        """The fact's name in words."""
        bare = self.name.removeprefix("account.").removeprefix("event.")
        return self.label or bare.replace(".", " ").replace("_", " ")

    def days(self, direction: Literal["since", "until"]) -> "FactSpec":
        """The number of days since or until this instant."""
        return FactSpec(
            name=f"days_{direction} {self.name}",
            type="number",
            unit="days",
            description=f"Days {direction} {self.name}.",
            linear_of=self.name,
            direction=direction,
            label=f"{direction} {self.words}",
        )


MEASURES: Final = (
    "usage.recency",
    "usage.trend",
    "usage.active_share",
    "usage.breadth",
    "support.load",
    "support.resolution",
    "support.urgent",
    "feedback.nps",
    "feedback.csat",
    "feedback.ces",
    "billing.punctuality",
    "billing.overdue",
    "onboarding.progress",
    "relationship.pulse",
    "relationship.silence",
)
"""The built-in measures; `points.MEASURE` is a fact of each."""

BANDS: Final = ("red", "amber", "green", "unknown")


def _text(name: str, description: str, *choices: str, label: str = "") -> FactSpec:
    return FactSpec(name, "text", description=description, choices=choices, label=label)


def _number(name: str, unit: str, description: str, label: str = "") -> FactSpec:
    return FactSpec(name, "number", unit, description, label=label)


def _money(name: str, description: str, label: str) -> FactSpec:
    return FactSpec(name, "number", "minor units", description, label=label, currency="account.currency")


def _instant(name: str, label: str, description: str, absent: str = "") -> FactSpec:
    return FactSpec(name, "instant", description=description, label=label, absent=absent)


def _since(name: str, instant: str, description: str, label: str, none_when: str = "") -> FactSpec:
    return FactSpec(name, "number", "days", description, linear_of=instant, label=label, none_when=none_when)


def _list(name: str, description: str, label: str) -> FactSpec:
    return FactSpec(name, "list", description=description, label=label)


def _points(measure: str) -> FactSpec:
    label = f"{measure.replace('.', ' ').replace('_', ' ')} points"
    return _number(f"points.{measure}", "points", f"The points of {measure}, 0 to 100.", label)


_ROWS: Final = (
    _text("account.id", "The account's id.", label="account"),
    _text("account.name", "The customer company's name.", label="name"),
    _text("account.domain", "Its internet domain."),
    _text("account.segment", "Its segment."),
    _text("account.plan", "The plan that it subscribes to."),
    _text("account.stage", "onboarding, adopting, mature or renewal, unless the trait says otherwise."),
    _text("account.owner", "The owner's e-mail."),
    _text("account.currency", "The currency of its revenue, ISO 4217."),
    _text("account.parent_id", "The account that it belongs to."),
    _money("account.mrr_minor", "A month's revenue in minor units, such as cents.", "monthly revenue"),
    _number("account.seats", "seats", "Seats in its subscription."),
    _instant("account.signed_at", "signing", "When it became a customer."),
    _instant("account.renews_at", "renewal", "When its contract renews."),
    _instant("account.churned_at", "the customer left", "When it left.", "the customer is not known to have left"),
    FactSpec("account.churned", "boolean", description="It left.", label="customer left"),
    _number("health.score", "points", "The health score, 0 to 100."),
    _number("health.previous_score", "points", "The health score before this assessment."),
    _number("health.change", "points", "How far this assessment moved the score."),
    _text("health.band", "The band.", *BANDS, label="health"),
    _text("health.previous_band", "The band before this assessment.", *BANDS, label="health before"),
    _number("health.coverage", "%", "The share of the scorecard's weights that had data."),
    _instant("usage.last_seen_at", "last use", "When anyone at the account last used the product."),
    _number("usage.recency", "working days", "Working days since the last use."),
    _number("usage.trend", "%", "Change of usage: the last 14 full days against the 14 before.", "change of usage"),
    _number("usage.active_users", "users", "Distinct users in 30 days.", "active users"),
    _number("usage.active_share", "%", "Distinct users in 30 days against seats.", "share of seats in use"),
    _number("usage.breadth", "%", "Features used against the features in the account's plan."),
    _list("usage.used_features", "Features of the plan that are used.", "used features"),
    _list("usage.unused_features", "Features of the plan that are not used.", "unused features"),
    _number("support.opened", "tickets", "Tickets opened in 30 days.", "newly opened tickets"),
    _number("support.load", "tickets per 10 seats", "Tickets opened in 30 days per 10 seats."),
    _number("support.resolution", "hours", "Median time to close a ticket, over 90 days."),
    _number("support.urgent", "tickets", "Open urgent tickets.", "open urgent tickets"),
    _instant(
        "support.urgent_since",
        "the oldest open urgent ticket",
        "When the oldest open urgent ticket was opened.",
        "no urgent ticket is known to be open",
    ),
    _number("support.open", "tickets", "Open tickets.", "open tickets"),
    _number("feedback.nps", "", "Net promoter score, -100 to 100.", "NPS"),
    _number("feedback.nps_answers", "answers", "How many answers the NPS rests on.", "NPS answers"),
    _number("feedback.last_nps", "", "The latest NPS answer, 0 to 10.", "latest NPS answer"),
    _instant("feedback.last_nps_at", "the latest NPS answer", "When the latest NPS answer came."),
    _number("feedback.csat", "%", "Satisfaction, points reached against points possible.", "CSAT"),
    _number("feedback.ces", "", "Ease, the mean of answers from 1 to 7.", "CES"),
    _number("billing.punctuality", "days", "Days late, weighted by amount, over 180 days."),
    _instant(
        "billing.overdue_since",
        "the oldest overdue invoice was due",
        "When the oldest open invoice was due.",
        "nothing is known to be overdue",
    ),
    _since(
        "billing.overdue",
        "billing.overdue_since",
        "Days since the oldest overdue invoice was due; 0 while nothing is overdue.",
        "overdue time",
        none_when="billing.overdue_minor",
    ),
    _money("billing.overdue_minor", "What is overdue, in minor units.", "overdue amount"),
    _instant(
        "billing.payment_failed_at",
        "the payment failed",
        "When the payment failed that is still open.",
        "no failed payment is open",
    ),
    _number("onboarding.progress", "%", "Milestones reached against those expected by age."),
    _list("onboarding.reached", "Milestones reached.", "milestones reached"),
    _list("onboarding.missing", "Milestones not reached.", "missing milestones"),
    _number("relationship.pulse", "", "The CSM's own judgement, 1 to 10.", "pulse"),
    _instant("relationship.last_interaction_at", "the last interaction", "When we last talked."),
    _since("relationship.silence", "relationship.last_interaction_at", "Days since the last interaction.", "silence"),
    _number("contacts.champions", "", "Champions at the account.", "champions"),
    _instant(
        "contacts.champion_left_at",
        "the champion left",
        "When a champion last left.",
        "no champion is known to have left",
    ),
    *(_points(name) for name in MEASURES),
)

FACTS: Final[Mapping[str, FactSpec]] = {row.name: row for row in _ROWS}
"""The facts that every condition can name, in the order of the guides."""

STEP_FACTS: Final[Mapping[str, FactSpec]] = {
    "task.done": FactSpec("task.done", "boolean", description="The step's task was closed as done.", label="task done")
}
"""What a playbook's `unless` can name besides."""
