"""A message to a customer's people, as it is written: in several languages, with facts in it."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Final, NamedTuple, Self, get_args

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from shared.conditions import Facts, FactSpec, FactType, Scope, Value
from shared.conditions.readable import UNREADABLE
from shared.files.kinds import Name, one_of
from shared.files.models import FileModel, Reading
from shared.files.nodes import Fields, Text
from shared.files.sandbox import Unwritable
from shared.files.templates import names_in, problems_of, written
from shared.files.tongues import Tongue
from shared.messages.registry import TOLD
from shared.words import clean, closest

NO_IDS: Final = {"check", "schema"}
"""They are addresses beside those of templates."""
_BARRED: Final = UNREADABLE, "the customer would read how you judge them, or what others there said"
_MORE: Final = (
    FactSpec("contact.name", "text", description="Whom it is written to."),
    FactSpec("contact.first_name", "text", description="The first part of their name."),
    FactSpec("contact.role", "text", description="What they are at the customer, such as champion."),
    FactSpec("sender.name", "text", description="The account's owner, who writes."),
    FactSpec("sender.email", "text", description="Where an answer goes."),
)
_LANGUAGE: Final = r"^[a-z]{2,3}(-[A-Z]{2})?$"
_SUBJECT: Final = 200
_EVENTS: Final = tuple(sorted(TOLD))
_SAMPLE: Final = {
    **{"account.name": "Northwind Traders", "account.id": "northwind", "contact.name": "Kim Fox"},
    **{"contact.first_name": "Kim", "contact.role": "champion", "sender.name": "Ana Lima"},
    **{"sender.email": "ana@example.com", "usage.unused_features": ("exports", "alerts")},
    **{"event.currency": "EUR", "event.url": "https://pay.example.com/invoices/2026-0042"},
}
_BETWEEN: Final = re.compile(r"\n(?:[ \t]*\n)+")
_ON: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
_MONTH: Final = timedelta(days=30)
_NUMBERS: Final = {"event.amount_minor": 420_000, "event.attempt": 2}


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
    """Paragraphs, with an empty line between; a line stays a line."""


class Written(NamedTuple):
    """A template in one language, filled in."""

    language: str
    subject: str
    paragraphs: list[str]

    @property
    def body(self) -> str:
        """As plain text."""
        return "\n\n".join(self.paragraphs)


class _Typed(Facts):
    """Facts that are read as the types that a template's scope gives them."""

    __slots__ = ("_specs",)

    def __init__(self, values: Mapping[str, Any], specs: Mapping[str, FactSpec]) -> None:
        super().__init__(values, {})
        self._specs = specs

    def get(self, name: str, now: datetime) -> Value | None:
        spec = self._specs.get(name)
        return None if spec is None else self.value(spec, now)


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
    on_event: Annotated[str, one_of(_EVENTS, "event that a playbook can wait for")] | None = None
    """The event whose fields the texts name as `event.*`: the template is for playbooks that wait for it."""

    @classmethod
    def scopes(cls, root: Any, _beside: Any) -> dict[str, Scope]:
        """What the texts may name: the account's facts that a customer may read, contact, sender and an event's."""
        given = root if isinstance(root, Fields) else {}
        traits = given.get("traits")
        items = traits.items() if isinstance(traits, Fields) else ()
        known = {name: kind for name, kind in items if kind in get_args(FactType)}
        return {"condition": _scope(known, next((name for name in _EVENTS if name == given.get("on_event")), None))}

    @model_validator(mode="after")
    def _makes_sense(self, info: ValidationInfo) -> Self:
        reading = Reading.of(info)
        if self.id in NO_IDS:
            reading.note(f"`{self.id}` can't be the id of a template: it names something else.", self.at("id"))
        if self.default is not None and self.default not in self.languages:
            there = ", ".join(self.languages)
            reading.note(f"`{self.default}` is none of its languages: {there}.", self.at("default"))
        return self

    def language_for(self, wanted: str | None) -> str:
        """The one of its languages that suits whoever reads this one."""
        return closest(wanted, self.languages, self.default)

    def written(self, language: str, facts: Mapping[str, Any], now: datetime, time_zone: str = "UTC") -> Written:
        """What somebody reads, of whom and whose account these facts are known. Raises `Unwritable` with the reason."""
        words, tongue = self.languages[language], Tongue(language, time_zone)
        known = _Typed(facts, _scope(self.traits, self.on_event).facts)
        subject = clean(written(words.subject, known, now, tongue), _SUBJECT)
        said = written(words.body, known, now, tongue)
        paragraphs = [one.strip("\n") for one in _BETWEEN.split(said)]
        if not subject or not said:
            raise Unwritable("its subject or its body comes to nothing")
        return Written(language, subject, paragraphs)

    def sample_facts(self) -> dict[str, Any]:
        """Facts of somebody who doesn't exist, as far as the texts name any."""
        known = _scope(self.traits, self.on_event).facts
        texts = (text for words in self.languages.values() for text in (words.subject, words.body))
        return dict(_example(known[name]) for text in texts for name in names_in(text))

    def samples(self) -> dict[str, Written | str]:
        """In each language what would be written to somebody who doesn't exist, or why that can't be."""
        facts, found = self.sample_facts(), dict[str, Written | str]()
        for language in self.languages:
            try:
                found[language] = self.written(language, facts, _ON)
            except Unwritable as error:
                found[language] = str(error)
        return found


@lru_cache(maxsize=64)
def _scope_of(traits: tuple[tuple[str, FactType], ...], event: str | None) -> Scope:
    return Scope(dict(traits), event_type=event, more={one.name: one for one in _MORE}, barred=_BARRED)


def _scope(traits: Mapping[str, FactType], event: str | None) -> Scope:
    return _scope_of(tuple(traits.items()), event)


def _example(spec: FactSpec) -> tuple[str, Any]:
    """Something that a fact could be, or what it is counted from."""
    if spec.linear_of is not None:
        at = _ON - _MONTH if spec.direction == "since" else _ON + _MONTH
        return spec.linear_of, at.isoformat()
    text = _SAMPLE.get(spec.name, spec.choices[0] if spec.choices else spec.words)
    number = _NUMBERS.get(spec.name, 12)
    values: Mapping[str, Any] = {"text": text, "number": number, "boolean": True, "list": _list(text)}
    return spec.name, (_ON + _MONTH).isoformat() if spec.type == "instant" else values[spec.type]


def _list(one: Any) -> list[Any]:
    return list(one) if isinstance(one, tuple) else [one]
