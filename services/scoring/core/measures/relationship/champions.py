"""Who decides and who speaks for us at the account, and whether they are still there."""

from typing import Final, NamedTuple

from services.scoring.core.clock import in_words
from services.scoring.core.measures.base import View
from services.scoring.core.roles import KEY_ROLES, weight_of
from shared.words import person

_TO_CALL: Final = ("champion", "decision_maker", "executive_sponsor", "admin")


class Gone(NamedTuple):
    """One of a role who left, and whose place nobody has taken."""

    at: int
    contact: str


def of_role(view: View, role: str) -> tuple[int, Gone | None]:
    """How many of a key role there are, and, while there is none, who left last.

    One who is named after another has left takes their place, so that a leaving is over as soon as it was made good.
    """
    here, gone = view.once(_by_role).get(role, ([], []))
    return len(here), None if here else max(gone, default=None)


def _by_role(view: View) -> dict[str, tuple[list[str], list[Gone]]]:
    """Of each key role who is there, and who left."""
    found: dict[str, tuple[list[str], list[Gone]]] = {}
    lefts = view.of_contacts("left")
    for contact, roles in view.of_contacts("roles").items():
        for role in KEY_ROLES.intersection(roles.value):
            here, gone = found.setdefault(role, ([], []))
            if view.has_left(contact):
                gone.append(Gone(lefts[contact].at, contact))
            else:
                here.append(contact)
    return found


def champion_left_in_words(view: View) -> str:
    """When the last one left."""
    return _left_in_words(view, "champion")


def decision_maker_left_in_words(view: View) -> str:
    """When the last one left."""
    return _left_in_words(view, "decision_maker")


def _left_in_words(view: View, role: str) -> str:
    gone = of_role(view, role)[1]
    if gone is None:
        return ""
    return f"their {role.replace('_', ' ')} left on {in_words(gone.at)}, and nobody has taken their place"


def last_left(view: View) -> str | None:
    """Of all whose place nobody has taken, who left last: `Kim (champion)`."""
    found = ((one, role) for role in KEY_ROLES if (one := of_role(view, role)[1]) is not None)
    last = max(found, key=lambda one: (one[0], weight_of(one[1]), one[1]), default=None)
    return None if last is None else called(view, last[0].contact)


def main(view: View) -> str | None:
    """Whom to call when nobody is named: who speaks for us, else who decides, else who runs it for them, else anybody.

    Of equals the one with whom we talked last. Who left is nobody to call.
    """
    talked = view.of_contacts("talked")

    def by(contact: str) -> tuple[int, int, str]:
        known = [_TO_CALL.index(role) for role in view.state.roles_of(contact) if role in _TO_CALL]
        return min(known, default=len(_TO_CALL)), -talked[contact].at if contact in talked else 0, contact

    return min((one for one in view.state.contacts if not view.has_left(one)), key=by, default=None)


def is_known(view: View, contact: str) -> bool:
    """Whether there is more to call a contact by than `someone there`."""
    return bool(view.state.name_of(contact) or view.state.role_of(contact))


def called(view: View, contact: str) -> str:
    """A contact as people speak of one."""
    return person(view.state.name_of(contact), view.state.role_of(contact))
