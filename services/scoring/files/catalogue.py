"""The catalogue's file: what is sold, and what is heard of."""

from datetime import UTC, datetime, time
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import Field, ValidationInfo, model_validator

from services.scoring.core.catalogue import CADENCES, MONDAY_TO_FRIDAY, SOURCES, Catalogue, Onboarding, Target
from services.scoring.core.clock import day_of
from services.scoring.core.feedback import GROUPS
from shared.conditions import Condition, Declared, FactType, Problem, Scope, implied
from shared.files.catalogue import declared_by
from shared.files.kinds import ConditionIn, Day, Name, ReadBy, Watched, one_of, read_date, read_days
from shared.files.models import FileModel, Reading, fault
from shared.messages.accounts import OURS, is_ours

MOST_WATCHED: Final = 20
"""Each is two facts of every assessment."""


def _closed(text: str) -> list[int]:
    return [day_of(datetime.combine(day, time(), UTC)) for day in read_days(text)]


Closed = Annotated[
    list[int],
    ReadBy(_closed, description="2026-12-25, 2026-12-24..2027-01-01, or a country's holidays: PL, DE-BY."),
]
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
    def _none_is_ours(self, info: ValidationInfo) -> Self:
        for name in (one for one in self.traits if is_ours(one)):
            said = f"The trait `{name}` would never be known: what begins with `{OURS}` is ours, and read nowhere."
            Reading.of(info).take([Problem(said, self.at("traits"))], certain=False)
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
