"""The steps of a playbook, as they are written: each is of one kind, and an `if` or `until` has lists of steps."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

import msgspec
from pydantic import Field, Tag

from services.playbooks.core.directory import ROLES
from services.playbooks.core.playbook import Step
from services.playbooks.core.strategy import Rule
from services.playbooks.files.assign import Rules, rules_of
from services.playbooks.files.checks import Answered, ByShape, Channel, HandOver, Length, Template
from shared.conditions import Condition
from shared.files.kinds import ConditionIn, Name
from shared.files.models import FileModel, Reading
from shared.files.nodes import Fields
from shared.messages.accounts import OURS, AccountTraits, is_ours
from shared.messages.actions import CHANNEL, KINDS, SENDINGS, Severity

STEP_KINDS: Final = (*KINDS, "if", "until", *SENDINGS, "trait", "assign_owner", "start")
"""A step has one of these."""
Role = Literal["decision_maker", "executive_sponsor", "champion", "admin", "billing", "technical", "user"]
Roles = Annotated[Annotated[Role, Tag("text")] | Annotated[list[Role], Tag("list")], ByShape]
CONTACT: Final = "contact"
"""Whom the event names, in place of a role."""
Addressed = Annotated[
    Annotated[Role | Literal["contact"], Tag("text")] | Annotated[list[Role], Tag("list")],
    ByShape,
]
_OF: Final = {
    "due": ("task",),
    "acknowledge_within": ("alert",),
    **dict.fromkeys(("do", "severity", "assign", "keep"), KINDS),
    "channel": KINDS,
    "kind": ("flag",),
    "hand_over": ("flag",),
    "ask": ("survey",),
    "to": ("message",),
    "consent": ("message",),
    **dict.fromkeys(("then", "else", "within"), ("if", "until")),
}
"""The fields that only steps of some kinds have."""
_NEEDS: Final = {
    "survey": ("ask", "Say which contacts, such as `ask: decision_maker`."),
    "message": ("to", "Say which contacts, such as `to: champion`."),
    "if": ("then", "Say what is done when it holds."),
    "until": ("within", "Say how long it waits, such as `within: 7d`."),
}


def _by_accounts(rule: Rule) -> Rule:
    """Who is to look after an account is chosen by accounts, unless it is said."""
    return msgspec.structs.replace(rule, by=rule.by or "accounts") if rule.is_pool else rule


class AlertFile(FileModel):
    """An alert's fields, where they are not beside it."""

    title: Template | None = None
    channel: Channel | None = None
    severity: Severity | None = None
    do: Template | None = None
    acknowledge_within: Answered | None = None


