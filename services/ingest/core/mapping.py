"""A mapping: how what clients send is understood. Pure data and its look-ups; the YAML of it is read in `files.py`.

Paths are names with dots between them, walked through nested objects: `context.groupId`, `properties.account_id`.
"""

from collections.abc import Mapping as Named
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec

from shared.messages.usage import UsageRecorded

Path = tuple[str, ...]
"""The parts of a path."""
(USED,) = UsageRecorded.types


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What the events of a name come to. `event` is a pattern of the shell's kind (`Report *`), case and all.

    `kind`: only records of this kind (`track`, `page`, `screen`, `capture`, `span`, `log`, …); none: any.
    """

    event: str = "*"
    kind: str | None = None
    type: str = USED
    """The type of the event that it becomes; empty: it is dropped."""
    feature: str | Path | None = None
    """Of a use: its feature as it is, or where it stands; none: the event's own name."""
    quantity: Path | None = None
    milestone: str | None = None
    data: Named[str, Path] = {}
    """Of any other type: where each field of its data stands."""

    def fits(self, kind: str, event: str) -> bool:
        """Whether a record of this kind and name is meant."""
        return (self.kind is None or self.kind == kind) and fnmatchcase(event, self.event)


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """How what some keys send is understood. The first rule that fits counts; without one a record is a use."""

    id: str = "default"
    account: Sequence[Path] = ()
    """Where the account's id stands: the first that is there and not empty."""
    rules: Sequence[Rule] = ()
    traits: Named[str, str] = {}
    """Of a group (an account): by the name of a trait of theirs, ours; one that isn't here keeps its name."""
    drop_traits: frozenset[str] = frozenset()
    otel_account: Sequence[str] = ("account.id",)
    """Attributes of a span or log record, or of its resource, that carry the account; the first that is there."""
    otel_feature: Sequence[str] = ()
    """Attributes that carry the feature; the first that is there, else the span's name."""
    otel_user: Sequence[str] = ("enduser.id", "user.id")

    def rule_for(self, kind: str, event: str) -> Rule | None:
        """The rule for a record of this kind and name."""
        return next((rule for rule in self.rules if rule.fits(kind, event)), None)


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
        found = at(record, path)
        if isinstance(found, int) and not isinstance(found, bool):
            return str(found)
        if isinstance(found, str) and found.strip():
            return found.strip()
    return None


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
