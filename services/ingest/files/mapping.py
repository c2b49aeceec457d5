"""A mapping's file: what the events of clients come to, where they name the account, and what is left out of them."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Final, Self

import msgspec
from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, ValidationInfo, model_validator

from services.ingest.core.mapping import DEFAULT, KINDS, USED, Mapping, Rule, path_of
from services.ingest.core.senders import NEEDS_OPERATE
from shared.conditions import Position, Problem, did_you_mean
from shared.files.kinds import Name, ReadBy, one_of
from shared.files.models import FileModel, Reading, fault
from shared.files.nodes import Fields, Items, Text
from shared.messages.accounts import AccountTraits, MilestoneReached
from shared.messages.registry import CUSTOMER_EVENTS

FOR_ALL: Final = DEFAULT.id
"""The mapping for every source that no other names."""
NO_IDS: Final = {"check", "schema"}
"""They are addresses beside those of mappings."""
TYPES: Final = tuple(type for type in CUSTOMER_EVENTS if type not in {USED, *NEEDS_OPERATE})
(_REACHED,) = MilestoneReached.types
_TRAITS: Final = AccountTraits.__struct_fields__
_MOST_STARS: Final = 8
_DEEPEST: Final = 12


def _pattern(text: str) -> str:
    if not text.strip():
        raise fault("A pattern without a letter fits nothing.", "Write `*` for every name.")
    if "**" in text or text.count("*") > _MOST_STARS:
        raise fault(f"`{text[:60]}` has too many `*`.", f"One stands for any text; at most {_MOST_STARS} are read.")
    return text


def _path(text: str) -> str:
    parts = path_of(text)
    if not all(part.strip() for part in parts) or len(parts) > _DEEPEST:
        raise fault(f"`{text[:60]}` leads nowhere.", "Write names with dots between them: properties.account_id.")
    return text


def _plain(value: Any) -> Any:
    if not isinstance(value, str | int | float):
        raise fault("Here belongs a text, a number, true or false.")
    return str(value) if isinstance(value, Text) else value


def _type(name: str) -> str:
    if name in TYPES:
        return name
    if name == USED:
        raise fault(f"`{USED}` is what `usage` makes.", "Put it there, with its `feature`.")
    if name in NEEDS_OPERATE:
        raise fault(f"No mapping makes `{name}`: that can't be taken back.", "Send it yourself, with a key that may.")
    hint = did_you_mean(name, TYPES) or f"There are {', '.join(TYPES)}."
    raise fault(f"`{name}` is no type of event that a mapping can make.", hint)


def _shape(value: Any) -> str:
    return "mapping" if isinstance(value, Fields) else "list" if isinstance(value, Items) else "text"


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


ByShape: Final = Discriminator(_shape)
Pattern = Annotated[
    str, Field(max_length=200, description="A name; `*` stands for any text."), AfterValidator(_pattern)
]
PathText = Annotated[
    str,
    Field(max_length=300, description="Names with dots between them: properties.account_id."),
    AfterValidator(_path),
]
Kind = Annotated[str, one_of(KINDS, "kind of record")]
Plain = Annotated[Any, BeforeValidator(_plain), Field(json_schema_extra={"type": ["string", "number", "boolean"]})]
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


class RuleFile(FileModel):
    """Which records are meant: by their name, their kind, or both."""

    event: Pattern = "*"
    kind: Kind | None = None
    but: list[Pattern] = []
    """Names that are not meant, though `event` fits them."""

    @model_validator(mode="after")
    def _says_which(self, info: ValidationInfo) -> Self:
        if not self.model_fields_set & {"event", "kind"}:
            Reading.of(info).note("This says neither `event` nor `kind`.", self.at(), "Every event: event: '*'.")
        return self

    @property
    def rule(self) -> Rule:
        """As the core has it: of a rule that says no more, let go of what is meant."""
        return Rule(**self.which, type="")

    @property
    def which(self) -> dict[str, Any]:
        """As the core has it."""
        return {"event": self.event, "kind": self.kind, "but": tuple(self.but)}


class FromFile(FileModel):
    """Where something stands in the record."""

    path: PathText = Field(alias="from")


class UsageFile(RuleFile):
    """Events that are uses: of a feature as it is written, of one that the record names, or of their own name."""

    feature: Annotated[Annotated[Name, Tag("text")] | Annotated[FromFile, Tag("mapping")], ByShape] | None = None
    quantity: PathText | None = None

    @property
    def rule(self) -> Rule:
        """As the core has it."""
        feature = path_of(self.feature.path) if isinstance(self.feature, FromFile) else self.feature
        return Rule(**self.which, feature=feature, quantity=(self.quantity and path_of(self.quantity)) or None)


class MilestoneFile(RuleFile):
    """Events by which an account reaches a milestone."""

    milestone: Name

    @property
    def rule(self) -> Rule:
        """As the core has it."""
        return Rule(**self.which, type=_REACHED, milestone=self.milestone)


class FixedFile(FileModel):
    """What a field always is."""

    value: Plain = Field(alias="is")


class EventFile(RuleFile):
    """Events of any other type of ours: where each field of their data stands, or what it always is."""

    type: Annotated[str, ReadBy(_type, enum=list(TYPES))]
    data: dict[Name, Annotated[Annotated[PathText, Tag("text")] | Annotated[FixedFile, Tag("mapping")], ByShape]] = {}

    @model_validator(mode="after")
    def _fits_its_type(self, info: ValidationInfo) -> Self:
        reading, fields = Reading.of(info), {one.encode_name: one for one in _fields(self.type)}
        node = self._node.get("data")
        for name, said in self.data.items():
            at = node.keys_at[name] if isinstance(node, Fields) else self.at("data")
            if name not in fields:
                hint = did_you_mean(name, fields) or f"It has {', '.join(fields)}."
                reading.note(f"`{self.type}` has no field `{name}`.", at, hint)
            elif isinstance(said, FixedFile) and not _is_one(said.value, fields[name].type):
                reading.note(f"`{name}` of `{self.type}` is never `{str(said.value)[:60]}`.", said.at("is"))
        for name, field in fields.items():
            if field.required and name not in self.data:
                reading.note(f"`{self.type}` needs `{name}` in its `data`.", self.at("data"))
        return self

    @property
    def rule(self) -> Rule:
        """As the core has it."""
        paths = {name: path_of(said) for name, said in self.data.items() if isinstance(said, str)}
        fixed = {name: said.value for name, said in self.data.items() if isinstance(said, FixedFile)}
        return Rule(**self.which, type=self.type, data=paths, fixed=fixed)


class DropFile(RuleFile):
    """Events that are let go of."""


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
        reading.take(self._misspelt(), certain=False)
        self._check_order(reading)
        return self

    def _misspelt(self) -> Iterator[Problem]:
        for name, said in self.traits.items():
            to, at = (said, self._at_trait(name)) if isinstance(said, str) else (said.to or name, said.at("to"))
            if to not in _TRAITS and (hint := did_you_mean(to, _TRAITS)):
                yield Problem(f"`{to}` is no trait of ours, so it becomes one of the account's own.", at, hint)

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

    def _at_trait(self, name: str) -> Position:
        node = self._node.get("traits")
        return node.places[name] if isinstance(node, Fields) else self.at("traits")

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


def _fields(type: str) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(CUSTOMER_EVENTS[type][1])


def _is_one(value: Any, type: Any) -> bool:
    try:
        msgspec.convert(value, type)
    except msgspec.ValidationError:
        return False
    return True
