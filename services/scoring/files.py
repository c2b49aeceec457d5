"""Scoring's files: scorecards and the catalogue, checked as a whole and refused with everything that is wrong.

`make generated` writes their JSON Schemas for editors anew.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from services.scoring.core.catalogue import CADENCES, MONDAY_TO_FRIDAY, SOURCES, Catalogue, Onboarding, Target
from services.scoring.core.clock import day_of
from services.scoring.core.feedback import GROUPS
from services.scoring.core.measures import MEASURES
from services.scoring.core.scorecard import Bands, Cap, Rules, Scorecard, Weighted, rules_of
from shared.conditions import Condition, Declared, FactType, Problem, Refused, Scope, at_odds, did_you_mean, implied
from shared.files.catalogue import declared_by
from shared.files.kinds import ConditionIn, Day, Name, ReadBy, Watched, one_of, read_date
from shared.files.models import FileModel, Reading, fault
from shared.files.reading import content_of, files_in, gathered, read, read_each
from shared.files.schema import Schema, write

_LOG = logging.getLogger(__name__)
SHIPPED: Final = Path(__file__).with_name("scorecards")
MOST_DAYS_BACK: Final = 60
"""How far back a last known value may be looked for: state remembers 90 days, and windows are 30."""
_WHOLE_MEMORY: Final = {"billing.punctuality": "invoices", "usage.trend": "usage"}
"""Measures whose window is all that state remembers of something."""
_LONGEST_CLOSED: Final = 366
MOST_WATCHED: Final = 20
"""Each is two facts of every assessment."""


def _closed(text: str) -> range:
    first, _, last = text.partition("..")
    begins, ends = (day_of(datetime.combine(read_date(one.strip()), time(), UTC)) for one in (first, last or first))
    if not 0 <= ends - begins < _LONGEST_CLOSED:
        raise fault(f"`{text}` spans no days, or more than {_LONGEST_CLOSED}; write the first day, .. and the last.")
    return range(begins, ends + 1)


Closed = Annotated[range, ReadBy(_closed, description="A day such as 2026-12-25, or days: 2026-12-24..2027-01-01.")]
"""Days since 1970."""


def _connected(text: str) -> datetime | None:
    if text == "auto":
        return None
    try:
        return datetime.combine(read_date(text), time(), UTC)
    except ValueError:
        raise fault(f"`{text}` is neither `auto` nor a date since when it is connected, such as 2026-12-25.") from None


Allowances = Annotated[dict[Watched, Annotated[float, Field(gt=0, le=10**12)]], Field(max_length=MOST_WATCHED)]
Connected = Annotated[datetime | None, ReadBy(_connected, description="`auto`, or the date since when.")]


class OnboardingFile(FileModel):
    """How some accounts are brought to where they wanted to be."""

    may_be_empty: ClassVar = ("milestones",)
    id: Name
    days: Annotated[int, Field(ge=0, le=3650)]
    """How long it lasts at most after signing."""
    for_accounts: Annotated[Condition, ConditionIn("for_accounts")] | None = None
    milestones: dict[Name, Annotated[int, Field(ge=0, le=3650)]] = {}
    """With the day after signing by which each is expected, such as {first_report: 14}."""

    def onboarding(self) -> Onboarding:
        """As scoring knows it."""
        return Onboarding(self.id, self.days, dict(self.milestones), self.for_accounts)


def _takes_all_of(first: OnboardingFile, other: OnboardingFile) -> bool:
    if first.for_accounts is None or other.for_accounts is None:
        return first.for_accounts is None
    return implied(first.for_accounts, other.for_accounts)


class TargetFile(FileModel):
    """What a figure is to be, and what others reach."""

    target: Annotated[float, Field(ge=-100, le=100)] | None = None
    benchmark: Annotated[float, Field(ge=-100, le=100)] | None = None
    source: Name | None = None
    """Where the benchmark is from."""


class CatalogueFile(FileModel):
    """What is sold, and what we hear of: plans, onboarding, working days, connected sources, rates, targets, traits."""

    may_be_empty: ClassVar = (
        *(
            "features",
            "onboarding",
            "working_days",
            "closed",
            "cadence",
            "watch",
            "allowances",
            "sources",
            "rates",
            "key_account_minor",
            "targets",
            "traits",
        ),
    )
    features: dict[Name, list[Name] | None] = {}
    onboarding: list[OnboardingFile] = []
    """Models of onboarding: the first that matches an account is its own."""
    working_days: Annotated[list[Day], Field(min_length=1)] | None = None
    closed: list[Closed] = []
    cadence: dict[Name, Annotated[str, one_of(CADENCES, "cadence")]] = {}
    watch: Annotated[list[Watched], Field(max_length=MOST_WATCHED)] = []
    allowances: dict[Name, Allowances] = {}
    """What a month of a plan includes, by feature and in its own unit, such as {pro: {exports: 1000}}."""
    sources: dict[Annotated[str, one_of(SOURCES, "source")], Connected] = {}
    rates: dict[Annotated[str, Field(pattern="^[A-Z]{3}$")], Annotated[float, Field(gt=0, le=10**9)]] = {}
    """What one unit of a currency is worth in one that you choose, such as {EUR: 1, USD: 0.92}."""
    key_account_minor: Annotated[int, Field(ge=1, le=10**15)] | None = None
    """From how much monthly revenue on an account is a key one, in minor units of the currency whose rate is 1."""
    targets: dict[Annotated[str, one_of(GROUPS, "measure")], TargetFile] = {}
    """What NPS (-100 to 100), CSAT (percent of points) and CES (1 to 7) are to be, such as {nps: {target: 40}}."""
    traits: dict[Name, FactType] = {}

    @classmethod
    def scopes(cls, root: Any, _beside: Any) -> dict[str, Scope]:
        """Onboarding can be chosen by what is known of an account, but its stage, which follows from it."""
        declared = declared_by(root) if isinstance(root, dict) else Declared()
        barred = r"(?!account\.)|account\.stage$", "only `account.*` facts are known here, and no stage"
        return {"for_accounts": Scope(declared.traits, barred=barred, values=declared.values)}

    @model_validator(mode="after")
    def _ids_once(self, info: ValidationInfo) -> Self:
        for place, one in enumerate(self.onboarding):
            if one.id in {other.id for other in self.onboarding[:place]}:
                Reading.of(info).note(f"Another model has the id `{one.id}` already.", one.at("id"))
        return self

    @model_validator(mode="after")
    def _each_is_reached(self, info: ValidationInfo) -> Self:
        for place, one in enumerate(self.onboarding):
            first = next((other for other in self.onboarding[:place] if _takes_all_of(other, one)), None)
            if first is not None:
                said = f"No account comes to the model `{one.id}`: `{first.id}` before it takes all of them."
                Reading.of(info).note(said, one.at("id"), "The first that matches is taken: order them.")
        return self

    def catalogue(self) -> Catalogue:
        """As scoring knows it."""
        return Catalogue(
            features={plan: tuple(features or ()) for plan, features in self.features.items()},
            onboarding=tuple(one.onboarding() for one in self.onboarding),
            week=frozenset(self.working_days) if self.working_days else MONDAY_TO_FRIDAY,
            sources={source: day_of(since) for source, since in self.sources.items() if since is not None},
            closed=tuple(sorted({day for days in self.closed for day in days})),
            cadence={plan: CADENCES[name] for plan, name in self.cadence.items()},
            watch=tuple(dict.fromkeys(self.watch)),
            allowances=self.allowances,
            rates={currency: Fraction(str(rate)) for currency, rate in self.rates.items()},
            key_account_minor=self.key_account_minor,
            targets={name: Target(**one.given()) for name, one in self.targets.items()},
            traits=self.traits,
        )


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


@dataclass(frozen=True, slots=True)
class Card:
    """A scorecard with its text, and the name of the file that it is from."""

    file: str
    text: bytes
    content: ScorecardFile


@dataclass(frozen=True, slots=True)
class RuleFiles:
    """The catalogue and the scorecards by id: each is right by itself, and all of them together."""

    folder: str
    catalogue: CatalogueFile | None
    catalogue_text: bytes
    cards: Mapping[str, Card]

    def __post_init__(self) -> None:
        problems = _caps_faults(self.cards)
        defaults = [id for id, one in self.cards.items() if one.content.for_accounts is None]
        if len(defaults) != 1 and not problems:
            named = ", ".join(defaults) or "none"
            said = f"There must be one scorecard without for_accounts, the default; found {named}."
            problems.append(Problem(said, file=self.folder))
        if problems:
            raise Refused(problems)

    @property
    def declared(self) -> Catalogue:
        """What the catalogue says; nothing, without one."""
        return Catalogue() if self.catalogue is None else self.catalogue.catalogue()

    @property
    def warnings(self) -> list[Problem]:
        """What merely looks wrong."""
        files = (self.catalogue, *(one.content for one in self.cards.values()))
        return [warning for one in files if one is not None for warning in one.warnings]

    def rules(self) -> Rules:
        """As scoring knows them."""
        files = {id: one.content for id, one in self.cards.items()}
        return rules_of(self.declared, [card.scorecard(files) for card in files.values()])

    def with_card(self, text: bytes) -> tuple[ScorecardFile, "RuleFiles"]:
        """A draft of a scorecard, and all with it in place of the one of its id. Raises `Refused`."""
        card = read(text, "", ScorecardFile, self.declared)
        return card, replace(self, folder="", cards={**self.cards, card.id: Card("", text, card)})

    def with_catalogue(self, text: bytes) -> tuple[CatalogueFile, "RuleFiles"]:
        """A draft of the catalogue, and all with it. Raises `Refused`, too, with what no longer fits in which card."""
        catalogue, problems, cards = read(text, "", CatalogueFile), list[Problem](), dict[str, Card]()
        for id, one in self.cards.items():
            with gathered(problems):
                card = read(one.text, one.file, ScorecardFile, catalogue.catalogue())
                cards[id] = replace(one, content=card)
        if problems:
            raise Refused(problems)
        return catalogue, replace(self, catalogue=catalogue, catalogue_text=text, cards=cards)


def load_files(folder: Path = SHIPPED, catalogue_file: Path | None = None) -> RuleFiles:
    """The catalogue and every scorecard of a folder; with a catalogue's file of its own, that one instead.

    Raises `Refused` with all that is wrong in all files.
    """
    problems, paths = list[Problem](), files_in(folder)
    beside = [path for path in paths if path.stem == "catalogue"]
    paths = [path for path in paths if path not in beside]
    catalogue, text = None, b""
    for path in beside if catalogue_file is None else [catalogue_file]:
        # Without it nobody knows which traits the cards may name, so its faults come alone.
        text = content_of(path)
        catalogue = read(text, str(path), CatalogueFile)
    declared = Catalogue() if catalogue is None else catalogue.catalogue()
    cards = read_each(
        paths,
        lambda data, name: Card(name, data, read(data, name, ScorecardFile, declared)),
        lambda one: one.content.id,
        problems,
    )
    if problems:
        raise Refused([*problems, *_caps_faults(cards)])
    found = RuleFiles(str(folder), catalogue, text, cards)
    for warning in found.warnings:
        _LOG.warning("%s", warning)
    return found


def load_rules(folder: Path = SHIPPED, catalogue_file: Path | None = None) -> Rules:
    """The rules that these files are. Raises `Refused` with all that is wrong in all files."""
    return load_files(folder, catalogue_file).rules()


def _caps_faults(cards: Mapping[str, Card]) -> list[Problem]:
    """What is wrong with whose caps cards take over."""
    return [fault for one in cards.values() if (fault := _caps_fault(one, cards)) is not None]


def _caps_fault(one: Card, cards: Mapping[str, Card]) -> Problem | None:
    like = one.content.caps_like
    if like is None:
        return None
    if like not in cards:
        said, hint = f"There is no scorecard `{like}`.", did_you_mean(like, cards)
    elif cards[like].content.caps_like is not None:
        said, hint = f"`{like}` takes its caps from another card: name that one.", None
    else:
        return None
    return Problem(said, one.content.at("caps_like"), hint, file=one.file)


SCHEMAS: Final = {
    Path(__file__).with_name("scorecard.schema.json"): Schema("Keepwell scorecard", ScorecardFile),
    Path(__file__).with_name("catalogue.schema.json"): Schema("Keepwell catalogue", CatalogueFile),
}
"""Where editors find them."""

if __name__ == "__main__":
    write(SCHEMAS)
