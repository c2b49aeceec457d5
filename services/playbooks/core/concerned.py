"""Which playbooks an assessment may matter to: most matter to few, and looking is what costs."""

from services.playbooks.core.look import DEPARTS, Look
from services.playbooks.core.rules import Library
from services.playbooks.core.standing import Standing


def concerned(library: Library, before: Standing | None, look: Look) -> set[str] | None:
    """The playbooks of which an episode may open now, by what has changed since the last look; None: any of them.

    Of a settled account, all that is not open would find again what it found then: until a fact that it reads is
    another, its event comes, or time has something to say, which `look_at` knows. What is open is always looked at.
    """
    if before is None or not before.settled or look.quiet or look.found_in is not None or look.interrupted:
        return None
    if look.now < before.at or (before.look_at is not None and before.look_at <= look.now):
        return None
    then, now = before.facts, look.values
    changed = [name for name, value in now.items() if (was := then.get(name)) != value or type(was) is not type(value)]
    changed += then.keys() - now.keys()
    if any(name in DEPARTS for name in changed):
        return None
    if look.cause is not None and look.cause.kind == "event" and look.cause.type is not None:
        changed.append(look.cause.type)
    return library.concerned(changed)
