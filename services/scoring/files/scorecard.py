"""A scorecard's file: what counts how much for which accounts, what caps the score, where the bands begin."""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from services.scoring.core.catalogue import Catalogue
from services.scoring.core.measures import MEASURES
from services.scoring.core.scorecard import Bands, Cap, Scorecard, Weighted
from shared.conditions import Condition, Declared, Scope, at_odds, did_you_mean
from shared.files.kinds import ConditionIn, Name, ReadBy, one_of
from shared.files.models import FileModel, Reading, fault

_NO_IDS: Final = {"catalogue", "schema", "check"}
"""A file of the first name in a folder of cards is the catalogue; the others are addresses beside those of cards."""
MOST_DAYS_BACK: Final = 60
"""How far back a last known value may be looked for: state remembers 90 days, and windows are 30."""
_WHOLE_MEMORY: Final = {"billing.punctuality": "invoices", "usage.trend": "usage"}
"""Measures whose window is all that state remembers of something."""


def _declared(catalogue: Catalogue) -> Declared:
    return Declared(
        plans={*catalogue.features, *catalogue.allowances, *catalogue.cadence},
        models=[one.id for one in catalogue.onboarding],
        milestones={name for one in catalogue.onboarding for name in one.milestones},
        features={name for features in catalogue.features.values() for name in features},
        watched=catalogue.named_features,
        traits=catalogue.traits,
    )


def _percent(text: str) -> int:
    number = text.removesuffix("%").rstrip()
    if re.fullmatch(r"[0-9]{1,2}|100", number) is None:
        raise ValueError(f"Here belongs a whole percentage such as `50 %`, not `{text}`.")
    return int(number) * 100


def _missing(text: str) -> tuple[str, int]:
    days = re.fullmatch(r"last-known-for-([0-9]{1,3})-days", text)
    if days and 0 < int(days[1]) <= MOST_DAYS_BACK:
        return "last-known", int(days[1])
    if text in ("exclude", "neutral", "worst"):
        return text, 0
    choices = f"exclude, neutral, worst or last-known-for-N-days (N up to {MOST_DAYS_BACK})"
    raise fault(f"`missing` is {choices}, not `{text}`.", did_you_mean(text, ("exclude", "neutral", "worst")))


Points = Annotated[float, Field(ge=0, le=100)]
Hundredths = Annotated[float, Field(ge=0, le=100), AfterValidator(lambda points: round(points * 100))]
"""Written as points."""
Share = Annotated[int, ReadBy(_percent, type=["string", "integer"])]
"""In hundredths of a percent."""
Missing = Annotated[
    tuple[Literal["exclude", "neutral", "worst", "last-known"], int],
    ReadBy(_missing, pattern=r"^(exclude|neutral|worst|last-known-for-\d+-days)$"),
]


def _one_way(curve: dict[float, float]) -> dict[float, float]:
    rising = [(raw, after - before) for (_, before), (raw, after) in pairwise(sorted(curve.items())) if after != before]
    turn = next((raw for (_, before), (raw, after) in pairwise(rising) if before * after < 0), None)
    if turn is not None:
        raise fault(f"A curve rises or falls all along; this one turns before {turn:g}.")
    return curve


CurveIn = Annotated[dict[float, Points], Field(min_length=2), AfterValidator(_one_way)]


class LaterFile(FileModel):
    """A curve that counts from so many days of tenure on."""

    from_days: Annotated[int, Field(ge=0, le=3650)]
    curve: CurveIn


class MeasureFile(FileModel):
    """How much a measure weighs, and how it is read where that is not as usual."""

    may_be_empty: ClassVar = ("curve", "curves", "missing")
    weight: Annotated[int, Field(ge=0, le=100)]
    curve: CurveIn | None = None
    """Raw values and their points, such as {0: 100, 30: 20}."""
    curves: list[LaterFile] = []
    """Curves by tenure: each from so many days after signing on; until the first of them `curve`."""
    missing: Missing = ("exclude", 0)

    def weighted(self, name: str) -> Weighted:
        """As scoring knows it."""
        curve = MEASURES[name].curve if self.curve is None else tuple(sorted(self.curve.items()))
        later = tuple((one.from_days, tuple(sorted(one.curve.items()))) for one in self.curves)
        return Weighted(name, self.weight, curve, *self.missing, later=later)

    @model_validator(mode="after")
    def _in_order(self, info: ValidationInfo) -> Self:
        for before, one in pairwise(self.curves):
            if one.from_days <= before.from_days:
                said = f"Curves stand in order of tenure: {one.from_days} days don't come after {before.from_days}."
                Reading.of(info).note(said, one.at("from_days"))
        return self


