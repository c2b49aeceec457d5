"""Who speaks for us at the account, and whether they are still there."""

from services.scoring.core.clock import in_words
from services.scoring.core.measures.base import View


def champions(view: View) -> tuple[int, int | None]:
    """How many there are, and, while there is none, when the last one left.

    One who is named after another has left takes their place, so that a leaving is over as soon as it was made good.
    """
    here, left_at = 0, None
    gone = view.of_contacts("left")
    for contact, roles in view.of_contacts("roles").items():
        if "champion" not in roles.value:
            continue
        left = gone.get(contact)
        if left is not None and left.beats(roles):
            left_at = max(left.at, left_at or left.at)
        else:
            here += 1
    return here, None if here else left_at


def champion_left_in_words(view: View) -> str:
    """When the last one left."""
    left_at = champions(view)[1]
    return "" if left_at is None else f"their champion left on {in_words(left_at)}, and nobody has taken their place"
