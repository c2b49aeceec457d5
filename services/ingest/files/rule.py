"""Rules of a mapping's file: which records are meant, and what they come to."""

from typing import Annotated, Any, Final, Self

import msgspec
from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, ValidationInfo, model_validator

from services.ingest.core.mapping import KINDS, USED, Rule, path_of
from services.ingest.core.senders import NEEDS_OPERATE
from shared.conditions import did_you_mean
from shared.files.kinds import Name, ReadBy, one_of
from shared.files.models import FileModel, Reading, fault
from shared.files.nodes import Fields, Items, Text
from shared.messages.accounts import MilestoneReached
from shared.messages.registry import CUSTOMER_EVENTS

TYPES: Final = tuple(type for type in CUSTOMER_EVENTS if type not in {USED, *NEEDS_OPERATE})
(_REACHED,) = MilestoneReached.types
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


def _fields(type: str) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(CUSTOMER_EVENTS[type][1])


def _is_one(value: Any, type: Any) -> bool:
    try:
        msgspec.convert(value, type)
    except msgspec.ValidationError:
        return False
    return True
