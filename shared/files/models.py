"""What the models of files have in common: unknown and empty fields, and faults that know their place."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, PrivateAttr, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from shared.conditions.errors import MOST_TOLD, Position, Problem, did_you_mean
from shared.conditions.scope import Scope
from shared.files.nodes import Fields


@dataclass
class Reading:
    """One file while it is read: what its conditions may name, what it is checked against, and what is wrong so far."""

    file: str
    scopes: Mapping[str, Scope]
    beside: Any = None
    """What else the file is checked against, such as the directory of people."""
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    """What merely looks wrong: the file is read all the same."""

    @classmethod
    def of(cls, info: ValidationInfo) -> "Reading":
        """The one that a validator is called in."""
        assert isinstance(info.context, cls)
        return info.context

    def note(self, message: str, at: Position, suggestion: str | None = None) -> None:
        """One thing more is wrong; the rest of the file is still looked at."""
        self.take([Problem(message, at, suggestion)])

    def take(self, problems: Iterable[Problem], *, certain: bool = True) -> None:
        """Take down what is wrong, or what merely looks so."""
        into = self.problems if certain else self.warnings
        into += [replace(one, file=self.file) for one in problems]


def fault(message: str, suggestion: str | None = None) -> PydanticCustomError:
    """What a validator raises when its value is wrong; the reader knows where the value stands."""
    return PydanticCustomError("fault", "{said}", {"said": message, "suggestion": suggestion})


class FileModel(BaseModel):
    """A mapping of a file with fixed fields."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)
    may_be_empty: ClassVar[Collection[str]] = ()
    """Fields that without a value are as if they were left out. Any other is refused: something got lost there."""
    _node: Fields = PrivateAttr(default_factory=lambda: Fields(Position()))
    _warnings: tuple[Problem, ...] = PrivateAttr(())

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What merely looks wrong in the file that this is all of."""
        return self._warnings

    def at(self, name: str | None = None) -> Position:
        """Where a field's value stands, or the mapping itself."""
        return self._node.places.get(name, self._node.at)

    def given(self, *but: str) -> dict[str, Any]:
        """The fields that were given, but some: what the core's type of the same thing has no default for."""
        values = {name: getattr(self, name) for name in self.model_fields_set if name not in but}
        return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}

    @classmethod
    def scopes(cls, _root: Any, _beside: Any) -> dict[str, Scope]:
        """What the conditions may name, by `ConditionIn`'s names: for the file's value and what it is beside."""
        return {"condition": Scope()}

    @classmethod
    def look(cls, node: Fields, reading: Reading) -> None:
        """Note what is wrong with a mapping as a whole; asked even when its fields are wrong."""

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, node: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        known = [one.alias or name for name, one in cls.model_fields.items()]
        if type(node) is dict:
            # Of a model that has itself inside, pydantic calls this around itself: it has been looked at.
            return handler(node)
        if not isinstance(node, Fields):
            raise fault(f"Here belongs a mapping with fields such as {', '.join(known[:3])}.")
        reading = Reading.of(info)
        given = {key: value for key, value in node.items() if key in known and value is not None}
        for key, at in node.keys_at.items():
            if key not in known:
                hint = did_you_mean(key, known) if len(reading.problems) < MOST_TOLD else None
                reading.note(f"There is no field `{str(key)[:60]}`.", at, hint)
            elif node[key] is None and key not in cls.may_be_empty:
                lost = "Give it one, or take the line out; a value with `#` in front of it needs quotes."
                reading.note(f"`{key}` has no value.", at, lost)
        cls.look(node, reading)
        read = handler(given)
        read._node = node
        return read
