"""Scoring's files: scorecards and the catalogue, checked as a whole and refused with everything that is wrong.

`python -m services.scoring.files` writes their JSON Schemas for editors anew.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo, WithJsonSchema, model_validator

from services.scoring.core.catalogue import MONDAY_TO_FRIDAY, Catalogue
from services.scoring.core.measures import MEASURES
from services.scoring.core.scorecard import Bands, Cap, Rules, Scorecard, Weighted, rules_of
from shared.conditions import Condition, FactType, Problem, Refused, Scope
from shared.files.kinds import ConditionIn, Day, Name
from shared.files.models import FileModel, Reading, fault, one_of
from shared.files.reading import content_of, files_in, gathered, read
from shared.files.schema import Schema, write

SHIPPED: Final = Path(__file__).with_name("scorecards")
MOST_DAYS_BACK: Final = 60
"""How far back a last known value may be looked for: state remembers 90 days, and windows are 30."""
_LAST_KNOWN: Final = "last-known-for-"
_WHOLE_MEMORY: Final = {"billing.punctuality"}
"""Measures whose window is all that state remembers."""


class CatalogueFile(FileModel):
    """What is sold: plans with their features, milestones of onboarding, the working week, declared traits."""

    may_be_empty: ClassVar = ("features", "milestones", "working_days", "traits")
    features: dict[Name, list[Name] | None] = {}
    milestones: dict[Name, Annotated[int, Field(ge=0, le=3650)] | None] = {}
    working_days: Annotated[list[Day], Field(min_length=1)] | None = None
    traits: dict[Name, FactType] = {}

    def catalogue(self) -> Catalogue:
        """As scoring knows it."""
        return Catalogue(
            features={plan: tuple(features or ()) for plan, features in self.features.items()},
            milestones={name: by or 0 for name, by in self.milestones.items()},
            week=frozenset(self.working_days) if self.working_days else MONDAY_TO_FRIDAY,
            traits=self.traits,
        )


def _percent(value: Any) -> int:
    text = str(value).removesuffix("%").rstrip()
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 100):
        raise fault(f"Here belongs a whole percentage such as `50 %`, not `{str(value)[:60]}`.")
    return int(text) * 100


def _missing(value: Any) -> tuple[str, int]:
    text = str(value)
    days = re.fullmatch(rf"{_LAST_KNOWN}([0-9]{{1,3}})-days", text)
    if days and 0 < int(days[1]) <= MOST_DAYS_BACK:
        return "last-known", int(days[1])
    choices = f"exclude, neutral, worst or {_LAST_KNOWN}N-days (N up to {MOST_DAYS_BACK})"
    return one_of(text, ("exclude", "neutral", "worst"), f"way to read what is missing: {choices}"), 0


def _measure(name: str) -> str:
    return one_of(name, MEASURES, "measure")


Points = Annotated[float, Field(ge=0, le=100)]
Share = Annotated[int, PlainValidator(_percent), WithJsonSchema({"type": ["string", "integer"]})]
"""In hundredths of a percent."""
MissingText = Annotated[
    tuple[Literal["exclude", "neutral", "worst", "last-known"], int],
    PlainValidator(_missing),
    WithJsonSchema({"type": "string", "pattern": rf"^(exclude|neutral|worst|{_LAST_KNOWN}\d+-days)$"}),
]
MeasureName = Annotated[str, AfterValidator(_measure), WithJsonSchema({"enum": list(MEASURES)})]


class MeasureFile(FileModel):
    """How much a measure weighs, and how it is read where that is not as usual."""

    may_be_empty: ClassVar = ("curve", "missing")
    weight: Annotated[int, Field(ge=0, le=100)]
    curve: Annotated[dict[float, Points], Field(min_length=2)] | None = None
    """Raw values and their points, such as {0: 100, 30: 20}."""
    missing: MissingText = ("exclude", 0)

    def weighted(self, name: str) -> Weighted:
        """As scoring knows it."""
        curve = MEASURES[name].curve if self.curve is None else tuple(sorted(self.curve.items()))
        return Weighted(name, self.weight, curve, *self.missing)


class CapFile(FileModel):
    """At most so many points while something holds."""

    at_most: Points
    condition: Annotated[Condition, ConditionIn()] = Field(alias="while")


class BandsFile(FileModel):
    """Where the bands begin, and the margin for crossing back."""

    green: Points = 75
    amber: Points = 50
    margin: Points = 3

    @model_validator(mode="after")
    def _in_order(self, info: ValidationInfo) -> Self:
        if not 0 < self.amber < self.green:
            Reading.of(info).note("Amber begins above 0 and below green.", self.at("amber"))
        return self


class ScorecardFile(FileModel):
    """A scorecard."""

    may_be_empty: ClassVar = ("title", "priority", "minimum_coverage", "caps", "bands")
    id: Name
    version: Annotated[int, Field(ge=1, le=10**9)]
    measures: dict[MeasureName, MeasureFile]
    title: Name | None = None
    for_accounts: Annotated[Condition, ConditionIn("for_accounts")] | None = None
    priority: Annotated[int, Field(ge=-(10**6), le=10**6)] = 100
    minimum_coverage: Share = 5000
    caps: list[CapFile] = []
    bands: BandsFile | None = None

    @model_validator(mode="after")
    def _as_a_whole(self, info: ValidationInfo) -> Self:
        reading = Reading.of(info)
        total = sum(one.weight for one in self.measures.values())
        if total != 100:
            reading.note(f"The weights sum to {total}; they must sum to 100.", self.at("measures"))
        for name in _WHOLE_MEMORY & self.measures.keys():
            if self.measures[name].missing[0] == "last-known":
                message = f"`{name}` looks at all that is remembered of invoices: there is nothing further back."
                reading.note(message, self.measures[name].at("missing"))
        return self

    def scorecard(self) -> Scorecard:
        """As it is in force."""
        return Scorecard(
            id=self.id,
            version=self.version,
            title=self.title or self.id,
            measures=tuple(one.weighted(name) for name, one in self.measures.items()),
            for_accounts=self.for_accounts,
            priority=self.priority,
            minimum_coverage=self.minimum_coverage,
            caps=tuple(Cap(_hundredths(cap.at_most), cap.condition) for cap in self.caps),
            bands=Bands(*map(_hundredths, (self.bands.green, self.bands.amber, self.bands.margin)))
            if self.bands
            else Bands(),
        )


def _hundredths(points: float) -> int:
    return round(points * 100)


def load_rules(folder: Path = SHIPPED) -> Rules:
    """The catalogue and every scorecard of a folder. Raises `Refused` with all that is wrong in all files."""
    problems: list[Problem] = []
    catalogue, cards = Catalogue(), list[tuple[Path, ScorecardFile]]()
    for path in sorted(files_in(folder), key=lambda path: path.stem != "catalogue"):
        with gathered(problems):
            if path.stem == "catalogue":
                catalogue = read(content_of(path), path.name, CatalogueFile).catalogue()
            else:
                cards.append((path, read(content_of(path), path.name, ScorecardFile, _context(catalogue.traits))))
    ids = [card.id for _, card in cards]
    for place, (path, card) in enumerate(cards):
        if card.id in ids[:place]:
            problems.append(Problem(f"Another file has the scorecard `{card.id}`.", card.at("id"), file=path.name))
    if not problems:
        defaults = [card.id for _, card in cards if card.for_accounts is None]
        if len(defaults) != 1:
            named = ", ".join(defaults) or "none"
            said = f"There must be one scorecard without for_accounts, the default; found {named}."
            problems.append(Problem(said, file=str(folder)))
    if problems:
        raise Refused(problems)
    return rules_of(catalogue, [card.scorecard() for _, card in cards])


def _scopes(traits: Mapping[str, FactType]) -> dict[str, Scope]:
    only_accounts = (r"(?!account\.)", "only `account.*` facts are known here")
    return {
        "condition": Scope(traits, barred=(r"health\.", "the score can't depend on itself")),
        "for_accounts": Scope(traits, barred=only_accounts),
    }


def _context(traits: Mapping[str, FactType]) -> Callable[[str, Any], Reading]:
    return lambda file, _: Reading(file, _scopes(traits))


SCHEMAS: Final = {
    Path(__file__).with_name("scorecard.schema.json"): Schema("Keepwell scorecard", ScorecardFile, _scopes({})),
    Path(__file__).with_name("catalogue.schema.json"): Schema("Keepwell catalogue", CatalogueFile, {}),
}
"""Where editors find them."""

if __name__ == "__main__":
    write(SCHEMAS)
