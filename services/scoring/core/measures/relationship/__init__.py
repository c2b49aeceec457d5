"""How we stand with each other."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from services.scoring.core.clock import written_or_none, written_us
from services.scoring.core.measures.base import View
from services.scoring.core.measures.relationship.champions import (
    called,
    champion_left_in_words,
    decision_maker_left_in_words,
    is_known,
    last_left,
    main,
    of_role,
)
from services.scoring.core.measures.relationship.key_users import (
    champion_in_words,
    decision_maker_in_words,
    key_user_in_words,
    longest,
)
from services.scoring.core.measures.relationship.pulse import PULSE
from services.scoring.core.measures.relationship.silence import SILENCE, silent_since
from services.scoring.core.measures.relationship.threads import single_threaded, single_threaded_in_words

__all__ = ["IN_WORDS", "PULSE", "SILENCE", "facts"]

IN_WORDS: Final[Mapping[str, Callable[[View], str]]] = {
    "contacts.champion_left_at": champion_left_in_words,
    "contacts.champion_silence": champion_in_words,
    "contacts.decision_maker_left_at": decision_maker_left_in_words,
    "contacts.decision_maker_silence": decision_maker_in_words,
    "contacts.key_user_silence": key_user_in_words,
    "relationship.single_threaded": single_threaded_in_words,
}


def facts(view: View) -> dict[str, Any]:
    """Who is there for us, and when we last talked."""
    state = view.state
    champions, champion = of_role(view, "champion")
    _, decision_maker = of_role(view, "decision_maker")
    unseen, to_call = longest(view), main(view)
    return {
        "relationship.last_interaction_at": written_us(state.interaction.at) if state.interaction else None,
        "relationship.silent_since": written_or_none(silent_since(view)),
        "relationship.last_review_at": written_us(state.review.at) if state.review else None,
        "relationship.single_threaded": single_threaded(view),
        "contacts.champions": champions if state.contacts else None,
        "contacts.key_user_silence": unseen[0] if unseen else None,
        "contacts.unseen": called(view, unseen[1]) if unseen else None,
        "contacts.champion_silence": _days(longest(view, "champion")),
        "contacts.decision_maker_silence": _days(longest(view, "decision_maker")),
        "contacts.champion_left_at": written_or_none(champion and champion.at),
        "contacts.decision_maker_left_at": written_or_none(decision_maker and decision_maker.at),
        "contacts.left": last_left(view),
        "contacts.main": called(view, to_call) if to_call is not None and is_known(view, to_call) else None,
        "contacts.main_id": to_call,
    }


def _days(found: tuple[int, str] | None) -> int | None:
    return found[0] if found else None
