"""A look at an account as it stands, by the rules that decide."""

from collections.abc import Iterable
from typing import Any

from services.playbooks.core.interruptions import Interruption, interrupted
from services.playbooks.core.look import Look
from services.playbooks.core.rules import Rules
from services.playbooks.core.standing import Standing, mute_of, owner


def glance(
    rules: Rules, interruptions: Iterable[Interruption], stands: Standing, occasion: str, actor: str, **others: Any
) -> Look:
    """At the instant at which it stands so; the others are what `Look.of` takes."""
    owned_by = rules.directory.owner(owner(stands))
    mute = mute_of(stands)
    known: dict[str, Any] = {
        "occasion": occasion,
        "actor": actor,
        "quiet": stands.quiet,
        "hours": owned_by.hours if owned_by is not None else rules.directory.office,
        "muted": mute.reason if mute is not None else None,
        "paused": rules.library.paused_because,
        "interrupted": interrupted(interruptions, stands.at),
        "render": rules.render,
        "business": rules.business,
    }
    return Look.of(stands.account, stands.facts, stands.at, **known, **others)
