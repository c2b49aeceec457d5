"""A message to a customer's people, as it is written: in several languages, with facts in it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Self, get_args

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from shared.conditions import Facts, FactSpec, FactType, Scope
from shared.files.kinds import Name
from shared.files.models import FileModel, Reading
from shared.files.nodes import Fields, Text
from shared.files.templates import names_in, problems_of, render, render_lines

NO_IDS: Final = {"check", "schema"}
"""They are addresses beside those of templates."""
_BARRED: Final = r"health\.|points\.", "the customer would read how you judge them"
_MORE: Final = (
    FactSpec("contact.name", "text", description="Whom it is written to."),
    FactSpec("contact.first_name", "text", description="The first part of their name."),
    FactSpec("contact.role", "text", description="What they are at the customer, such as champion."),
    FactSpec("sender.name", "text", description="The account's owner, who writes."),
    FactSpec("sender.email", "text", description="Where an answer goes."),
)
_LANGUAGE: Final = r"^[a-z]{2,3}(-[A-Z]{2})?$"
_SUBJECT: Final = 200
_SAMPLE: Final = {
    **{"account.name": "Northwind Traders", "account.id": "northwind", "contact.name": "Kim Fox"},
    **{"contact.first_name": "Kim", "contact.role": "champion", "sender.name": "Ana Lima"},
    **{"sender.email": "ana@example.com", "usage.unused_features": ("exports", "alerts")},
}
_ON: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
_MONTH: Final = timedelta(days=30)


def _filled_in(value: Any, info: ValidationInfo) -> Any:
    reading = Reading.of(info)
    if isinstance(value, Text):
        for message, hint in problems_of(value, reading.scopes["condition"]):
            reading.note(message, value.at, hint)
    return value


Filled = Annotated[str, BeforeValidator(_filled_in), Field(min_length=1)]
Language = Annotated[str, Field(pattern=_LANGUAGE)]


class WordsFile(FileModel):
    """What is written in one language: text with `{{ account.name }}`, every fact and whom it is written to."""

    subject: Annotated[Filled, Field(max_length=_SUBJECT)]
    body: Filled


class TemplateFile(FileModel):
    """A message to a customer's people."""

    id: Name
    languages: Annotated[dict[Language, WordsFile], Field(min_length=1)]
    """By language, such as `en` or `pt-BR`."""
    title: Name | None = None
    default: Language | None = None
    """For whom none of them is known to suit; the first, unless said."""
    traits: dict[Name, FactType] = {}
    """The types of the `account.traits.*` that are named."""

    @classmethod
    def scopes(cls, root: Any, _beside: Any) -> dict[str, Scope]:
        """What the texts may name: facts of the account that a customer may read, contact and sender."""
        traits = root.get("traits") if isinstance(root, Fields) else None
        items = traits.items() if isinstance(traits, Fields) else ()
        known = {name: kind for name, kind in items if kind in get_args(FactType)}
        return {"condition": Scope(known, more={one.name: one for one in _MORE}, barred=_BARRED)}

    @model_validator(mode="after")
    def _makes_sense(self, info: ValidationInfo) -> Self:
        reading = Reading.of(info)
        if self.id in NO_IDS:
            reading.note(f"`{self.id}` can't be the id of a template: it names something else.", self.at("id"))
        if self.default is not None and self.default not in self.languages:
            there = ", ".join(self.languages)
            reading.note(f"`{self.default}` is none of its languages: {there}.", self.at("default"))
        return self

    def samples(self) -> dict[str, tuple[str, str]]:
        """Subject and body in each language, as they would be written to somebody who doesn't exist."""
        return {language: self._sample(one) for language, one in self.languages.items()}

    def _sample(self, words: WordsFile) -> tuple[str, str]:
        known = self.scopes(self._node, None)["condition"].facts
        named = (known[name] for text in (words.subject, words.body) for name in names_in(text))
        facts = Facts.of(dict(map(_example, named)))
        return render(words.subject, facts, _ON), render_lines(words.body, facts, _ON)


def _example(spec: FactSpec) -> tuple[str, Any]:
    """Something that a fact could be, or what it is counted from."""
    if spec.linear_of is not None:
        return spec.linear_of, _ON - _MONTH if spec.direction == "since" else _ON + _MONTH
    text = _SAMPLE.get(spec.name, spec.choices[0] if spec.choices else spec.words)
    return spec.name, {"text": text, "number": 12, "boolean": True, "instant": _ON + _MONTH, "list": _list(text)}[
        spec.type
    ]


def _list(one: Any) -> Any:
    return one if isinstance(one, tuple) else (one,)
