"""Every fact that a condition can name: its type, its unit, and what it says. One row each of `catalogue.csv`."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

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
    measure: bool = False
    """It is the raw value of a measure of the same name."""
    lowest: int | None = None
    highest: int | None = None
    """The ends of the numbers that it can be, where there are any."""
    at_most: str = ""
    """What it never exceeds, as long as both are known: a fact, or `days_since` an instant."""

    @property
    def source(self) -> str | None:
        """The source of evidence that it rests on; None: on what we know, whatever is sent."""
        return source_of(self.linear_of or self.name)

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


_OF_FAMILY: Final = {"usage": "usage", "support": "tickets", "feedback": "feedback", "billing": "invoices"}
_OF_FACT: Final = {
    "relationship.silence": "interactions",
    "relationship.last_interaction_at": "interactions",
    "relationship.silent_since": "interactions",
    "relationship.single_threaded": "interactions",
    "relationship.last_review_at": "interactions",
    **dict.fromkeys(
        (
            "contacts.key_user_silence",
            "contacts.unseen",
            "contacts.decision_maker_silence",
            "contacts.champion_silence",
        ),
        "usage",
    ),
}


def source_of(fact: str) -> str | None:
    """The source of evidence that a fact rests on, by its name; None: on what we know, whatever is sent."""
    name = fact.removeprefix("points.")
    return _OF_FACT.get(name) or _OF_FAMILY.get(name.partition(".")[0])


def _rows() -> Iterator[FactSpec]:
    with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            fields: dict[str, Any] = {name: value for name, value in row.items() if value}
            ends = {name: int(row[name]) for name in ("lowest", "highest") if row[name]}
            more = {"choices": tuple(row["choices"].split()), "measure": row["measure"] == "yes", **ends}
            yield FactSpec(**{**fields, **more})


_CATALOGUE: Final = tuple(_rows())

MEASURES: Final = tuple(row.name for row in _CATALOGUE if row.measure)
"""The built-in measures; `points.MEASURE` is a fact of each."""


def _points(measure: str) -> FactSpec:
    label = f"{measure.replace('.', ' ').replace('_', ' ')} points"
    return FactSpec(
        f"points.{measure}",
        "number",
        "points",
        f"The points of {measure}, 0 to 100.",
        label=label,
        lowest=0,
        highest=100,
    )


FACTS: Final[Mapping[str, FactSpec]] = {row.name: row for row in (*_CATALOGUE, *map(_points, MEASURES))}
"""The facts that every condition can name, in the order of the guides: those of `catalogue.csv`, and points."""

WATCHED_DAYS: Final = (7, 30)
"""Over how many full days a watched feature's use is a fact: today is left out, so that it is no news all day long."""


def watched_facts(feature: str) -> tuple[FactSpec, ...]:
    """The facts of a watched feature: how much it was used, in its own unit, and of its plan's allowance."""
    what = feature.replace("_", " ")
    limit, pace = allowance_facts(feature)
    return (
        FactSpec(
            limit,
            "number",
            "%",
            f"How much of the plan's monthly allowance of {feature} was used this month, up to yesterday.",
            label=f"share of the allowance of {what}",
        ),
        FactSpec(
            pace,
            "number",
            "%",
            f"What the last 30 full days of {feature} come to in a month, against the plan's allowance.",
            label=f"pace against the allowance of {what}",
        ),
        *(
            FactSpec(
                watched_fact(feature, days),
                "number",
                description=f"How much of {feature} was used in {days} full days, in its own unit.",
                label=f"use of {what} in {days} days",
            )
            for days in WATCHED_DAYS
        ),
    )


def allowance_facts(feature: str) -> tuple[str, str]:
    """The facts of a feature of which a plan has an allowance: what share of it is used, and at which pace."""
    return f"usage.limit.{feature}", f"usage.limit.{feature}.pace"


def watched_fact(feature: str, days: int) -> str:
    """The fact's name, such as `usage.feature.messages.days_7`."""
    return f"usage.feature.{feature}.days_{days}"


STEP_FACTS: Final[Mapping[str, FactSpec]] = {
    "task.done": FactSpec("task.done", "boolean", description="The step's task was closed.", label="task done"),
    "task.no_result": FactSpec(
        "task.no_result",
        "boolean",
        description="The step's task was closed without a result; unknown while it is open.",
        label="task without result",
    ),
}
"""What a playbook's `unless` can name besides."""

INVOICE_FACTS: Final[Mapping[str, FactSpec]] = {
    "invoice.failing": FactSpec(
        "invoice.failing",
        "boolean",
        description="The invoice that it is about is open, undisputed, and its payment has failed.",
        label="invoice failing",
    ),
}
"""What a playbook with `per: invoice` can name besides."""
