"""What one condition may name: the catalogue, declared traits, the fields of one event, and what the caller adds."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import msgspec

from shared.conditions.catalogue import FACTS, FactSpec, FactType, watched_facts
from shared.conditions.declared import Declared
from shared.conditions.errors import nearest
from shared.messages.registry import TOLD

_ENVELOPE = (
    FactSpec("event.type", "text", description="The event's type."),
    FactSpec("event.source", "text", description="Who sent the event."),
    FactSpec("event.id", "text", description="The event's id at its source."),
    FactSpec("event.time", "instant", description="When it happened.", label="the event"),
)
_CONTACT = (
    FactSpec(
        "event.contact_name", "text", description="What the event's contact is called.", label="the contact's name"
    ),
    FactSpec("event.contact_role", "text", description="Their role that weighs most.", label="the contact's role"),
    FactSpec("event.who", "text", description="The contact in words, such as Kim (admin), or: their admin."),
)
_MONEY = {"mrr_minor": "monthly revenue"}


@dataclass(frozen=True)
class Scope:
    """The facts of one condition: `FACTS`, and what a file declares."""

    traits: Mapping[str, FactType] = field(default_factory=dict)
    """The types of `account.traits.*`, by the name after it."""
    watched: Collection[str] = ()
    """The features whose `usage.feature.*` and `usage.limit.*` are facts."""
    event_type: str | None = None
    """The type of the event that an `on_event` condition is about."""
    more: Mapping[str, FactSpec] = field(default_factory=dict)
    """Facts that only this place knows, such as `STEP_FACTS`."""
    barred: tuple[str, str] | None = None
    """A pattern of names that can't be used here, and why."""
    values: Mapping[str, Collection[str]] = field(default_factory=lambda: Declared().values)
    """The texts that are declared for a fact; there may be others."""

    @cached_property
    def facts(self) -> dict[str, FactSpec]:
        """Every fact that can be named here."""
        declared = (
            FactSpec(f"account.traits.{name}", kind, description="A declared trait.", label=name.replace("_", " "))
            for name, kind in self.traits.items()
        )
        watched = (spec for feature in self.watched for spec in watched_facts(feature))
        known = {**FACTS, **self.more, **{spec.name: spec for spec in (*declared, *watched)}}
        known |= event_facts(self.event_type) if self.event_type else {}
        return {name: spec for name, spec in known.items() if not self._is_barred(name)}

    def missing(self, name: str) -> tuple[str, str | None]:
        """Why there is no such fact, and what may have been meant."""
        if self.barred and self._is_barred(name):
            return f"`{name}` can't be used: {self.barred[1]}.", None
        near = self._nearest(name)
        suggestion = f"Did you mean `{near}`?" if near else None
        if name.startswith("event."):
            if self.event_type is None:
                return f"`{name}` is known only in the conditions of an `on_event`.", None
            return f"`{self.event_type}` has no field `{name.removeprefix('event.')}`.", suggestion
        if name.startswith("account.traits."):
            return f"The trait `{name.removeprefix('account.traits.')}` is not declared.", suggestion
        if name.startswith(("usage.feature.", "usage.limit.")):
            hint = "Name the feature under `watch`; of `usage.feature.` its facts are `.days_7` and `.days_30`."
            return f"`{name}` is no fact of a watched feature.", suggestion or hint
        return f"There is no fact `{name}`.", suggestion

    def _is_barred(self, name: str) -> bool:
        return self.barred is not None and re.match(self.barred[0], name) is not None

    def _nearest(self, name: str) -> str | None:
        family = next((prefix for prefix in ("event.", "account.traits.") if name.startswith(prefix)), "")
        facts = [known for known in self.facts if known.startswith(family)]
        by_last = {known.rpartition(".")[2]: known for known in reversed(facts)}
        last = name.rpartition(".")[2]
        if last in by_last:
            return by_last[last]
        if close := nearest(name, facts):
            return close
        close = nearest(last, by_last)
        return by_last[close] if close else None


def event_facts(event_type: str) -> dict[str, FactSpec]:
    """The `event.*` facts of one event type: of the envelope, the data fields of its definition, and its contact."""
    rows = list(_ENVELOPE)
    if event_type in TOLD:
        rows += _facts("event", msgspec.inspect.type_info(TOLD[event_type][1]))
    if any(row.name == "event.contact_id" for row in rows):
        rows += _CONTACT
    return {row.name: row for row in rows}


_TYPES: Final[Mapping[type[msgspec.inspect.Type], FactType]] = {
    msgspec.inspect.StrType: "text",
    msgspec.inspect.LiteralType: "text",
    msgspec.inspect.IntType: "number",
    msgspec.inspect.FloatType: "number",
    msgspec.inspect.BoolType: "boolean",
    msgspec.inspect.DateTimeType: "instant",
    msgspec.inspect.ListType: "list",
}


def _facts(name: str, info: msgspec.inspect.Type) -> Iterator[FactSpec]:
    """A field, or what is in it, as facts. Free mappings are left out: nothing says what type their values have."""
    match info:
        case msgspec.inspect.Metadata():
            yield from _facts(name, info.type)
        case msgspec.inspect.UnionType():
            found = [fact for one in info.types for fact in _facts(name, one)]
            # Of what may be of several types no condition could be checked.
            if len({fact.name for fact in found}) == len(found):
                yield from found
        case msgspec.inspect.StructType():
            for field in info.fields:
                yield from _facts(f"{name}.{field.encode_name}", field.type)
        case _ if (kind := _TYPES.get(type(info))) is not None:
            spec = FactSpec(name, kind, description=f"The event's {name.removeprefix('event.')}.")
            last = name.rpartition(".")[2]
            if isinstance(info, msgspec.inspect.LiteralType):
                spec = replace(spec, choices=tuple(map(str, info.values)))
            elif kind == "number" and last.endswith("_minor"):
                label = _MONEY.get(last, last.removesuffix("_minor").replace("_", " "))
                spec = replace(spec, unit="minor units", label=label, currency="event.currency")
            yield spec
