"""Playbooks in force, and what their conditions can name."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Self

import msgspec
from pydantic import BaseModel

from services.playbooks.core.playbook import Playbook
from services.playbooks.core.rules import Entry, Pause
from services.playbooks.core.seen import Seen, example
from services.playbooks.views.silence import PauseView
from shared.conditions import Declared, FactSpec, FactType, Problem
from shared.documents.shelf import Version
from shared.documents.speech import Listed


class PlaybookView(Listed):
    """A playbook in force, with its text and what it achieved. Its `version` counts the texts that were put."""

    digest: str
    """Of what it says, without comments and layout: episodes stay with it, and messages name it behind an `@`."""
    title: str
    source: str
    warnings: list[str]
    """What merely looks wrong in its text, with the place; also texts that it asks for and no account has."""
    achieved: dict[str, Any]
    mode: Literal["live", "shadow", "off"]
    """`shadow`: it decides, and tells nobody. `off`: it decides nothing."""
    paused: PauseView | None
    """It fires nothing, if it is."""

    @classmethod
    def made(
        cls,
        version: Version,
        entry: Entry | None,
        achieved: Mapping[str, dict[str, Any]],
        warnings: Mapping[str, Sequence[Problem]],
        paused: Mapping[str, Pause],
    ) -> Self:
        """A version in force, with what all of them achieved, and what the accounts say against each. One that this
        release can't read has its text alone."""
        id, told = version.id, [str(one) for one in warnings.get(version.id, ())]
        return cls(
            **Listed.of(version).model_dump(),
            digest=entry.playbook.version if entry is not None else "",
            title=entry.playbook.title if entry is not None else id,
            source=(version.text or b"").decode("utf-8-sig", "replace"),
            warnings=[*map(_unnamed, entry.warnings if entry is not None else ()), *told],
            achieved=achieved.get(id, {}),
            mode=_mode(entry.playbook) if entry is not None else "live",
            paused=PauseView.of(paused[id]) if id in paused else None,
        )


def _mode(playbook: Playbook) -> Literal["live", "shadow", "off"]:
    return "off" if playbook.off else "shadow" if playbook.shadow else "live"


def _unnamed(warning: Problem) -> str:
    return str(dataclasses.replace(warning, file=""))


class SeenValueView(BaseModel, from_attributes=True):
    """A value, and how many of the accounts have it."""

    value: str | bool
    accounts: int


class SeenView(BaseModel, from_attributes=True):
    """What a fact is over the accounts: all, or some thousands of them where there are more."""

    looked_at: int
    accounts: int
    """How many of those know it."""
    values: list[SeenValueView]
    """Of text, lists and truths: the most frequent, most first."""
    kinds: int
    """How many different ones there are."""
    minimum: int | float | datetime | None
    median: int | float | datetime | None
    maximum: int | float | datetime | None


class FactView(BaseModel):
    """What a condition can name."""

    name: str
    type: FactType
    unit: str
    words: str
    description: str
    choices: list[str]
    """The texts that it can be, or that the catalogue declares for it."""
    lowest: int | None
    highest: int | None
    """The ends of the numbers that it can be, where there are any."""
    example: str
    """A condition on it."""
    seen: SeenView

    @classmethod
    def of(cls, spec: FactSpec, declared: Declared, seen: Seen, looked_at: int) -> Self:
        """One fact, with what was seen of it."""
        choices = spec.choices or tuple(declared.values.get(spec.name, ()))
        texts = [*choices, *(one.value for one in seen.values if isinstance(one.value, str))]
        more = {"words": spec.words, "choices": list(choices), "example": example(spec, texts)}
        told = {"looked_at": looked_at, **msgspec.structs.asdict(seen)}
        return cls.model_validate({**dataclasses.asdict(spec), **more, "seen": told}, extra="ignore")
