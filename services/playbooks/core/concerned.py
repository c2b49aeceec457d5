"""Which playbooks an assessment may matter to: most matter to few, and looking is what costs."""

from collections.abc import Collection

from services.playbooks.core.look import DEPARTS, Look
from services.playbooks.core.standing import Standing


def changed(before: Standing | None, look: Look, differing: Collection[str]) -> list[str] | None:
    """The facts that are others than at the last look (`differing`), and the type of the event; None: look at every
    playbook.

    At a settled account each playbook would find again what it found then, and each open episode would stay where it
    is: until a fact that it reads is another, its event comes, or time has something to say, which `look_at` knows.
    """
    if before is None or not before.settled or look.quiet or look.found_in is not None or look.interrupted:
        return None
    if look.now < before.at or (before.look_at is not None and before.look_at <= look.now):
        return None
    if any(name in DEPARTS for name in differing):
        return None
    others = list(differing)
    if look.cause is not None and look.cause.kind == "event" and look.cause.type is not None:
        others.append(look.cause.type)
    return others
