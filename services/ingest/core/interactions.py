"""Slack's interactive requests: a button that was pressed, or a form that came back.

https://docs.slack.dev/reference/interaction-payloads. What Keepwell doesn't know of them is left aside.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Final, cast
from urllib.parse import parse_qs

import msgspec
from msgspec import Meta

from services.ingest.core.answering import MOVES, Filled, Move
from shared.messages.moves import Handle, read_handle
from shared.messages.preferences import BUTTON, Asked, read_asked

LARGEST: Final = 1024 * 1024
"""Bytes of a request: a pressed button comes with the whole message."""
FIELD: Final = "value"
"""The `action_id` of every field in a form of ours, whose block bears the field's name."""


class Unusable(Exception):
    """It is not what Slack sends; the text says why."""


class Form(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a form is about; Slack keeps it as the form's `private_metadata`."""

    move: Move
    handle: Handle
    response_url: str | None = None

    def encode(self) -> str:
        """The people it could be given to are in the form itself."""
        short = msgspec.structs.replace(self.handle, to=[])
        return msgspec.json.encode(msgspec.structs.replace(self, handle=short)).decode()


class Click(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody pressed a button of ours."""

    user: str
    form: Form
    trigger_id: str
    """Opens a form, for 3 s."""
    stamp: str
    """When it was pressed, by Slack's clock: two presses have two."""

    @property
    def response_id(self) -> str:
        """The same however often Slack tells of this press."""
        return _id(self.stamp, self.user, self.form.move, self.form.handle.item_id)


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """A form of ours came back."""

    user: str
    form: Form
    view_id: str
    filled: Filled

    @property
    def response_id(self) -> str:
        """The same however often this form is sent."""
        return _id(self.view_id, self.user)


class PreferencesClick(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody wants to say when they hear."""

    user: str
    asked: Asked
    trigger_id: str
    response_url: str | None


class PreferencesSubmission(msgspec.Struct, frozen=True, kw_only=True):
    """The form of that came back."""

    user: str
    asked: Asked
    view_id: str
    given: Mapping[str, str]
    """What was chosen, by its fields."""

    @property
    def response_id(self) -> str:
        """The same however often this form is sent."""
        return _id(self.view_id, self.user)


Interaction = Click | Submission | PreferencesClick | PreferencesSubmission
_Text = Annotated[str, Meta(max_length=4_000)]
_Id = Annotated[str, Meta(max_length=64)]


class _Named(msgspec.Struct):
    id: _Id = ""


class _Option(msgspec.Struct):
    value: _Text = ""


class _Element(msgspec.Struct):
    value: _Text | None = None
    selected_option: _Option | None = None
    selected_date: _Id | None = None
    selected_time: _Id | None = None


class _Action(msgspec.Struct):
    action_id: str = ""
    value: _Text | None = None
    action_ts: _Id = ""


class _State(msgspec.Struct):
    values: dict[str, dict[str, _Element]] = {}


class _View(msgspec.Struct):
    id: _Id = ""
    callback_id: _Text = ""
    private_metadata: _Text = ""
    state: _State = msgspec.field(default_factory=_State)


class _Payload(msgspec.Struct):
    type: str
    user: _Named = msgspec.field(default_factory=_Named)
    trigger_id: _Text = ""
    response_url: Annotated[str, Meta(max_length=1_000)] | None = None
    actions: list[_Action] = []
    view: _View | None = None


_payloads: Final = msgspec.json.Decoder(_Payload)
_forms: Final = msgspec.json.Decoder(Form)
_USER: Final = re.compile(r"[A-Z0-9]{2,32}")


def read(body: bytes) -> Interaction | None:
    """What a request says; None for what is nothing of ours. Raises `Unusable`."""
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=10, errors="strict")
        payload = _payloads.decode(fields["payload"][0])
    except (KeyError, ValueError, msgspec.DecodeError, RecursionError):
        raise Unusable("The body is not a form with Slack's JSON in its field `payload`.") from None
    if not _USER.fullmatch(payload.user.id):
        return None
    try:
        if payload.type == "block_actions" and payload.actions:
            return _click(payload, payload.actions[0])
        if payload.type == "view_submission" and payload.view is not None:
            return _submission(payload, payload.view)
    except msgspec.DecodeError:
        # A button or a form of another app's making, or of another version of ours.
        return None
    return None


def _click(payload: _Payload, action: _Action) -> Click | PreferencesClick | None:
    if action.action_id == BUTTON and action.value:
        return PreferencesClick(
            user=payload.user.id,
            asked=read_asked(action.value),
            trigger_id=payload.trigger_id,
            response_url=payload.response_url,
        )
    if action.action_id not in MOVES or not action.value:
        return None
    move = cast(Move, action.action_id)
    form = Form(move=move, handle=read_handle(action.value), response_url=payload.response_url)
    return Click(user=payload.user.id, form=form, trigger_id=payload.trigger_id, stamp=action.action_ts)


def _submission(payload: _Payload, view: _View) -> Submission | PreferencesSubmission:
    given = {name: found for name, block in view.state.values.items() if (found := _value(block.get(FIELD)))}
    if view.callback_id == BUTTON:
        asked = read_asked(view.private_metadata)
        return PreferencesSubmission(user=payload.user.id, asked=asked, view_id=view.id, given=given)
    form = _forms.decode(view.private_metadata)
    filled = Filled(**{name: given.get(name, "") for name in Filled._fields})
    return Submission(user=payload.user.id, form=form, view_id=view.id, filled=filled)


def _value(element: _Element | None) -> str:
    if element is None:
        return ""
    chosen = element.selected_option.value if element.selected_option else ""
    return chosen or element.selected_date or element.selected_time or element.value or ""


def _id(*parts: str) -> str:
    return "slack:" + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
