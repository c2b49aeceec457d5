"""A mapping: how what clients send is understood. Pure data and its look-ups; the YAML of it is read in `files`.

Paths are names with dots between them, walked through nested objects: `context.groupId`, `properties.account_id`. In a
pattern `*` stands for any text, and nothing else has a meaning of its own; letters are taken as they are, case and all.
"""

from collections.abc import Mapping as Named
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

import msgspec

from shared.messages.usage import UsageRecorded

Path = tuple[str, ...]
"""The parts of a path."""
(USED,) = UsageRecorded.types
KINDS: Final = ("track", "page", "screen", "identify", "group", "alias", "capture", "meter", "span", "log")
"""Kinds of records: those of analytics clients, PostHog's, OpenMeter's, and OpenTelemetry's."""
_REMEMBERED: Final = 4096
"""Names of events of which it is remembered which rule they fall under; some senders make up new ones all the time."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What the events of a name come to. `event` is a pattern (`Report *`).

    `kind`: only records of this kind (`KINDS`); none: any.
    """

    event: str = "*"
    kind: str | None = None
    but: Sequence[str] = ()
    """Patterns of names that are not meant."""
    type: str = USED
    """The type of the event that it becomes; empty: it is dropped."""
    feature: str | Path | None = None
    """Of a use: its feature as it is, or where it stands; none: the event's own name."""
    quantity: Path | None = None
    milestone: str | None = None
    data: Named[str, Path] = {}
    """Of any other type: where each field of its data stands."""
    fixed: Named[str, Any] = {}
    """And fields that are always the same."""
    by: str = ""
    """The document that says so, such as `web@3`."""

    def fits(self, kind: str, event: str) -> bool:
        """Whether a record of this kind and name is meant."""
        return (
            (self.kind is None or self.kind == kind)
            and fits(self.event, event)
            and not any(fits(other, event) for other in self.but)
        )

    def hides(self, later: "Rule") -> bool:
        """Whether nothing is left for a later rule."""
        return (
            self.kind in (None, later.kind)
            and covers(self.event, later.event)
            and all(any(covers(one, other) for one in later.but) for other in self.but if meet(other, later.event))
        )

    @property
    def words(self) -> str:
        """As people name it: `drop 'Heartbeat*'`."""
        what = "drop" if not self.type else "take" if self.type == USED else f"make {self.type} of"
        return f"{what} {self.event!r}" + (f" of the kind {self.kind}" if self.kind else "")