class CapFile(FileModel):
    """At best this band while something holds: its score is then one point under the next band."""

    may_be_empty: ClassVar = ("says",)
    at_most: Literal["red", "amber"]
    condition: Annotated[Condition, ConditionIn()] = Field(alias="while")
    says: Name = ""
    """What holds then, in words that also tell what is over, such as `an invoice 60 days overdue`."""


_BANDS: Final = Bands()


class BandsFile(FileModel):
    """Where the bands begin, and the margin for crossing back."""

    green: Hundredths = _BANDS.green
    amber: Hundredths = _BANDS.amber
    margin: Hundredths = _BANDS.margin

    @model_validator(mode="after")
    def _in_order(self, info: ValidationInfo) -> Self:
        if not 0 < self.amber < self.green:
            Reading.of(info).note("Amber begins above 0 and below green.", self.at("amber"))
        return self


class ScorecardFile(FileModel):
    """A scorecard."""

    may_be_empty: ClassVar = ("title", "priority", "minimum_coverage", "caps_like", "caps", "bands")
    id: Name
    version: Annotated[int, Field(ge=1, le=10**9)]
    measures: dict[Annotated[str, one_of(MEASURES, "measure")], MeasureFile]
    title: Name | None = None
    for_accounts: Annotated[Condition, ConditionIn("for_accounts")] | None = None
    priority: Annotated[int, Field(ge=-(10**6), le=10**6)] | None = None
    minimum_coverage: Share | None = None
    caps_like: Name | None = None
    """The card whose caps come first: what is trouble for one stage is so for others."""
    caps: list[CapFile] = []
    bands: BandsFile | None = None

    @classmethod
    def scopes(cls, _root: Any, beside: Catalogue | None) -> dict[str, Scope]:
        """The traits that the catalogue declares, and no score: it can't depend on itself."""
        declared = _declared(beside or Catalogue())
        traits, values = declared.traits, declared.values
        never, only = "the score can't depend on itself", "only `account.*` facts are known here"
        return {
            "condition": Scope(traits, declared.watched, barred=(r"health\.", never), values=values),
            "for_accounts": Scope(traits, barred=(r"(?!account\.)", only), values=values),
        }

    @model_validator(mode="after")
    def _as_a_whole(self, info: ValidationInfo) -> Self:
        reading = Reading.of(info)
        if self.id in _NO_IDS:
            reading.note(f"`{self.id}` can't be the id of a card: it names something else beside them.", self.at("id"))
        total = sum(one.weight for one in self.measures.values())
        if total != 100:
            reading.note(f"The weights sum to {total}; they must sum to 100.", self.at("measures"))
        for cap in self.caps:
            reading.take(at_odds(self.for_accounts, cap.condition))
        for name, what in _WHOLE_MEMORY.items():
            if name in self.measures and self.measures[name].missing[0] == "last-known":
                message = f"`{name}` looks at all that is remembered of {what}: there is nothing further back."
                reading.note(message, self.measures[name].at("missing"))
        return self

    def scorecard(self, others: Mapping[str, "ScorecardFile"]) -> Scorecard:
        """As it is in force, beside the others."""
        like = [] if self.caps_like is None else others[self.caps_like].caps
        return Scorecard(
            **{"title": self.id, **self.given("measures", "caps_like", "caps", "bands")},
            measures=tuple(one.weighted(name) for name, one in self.measures.items()),
            caps=tuple(Cap(**cap.given()) for cap in (*like, *self.caps)),
            bands=Bands(**self.bands.given() if self.bands else {}),
        )
