"""The forms that Slack shows for moves that ask for more, made of what the button carries alone."""

from typing import Any, Final

from slack_sdk.models import blocks as kit
from slack_sdk.models.views import View

from services.ingest.core.answering import LONGEST_NOTE, OUTCOMES, TIMES
from services.ingest.core.interactions import FIELD, Form
from shared.messages.actions import Colleague
from shared.words import clean

_TITLES: Final = {
    "done": ("Done", "Done"),
    "snooze": ("Snooze", "Snooze"),
    "reassign": ("Give to somebody else", "Give"),
    "false_alarm": ("False alarm", "Send"),
}
"""Of the form, and of what sends it; Slack takes 24 characters of each."""
_FIRST: Final = {"done": "outcome", "snooze": "time", "reassign": "to"}
_NOBODY: Final = "Nobody else is there now. `keepwell tasks reassign` gives it to whoever is away, too."
_MOST_OPTIONS: Final = 100
_LONGEST_OPTION: Final = 75
"""Slack's limits."""


def build(form: Form) -> dict[str, Any]:
    """A modal, as `views.open` takes it."""
    title, submit = _TITLES[form.move]
    about = clean(form.handle.title, 150)
    fields = _fields(form)
    view = View(
        type="modal",
        callback_id=form.move,
        private_metadata=form.encode(),
        title=kit.PlainTextObject(text=title),
        submit=kit.PlainTextObject(text=submit) if any(isinstance(one, kit.InputBlock) for one in fields) else None,
        close=kit.PlainTextObject(text="Cancel"),
        blocks=[*([kit.SectionBlock(text=kit.PlainTextObject(text=about, emoji=False))] if about else []), *fields],
    )
    made: dict[str, Any] = view.to_dict()
    return made


def first_field(form: Form) -> str:
    """The field at which a fault of no field in particular is told."""
    return _FIRST.get(form.move, "note")


def _fields(form: Form) -> list[kit.Block]:
    match form.move:
        case "done":
            return [_choice("outcome", "What came of it", OUTCOMES), _note("Note")]
        case "snooze":
            date = kit.DatePickerElement(action_id=FIELD)
            return [
                _choice("time", "Until when", TIMES),
                _field("date", "Or until a date, at 9:00", date, optional=True),
                _note("Note"),
            ]
        case "reassign":
            options = [_option(one.id, one.name) for one in form.handle.to[:_MOST_OPTIONS] if _fits(one)]
            if not options:
                return [kit.SectionBlock(text=kit.MarkdownTextObject(text=_NOBODY))]
            select = kit.StaticSelectElement(action_id=FIELD, options=options)
            return [_field("to", "To whom", select), _note("What they should know")]
        case _:
            return [_note("Why", optional=False)]


def _fits(one: Colleague) -> bool:
    return bool(clean(one.name)) and 0 < len(one.id) <= _LONGEST_OPTION


def _choice(name: str, label: str, options: Any) -> kit.InputBlock:
    made = [_option(value, words) for value, words in options.items()]
    return _field(name, label, kit.RadioButtonsElement(action_id=FIELD, options=made, initial_option=made[0]))


def _note(label: str, *, optional: bool = True) -> kit.InputBlock:
    text = kit.PlainTextInputElement(action_id=FIELD, multiline=True, max_length=LONGEST_NOTE)
    return _field("note", label, text, optional=optional)


def _field(name: str, label: str, element: Any, *, optional: bool = False) -> kit.InputBlock:
    return kit.InputBlock(
        block_id=name, label=kit.PlainTextObject(text=label), element=element, optional=optional or None
    )


def _option(value: str, words: str) -> kit.Option:
    return kit.Option(value=value, text=kit.PlainTextObject(text=clean(words, _LONGEST_OPTION), emoji=False))