class Mapping(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """How what some keys send is understood. The first rule that fits counts; without one a record is a use."""

    id: str = "default"
    version: int | None = None
    """Which version of the document that is."""
    account: Sequence[Path] = ()
    """Where the account's id stands: the first that is there and not empty."""
    rules: Sequence[Rule] = ()
    traits: Named[str, str] = {}
    """Of a group (an account): by the name of a trait of theirs, ours; one that isn't here keeps its name."""
    times: Named[str, float] = {}
    """By the name of a trait of theirs, what a number there is to be multiplied by."""
    drop_traits: frozenset[str] = frozenset()
    otel_account: Sequence[str] = ("account.id",)
    """Attributes of a span or log record, or of its resource, that carry the account; the first that is there."""
    otel_feature: Sequence[str] = ()
    """Attributes that carry the feature; the first that is there, else the span's name."""
    otel_user: Sequence[str] = ("enduser.id", "user.id")

    @property
    def label(self) -> str:
        """How it is named where people ask what was done with an event: `web@3`."""
        return self.id if self.version is None else f"{self.id}@{self.version}"

    def why_dropped(self, rule: Rule) -> str:
        """Why nothing comes of a record that falls under a rule which drops it."""
        return f"dropped by {rule.by or self.label}: {rule.words}"

    def rule_for(self, kind: str, event: str) -> Rule | None:
        """The rule for a record of this kind and name."""
        seen, key = self._seen, (kind, event)
        if key in seen:
            return seen[key]
        patterns, by_name = self._sorted
        candidates = sorted([*by_name.get(event, ()), *patterns], key=lambda one: one[0])
        found = next((rule for _, rule in candidates if rule.fits(kind, event)), None)
        if len(seen) >= _REMEMBERED:
            seen.clear()
        seen[key] = found
        return found

    def traits_of(self, given: Named[str, Any]) -> dict[str, Any]:
        """Traits of an account by our names and in our units, without what is dropped."""
        kept = {name: value for name, value in given.items() if name not in self.drop_traits}
        return {self.traits.get(name, name): self._reckoned(name, value) for name, value in kept.items()}

    def _reckoned(self, name: str, value: Any) -> Any:
        times = self.times.get(name)
        return value if times is None or not isinstance(value, int | float) else _multiplied(value, times)

    @cached_property
    def _seen(self) -> dict[tuple[str, str], Rule | None]:
        return {}

    @cached_property
    def _sorted(self) -> tuple[list[tuple[int, Rule]], dict[str, list[tuple[int, Rule]]]]:
        """Rules with a pattern, and those of one name by it, each with its place."""
        patterns, by_name = list[tuple[int, Rule]](), dict[str, list[tuple[int, Rule]]]()
        for place, rule in enumerate(self.rules):
            (patterns if "*" in rule.event else by_name.setdefault(rule.event, [])).append((place, rule))
        return patterns, by_name


def fits(pattern: str, text: str) -> bool:
    """Whether a text is as a pattern says. Takes no longer than the text is long, a part of the pattern at a time."""
    first, *parts = pattern.split("*")
    if not parts:
        return pattern == text
    last = parts.pop()
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    place, end = len(first), len(text) - len(last)
    for part in parts:
        found = text.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return True


def covers(pattern: str, other: str) -> bool:
    """Whether every text that another pattern takes is taken by this one."""
    # A letter that stands in no pattern is what only a `*` takes.
    return fits(pattern, other.replace("*", "\0"))


def meet(one: str, other: str) -> bool:
    """Whether two patterns may take the same text, as far as their fixed beginnings and ends tell."""
    if "*" not in one:
        return fits(other, one)
    if "*" not in other:
        return fits(one, other)
    heads = one.partition("*")[0], other.partition("*")[0]
    tails = one.rpartition("*")[2], other.rpartition("*")[2]
    return (heads[0].startswith(heads[1]) or heads[1].startswith(heads[0])) and (
        tails[0].endswith(tails[1]) or tails[1].endswith(tails[0])
    )


def path_of(text: str) -> Path:
    """A path as it is written."""
    return tuple(text.split("."))


def at(record: Any, path: Path) -> Any:
    """What stands there; None where nothing does."""
    for name in path:
        if not isinstance(record, dict):
            return None
        record = record.get(name)
    return record


def account_in(record: Any, paths: Sequence[Path]) -> str | None:
    """The account that a record names: the first path with a text or a whole number that isn't empty."""
    for path in paths:
        # As `at` does, which would be called some times a record.
        found = record
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
            if found is None:
                break
        if isinstance(found, str) and (name := found.strip()):
            return name
        if isinstance(found, int) and not isinstance(found, bool):
            return str(found)
    return None


def _multiplied(value: float, times: float) -> float:
    """A whole number where it comes to one within what floats can't tell: 19.99 of a currency are 1999 of its cents."""
    if isinstance(value, bool):
        return value
    try:
        found = value * times
        whole = round(found)
        return whole if abs(found - whole) < 1e-6 * max(1.0, abs(found)) else found
    except (OverflowError, ValueError):
        return value


DEFAULT: Final = Mapping(
    account=[
        path_of(text)
        for text in (
            "groupId",
            "context.groupId",
            "properties.$groups.company",
            "traits.account_id",
            "properties.account_id",
            "context.traits.account_id",
            "traits.company_id",
            "properties.company_id",
            "context.traits.company_id",
        )
    ],
    rules=[
        Rule(kind="capture", event="$pageview", feature="page view"),
        Rule(kind="capture", event="$screen", feature=("properties", "$screen_name")),
        Rule(kind="capture", event="$*", type=""),
    ],
)
"""Where nobody has said anything: a first event of an SDK counts as a use of what it names."""
