"""Which playbooks an assessment may matter to: most matter to few, and looking is what costs."""

from services.playbooks.core.look import DEPARTS, Look
from services.playbooks.core.standing import Standing


def changed(before: Standing | None, look: Look) -> list[str] | None:
    """The facts that are others than at the last look, and the type of the event; None: look at every playbook.

    At a settled account each playbook would find again what it found then, and each open episode would stay where it
    is: until a fact that it reads is another, its event comes, or time has something to say, which `look_at` knows.
    """
    if before is None or not before.settled or look.quiet or look.found_in is not None or look.interrupted:
        return None
    if look.now < before.at or (before.look_at is not None and before.look_at <= look.now):
        return None
    then, now = before.facts, look.values
    others = [
        name
        for name, value in now.items()
        # 1 is not `true`, nor is a list with the one a list with the other.
        if (was := then.get(name)) != value
        or type(was) is not type(value)
        or (type(value) is list and repr(was) != repr(value))
    ]
    others += then.keys() - now.keys()
    if any(name in DEPARTS for name in others):
        return None
    if look.cause is not None and look.cause.kind == "event" and look.cause.type is not None:
        others.append(look.cause.type)
    return others
