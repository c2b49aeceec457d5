"""The form in which somebody says when they hear, made of what the button carries alone."""

from collections.abc import Mapping
from typing import Any, Final

from slack_sdk.models import blocks as kit
from slack_sdk.models.views import View

from services.ingest.core.hearing import CHANNELS, DAILY, QUIET, UNLESS, WAITS, WEEKLY, shown
from services.ingest.core.interactions import FIELD
from shared.messages.preferences import BUTTON, Asked

_ABOUT: Final = "All times are on your own clock, as Keepwell's directory of people has it."


def build(asked: Asked) -> dict[str, Any]:
    """A modal, as `views.open` takes it."""
    now = shown(asked.preferences)
    view = View(
        type="modal",
        callback_id=BUTTON,
        private_metadata=asked.encode(),
        title=kit.PlainTextObject(text="When you hear"),
        submit=kit.PlainTextObject(text="Save"),
        close=kit.PlainTextObject(text="Cancel"),
        blocks=[
            kit.ContextBlock(elements=[kit.PlainTextObject(text=_ABOUT)]),
            _choice("daily", "Your day, with what waited for it", DAILY, now),
            _time("daily_at", "At", now),
            _choice("weekly", "Your week", WEEKLY, now),
            _time("weekly_at", "At", now),
            _choice("quiet", "Quiet hours", QUIET, now),
            _time("quiet_from", "From", now),
            _time("quiet_to", "To", now),
            _choice("unless", "What passes quiet hours", UNLESS, now),
            _choice("waits", "What comes by itself, at once", WAITS, now),
            _choice("channel", "Where you hear of what names no channel", CHANNELS, now),
        ],
    )
    made: dict[str, Any] = view.to_dict()
    return made


def _choice(name: str, label: str, options: Mapping[str, str], now: Mapping[str, str]) -> kit.InputBlock:
    made = {value: kit.Option(value=value, text=kit.PlainTextObject(text=words)) for value, words in options.items()}
    select = kit.StaticSelectElement(action_id=FIELD, options=list(made.values()), initial_option=made[now[name]])
    return kit.InputBlock(block_id=name, label=kit.PlainTextObject(text=label), element=select)


def _time(name: str, label: str, now: Mapping[str, str]) -> kit.InputBlock:
    """Optional, since nobody needs it where nothing comes."""
    picker = kit.TimePickerElement(action_id=FIELD, initial_time=now[name])
    return kit.InputBlock(block_id=name, label=kit.PlainTextObject(text=label), element=picker, optional=True)