class StepFile(FileModel):
    """One step: what is asked for, or where it goes on."""

    id: Name | None = None
    """How other steps name it."""
    alert: Annotated[Annotated[AlertFile, Tag("mapping")] | Annotated[Template, Tag("text")], ByShape] | None = None
    task: Template | None = None
    flag: Template | None = None
    if_: Annotated[Condition, ConditionIn("unless")] | None = Field(None, alias="if")
    """It asks once; what is not known it waits for."""
    until: Annotated[Condition, ConditionIn("unless")] | None = None
    """It waits for this, and goes on with `then`; where it does not come `within` the time, with `else`."""
    survey: Name | None = None
    message: Name | None = None
    """The template of a message to contacts."""
    webhook: Name | None = None
    """The endpoint that is called."""
    trait: Annotated[dict[Name, str | int | float | bool], Field(min_length=1)] | None = None
    """What is set at the account."""
    assign_owner: Rules | None = None
    start: Name | None = None
    """Another playbook, which goes its own way."""
    do: Template | None = None
    after: Length | None = None
    """Counted from when its list begins, or from the end of the task that it follows."""
    after_end_of: Name | None = None
    """The id of a task before it."""
    unless: Annotated[Condition, ConditionIn("unless")] | None = None
    within: Length | None = None
    then: Annotated[list["StepFile"], Field(min_length=1)] | None = None
    else_: Annotated[list["StepFile"], Field(min_length=1)] | None = Field(None, alias="else")
    channel: Channel | None = None
    severity: Severity | None = None
    assign: Rules = "owner"
    due: Length | None = None
    acknowledge_within: Answered | None = None
    """Of an alert that nobody acknowledges it goes to whoever answers for its reader: critical ones after 4 business
    hours, high ones after 1 business day, others never, unless it is said."""
    keep: bool = False
    """What a person is owed: it stays open when the episode ends."""
    kind: Literal["seats", "plan", "cross_sell"] | None = None
    """What could be sold."""
    hand_over: HandOver | None = None
    """Who takes a flag from there: a person, or a channel."""
    ask: Roles | None = None
    to: Addressed | None = None
    """Roles; or `contact`: the one of the event that fired."""
    consent: Name = "service"
    """The kind of message that a contact must have consented to."""

    @classmethod
    def look(cls, node: Fields, reading: Reading) -> None:
        """It is of one kind, and has what belongs to it."""
        kinds = [one for one in STEP_KINDS if one in node]
        if len(kinds) != 1:
            reading.note(f"A step is one of {', '.join(STEP_KINDS)}.", node.at)
            return
        (kind,) = kinds
        for name, those in _OF.items():
            if name in node and kind not in those:
                one = f"an {those[0]}" if those[0] == "alert" else f"a {those[0]}"
                which = one if len(those) == 1 else f"one of {', '.join(those)}"
                reading.note(f"Only {which} has `{name}`.", node.places[name])
        needed, hint = _NEEDS.get(kind, (kind, ""))
        if needed not in node:
            reading.note(f"`{kind}` needs `{needed}`.", node.at, hint)
        if isinstance(traits := node.get("trait"), Fields):
            for name in (one for one in traits if is_ours(str(one))):
                said = f"A trait that begins with `{OURS}` is what Keepwell writes elsewhere: it is read nowhere here."
                reading.note(said, traits.places[name], "Give it another name.")
            try:
                msgspec.json.decode(json.dumps(traits), type=AccountTraits)
            except msgspec.ValidationError as error:
                said = str(error).replace("$.", "")
                reading.note(f"An account can't have this trait: {said}.", node.places["trait"])
        if kind == "until" and not node.keys() & {"then", "else"}:
            reading.note("Nothing comes of it: give it `then`, `else`, or both.", node.at)

    @property
    def what(self) -> str:
        """Its kind; empty where that could not be read."""
        known = (one for one in STEP_KINDS if getattr(self, f"{one}_" if one == "if" else one) is not None)
        return next(known, "")

    def step(self, title: str, **place: Any) -> Step:
        """As the core knows it; `title` is the playbook's, `place` where it stands."""
        kind = self.what
        return Step(kind=kind, **self._own(kind, title), **self.given_of("after", "unless"), **place)  # type: ignore[arg-type]

    def _own(self, kind: str, title: str) -> dict[str, Any]:
        match kind:
            case "if" | "until":
                return {"condition": self.if_ or self.until, "within": self.within}
            case "trait":
                return {"traits": self.trait}
            case "assign_owner":
                return {"assign": tuple(map(_by_accounts, rules_of(self.assign_owner or "owner")))}
            case "alert" | "task" | "flag":
                inside = self.alert.given() if isinstance(self.alert, AlertFile) else {"title": getattr(self, kind)}
                own = self.given_of("do", "channel", "severity", "due", "acknowledge_within", "keep", "hand_over")
                assign = rules_of(self.assign)
                if self.hand_over is not None and CHANNEL.fullmatch(self.hand_over):
                    own["channel"] = self.hand_over
                elif self.hand_over is not None:
                    assign = (*rules_of(self.hand_over), *assign)
                said = {"title": title, **inside, **own}
                if said.get("channel") in ROLES:
                    assign = (*rules_of(said.pop("channel")), *assign)
                return {**said, "assign": assign, "flag_kind": self.kind}
            case _:
                given = self.ask or self.to or []
                roles = (given,) if isinstance(given, str) else tuple(given)
                own = {"to_contact": True, "roles": ()} if given == CONTACT else {"roles": roles}
                return {"name": getattr(self, kind), "consent": self.consent, "assign": (), **own}

    def given_of(self, *names: str) -> dict[str, Any]:
        """Of these fields those that were given."""
        return {name: value for name, value in self.given().items() if name in names}

    @property
    def lists(self) -> Iterator[tuple[Literal["then", "else"], list["StepFile"]]]:
        """Its lists of steps, by name."""
        yield from ((arm, steps) for arm, steps in (("then", self.then), ("else", self.else_)) if steps)  # type: ignore[misc]
