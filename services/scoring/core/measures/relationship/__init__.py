"""How we stand with each other."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from services.scoring.core.clock import written_or_none, written_us
from services.scoring.core.measures.base import View
from services.scoring.core.measures.relationship.champions import champion_left_in_words, champions
from services.scoring.core.measures.relationship.key_users import key_user_in_words, key_user_silence
from services.scoring.core.measures.relationship.pulse import PULSE
from services.scoring.core.measures.relationship.silence import SILENCE
from services.scoring.core.measures.relationship.threads import single_threaded, single_threaded_in_words

__all__ = ["IN_WORDS", "PULSE", "SILENCE", "facts"]

IN_WORDS: Final[Mapping[str, Callable[[View], str]]] = {
    "contacts.champion_left_at": champion_left_in_words,
    "contacts.key_user_silence": key_user_in_words,
    "relationship.single_threaded": single_threaded_in_words,
}


def facts(view: View) -> dict[str, Any]:
    """Who is there for us, and when we last talked."""
    here, left_at = champions(view)
    interaction = view.state.interaction
    return {
        "relationship.last_interaction_at": written_us(interaction.at) if interaction else None,
        "relationship.single_threaded": single_threaded(view),
        "contacts.champions": here if view.state.contacts else None,
        "contacts.key_user_silence": key_user_silence(view),
        "contacts.champion_left_at": written_or_none(left_at),
    }
