"""A mapping's file: what the events of clients come to, where they name the account, and what is left out of them."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Final, Self

import msgspec
from pydantic import AfterValidator, Field, Tag, ValidationInfo, model_validator

from services.ingest.core.mapping import DEFAULT, Mapping, Rule, path_of
from services.ingest.files.rule import ByShape, DropFile, EventFile, MilestoneFile, PathText, Pattern, UsageFile
from shared.conditions import Position, Problem, did_you_mean
from shared.files.kinds import Name
from shared.files.models import FileModel, Reading
from shared.files.nodes import Items
from shared.messages.accounts import AccountTraits

FOR_ALL: Final = DEFAULT.id
"""The mapping for every source that no other names."""
NO_IDS: Final = {"check", "schema"}
"""They are addresses beside those of mappings."""
_TRAITS: Final = AccountTraits.__struct_fields__


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


Paths = Annotated[
    Annotated[PathText, Tag("text")] | Annotated[list[PathText], Field(min_length=1), Tag("list")],
    ByShape,
    AfterValidator(_listed),
]
Names = Annotated[
    Annotated[Name, Tag("text")] | Annotated[list[Name], Field(min_length=1), Tag("list")],
    ByShape,
    AfterValidator(_listed),
]


class TraitFile(FileModel):
    """A trait of theirs: its name here, and what a number in it is multiplied by."""

    to: Name | None = None
    times: Annotated[float, Field(gt=0, le=1e9)] | None = None


class OtelFile(FileModel):
    """Attributes of spans and log records, or of their resource: of each the first that is there counts."""

    account: Names | None = None
    feature: Names | None = None
    user: Names | None = None


class MappingFile(FileModel):
    """How what some keys send is understood. Rules are asked in the order of these lists, and the first that fits
    counts; what none fits is a use of the feature that its name says."""

    may_be_empty: ClassVar = ("for_sources", "usage", "milestones", "events", "traits", "drop", "drop_traits")
    id: Name
    for_sources: list[Name] = []
    """The sources of the keys that it is for. The mapping `default` has none: it is for all others."""
    account: Paths | None = None
    """Where the account's id stands: the first that is there."""
    milestones: list[MilestoneFile] = []
    events: list[EventFile] = []
    usage: list[UsageFile] = []
    drop: list[Annotated[Annotated[Pattern, Tag("text")] | Annotated[DropFile, Tag("mapping")], ByShape]] = []
    traits: dict[Name, Annotated[Annotated[Name, Tag("text")] | Annotated[TraitFile, Tag("mapping")], ByShape]] = {}
    """By the name of an account's trait at the sender, its name here."""
    drop_traits: list[Name] = []
    otel: OtelFile | None = None

    @model_validator(mode="after")
    def _makes_sense(self, info: ValidationInfo) -> Self:
        reading = Reading.of(info)
        if self.id in NO_IDS:
            reading.note(f"`{self.id}` can't be the id of a mapping: it names something else.", self.at("id"))
        if self.id == FOR_ALL and self.for_sources:
            said = f"`{FOR_ALL}` is for every source that no other mapping names."
            reading.note(said, self.at("for_sources"), "Give a mapping for some an id of its own.")
        if self.id != FOR_ALL and not self.for_sources:
            said = "This says for which sources it is in no line: nobody would go by it."
            reading.note(said, self.at("id"), "Add for_sources: [the source of a key]; `keepwell keys list` has them.")
        for name in self.drop_traits:
            if name in self.traits:
                reading.note(f"`{name}` is renamed, and dropped as well.", self._place("drop_traits", name))
        self._check_order(reading)
        self._check_traits(reading)
        return self

    def _check_traits(self, reading: Reading) -> None:
        """What looks like a known trait may be one of your own, which the catalogue declares."""
        for name, said in self.traits.items():
            ours = said if isinstance(said, str) else said.to or name
            if ours not in _TRAITS and (hint := did_you_mean(ours, _TRAITS)) is not None:
                at = self._node["traits"].places[name]
                reading.take([Problem(f"`{ours}` is no trait that Keepwell knows.", at, hint)], certain=False)

    def _check_order(self, reading: Reading) -> None:
        before = list[tuple[Rule, Position]]()
        for rule, at in self._placed():
            first = next((place for one, place in before if one.hides(rule)), None)
            if first is None:
                before.append((rule, at))
                continue
            hint = "Rules are asked in the order milestones, events, usage, drop; the first that fits counts."
            reading.note(f"This never counts: what stands in line {first.line} takes all of it.", at, hint)

    def _placed(self) -> Iterator[tuple[Rule, Position]]:
        for one in (*self.milestones, *self.events, *self.usage):
            yield one.rule, one.at()
        for place, dropped in enumerate(self.drop):
            at = self._node["drop"].places[place]
            yield (Rule(event=dropped, type="") if isinstance(dropped, str) else dropped.rule), at

    def _place(self, field: str, value: str) -> Position:
        items = self._node.get(field)
        return items.places[items.index(value)] if isinstance(items, Items) and value in items else self.at(field)

    def at_source(self, source: str) -> Position:
        """Where it names a source."""
        return self._place("for_sources", source)

    @property
    def rules(self) -> list[Rule]:
        """As the core has them, in the order in which they are asked."""
        return [rule for rule, _ in self._placed()]

    def over(self, base: Mapping, *, whole: bool) -> Mapping:
        """As the core has it, over another of the same name from which it takes what it leaves open; where it is
        `whole`, its rules and traits are all."""
        otel = OtelFile() if self.otel is None else self.otel
        rules = [msgspec.structs.replace(rule, by=base.label) for rule in self.rules]
        traits = {name: said if isinstance(said, str) else said.to or name for name, said in self.traits.items()}
        times = {name: said.times for name, said in self.traits.items() if isinstance(said, TraitFile) and said.times}
        dropped = frozenset(self.drop_traits)
        if not whole:
            rules = [*rules, *base.rules]
            times = {**{name: value for name, value in base.times.items() if name not in traits}, **times}
            dropped |= base.drop_traits - traits.keys()
            traits = {**base.traits, **traits}
        return msgspec.structs.replace(
            base,
            account=base.account if self.account is None else [path_of(text) for text in self.account],
            rules=rules,
            traits=traits,
            times=times,
            drop_traits=dropped,
            otel_account=base.otel_account if otel.account is None else tuple(otel.account),
            otel_feature=base.otel_feature if otel.feature is None else tuple(otel.feature),
            otel_user=base.otel_user if otel.user is None else tuple(otel.user),
        )
