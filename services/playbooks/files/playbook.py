"""A playbook, as it is written."""

import hashlib
import json
from dataclasses import replace
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import Field, ValidationInfo, model_validator

from services.playbooks.core.holdout import AUTOMATED
from services.playbooks.core.matter import Matter, derived
from services.playbooks.core.playbook import STARTED, Playbook, Repeat
from services.playbooks.core.remembered import FIRED
from services.playbooks.files.checks import Beside, Exact, ExitTemplate, Held, Holdout, Limit
from services.playbooks.files.sequence import as_steps, in_order, problems_of, wrongly_addressed
from services.playbooks.files.steps import StepFile
from shared.conditions import (
    INVOICE_FACTS,
    STEP_FACTS,
    Condition,
    FactType,
    Problem,
    Scope,
    at_odds,
    exit_problem,
    leaves_of,
)
from shared.files.kinds import ConditionIn, Name, Watched, one_of
from shared.files.models import FileModel, Reading
from shared.files.nodes import Fields
from shared.files.templates import names_in
from shared.messages.registry import TOLD

_EVENTS: Final = [*TOLD, STARTED]


class RepeatFile(FileModel):
    """How soon again, counted from the later of firing and closing."""

    after: Exact | None = None
    at_most: Limit | None = None


class PlaybookFile(FileModel):
    """A playbook."""

    id: Name
    steps: Annotated[list[StepFile], Field(min_length=1)]
    title: Name | None = None
    description: str | None = None
    for_accounts: Annotated[Condition, ConditionIn()] | None = None
    when: Annotated[Condition, ConditionIn("event")] | None = None
    on_event: Annotated[str, one_of(_EVENTS, "event that a playbook can wait for")] | None = None
    per: Literal["contact", "ticket", "invoice"] | None = None
    """With `on_event`: each that its events name has its own episode and items."""
    held_for: Held | None = None
    exit_when: Annotated[Condition, ConditionIn()] | None = None
    repeat: RepeatFile | None = None
    urgent: bool = False
    closes: list[Name] = []
    matter: Matter | None = None
    """What its work is about. Unless said, its facts say it; where these are of the score, what moved that most."""
    exit_words: ExitTemplate | None = None
    """What is said when the exit is met, such as paid; `fired.usage.trend` is what a fact was at firing."""
    on_exit: list[StepFile] = []
    """Alerts for those who were told, when what they were told of has passed."""
    mode: Literal["live", "shadow", "off"] = "live"
    """In shadow it decides and lists what it would ask for, and tells nobody. Off it decides nothing: put it with
    `mode: live` to have it."""
    holdout: Holdout | None = None
    """The share of accounts for which it only decides, so that one sees what it brings to all others; only where every
    step goes to customers or systems by itself."""
    traits: dict[Name, FactType] = {}
    """The types of the `account.traits.*` that are named."""
    watch: list[Watched] = []
    """The features whose `usage.feature.*` are named; the catalogue has them watched."""

    @classmethod
    def scopes(cls, root: Any, beside: Beside | None) -> dict[str, Scope]:
        """The traits and features that the file declares; the fields of its event where an event is looked at."""
        given: dict[Any, Any] = root if isinstance(root, Fields) else {}
        traits = given.get("traits")
        items = traits.items() if isinstance(traits, Fields) else ()
        known = {name: kind for name, kind in items if kind in get_args(FactType)}
        event = next((name for name in _EVENTS if name == given.get("on_event")), None)
        features = given.get("watch")
        watched = [str(name) for name in features] if isinstance(features, list) else []
        scope = Scope(known, watched)
        if beside is not None and beside.declared is not None:
            scope = replace(scope, values=beside.declared.values)
        if given.get("per") == "invoice":
            scope = replace(scope, more=INVOICE_FACTS)
        return {
            "condition": scope,
            "event": replace(scope, event_type=event),
            "unless": replace(scope, event_type=event, more={**scope.more, **STEP_FACTS}),
        }

    @classmethod
    def look(cls, node: Fields, reading: Reading) -> None:
        """It waits for something."""
        if "when" not in node and "on_event" not in node:
            reading.note("A playbook needs `when`, `on_event`, or both.", node.at)
        if (per := node.get("per")) is not None:
            _, event = TOLD.get(str(node.get("on_event")), (None, None))
            if event is None or f"{per}_id" not in event.__struct_fields__:
                reading.note(f"`per: {per}` needs an `on_event` whose events name a {per}.", node.places["per"])
        if node.get("on_event") and node.get("held_for"):
            said = "An event can't be held: `held_for` goes with `when` alone."
            reading.note(said, node.places["held_for"])
        for step in node.get("on_exit") or ():
            if isinstance(step, Fields) and ("alert" not in step or "after" in step or "unless" in step):
                reading.note("A step of `on_exit` is an alert that goes when the episode ends.", step.at)

    @model_validator(mode="after")
    def _makes_sense(self, info: ValidationInfo) -> Self:
        reading, declared = Reading.of(info), Beside.of(info).declared
        reading.take(at_odds(self.for_accounts, self.when))
        triggers = [one for one in (self.for_accounts, self.when) if one is not None]
        found = None if self.exit_when is None else exit_problem(self.exit_when, triggers)
        if self.exit_when is None and self.on_event is None and self.when is not None:
            passing = next((leaf for leaf in leaves_of(self.when) if ".change." in leaf.subject.name), None)
            if passing is not None:
                said = f"`{passing.subject.name}` passes by itself as its days go by, which is no recovery."
                reading.note(said, passing.position, "Say in `exit_when` what is one.")
        if found is not None:
            reading.take(found[:1], certain=found[1])
        reading.take(problems_of(self.steps))
        steps = [one.step for one in in_order(self.steps)]
        by_hand = [step.what for step in (*steps, *self.on_exit) if step.what not in ("", *AUTOMATED)]
        if self.holdout is not None and by_hand:
            said = f"`holdout` needs steps that go by themselves, and this has `{by_hand[0]}`."
            reading.note(said, self.at("holdout"), "Who works through it would see who is left out. Leave it out here.")
        reading.take(wrongly_addressed(self.steps, self.on_event, self.per))
        for step in steps:
            if step.start == self.id:
                reading.note("It starts itself.", step.at("start"))
        if not any(step.task for step in steps):
            asked = [one for step in steps for one in (step.unless, step.if_, step.until) if one is not None]
            for leaf in (leaf for one in asked for leaf in leaves_of(one)):
                if leaf.subject.name in STEP_FACTS:
                    said = f"No step is a task, so `{leaf.subject.name}` is never known."
                    reading.take([Problem(said, leaf.position)], certain=False)
        for name, message, hint in declared.lacking(self.traits, self.watch) if declared is not None else ():
            reading.note(message, self.at(name), hint)
        return self

    def playbook(self) -> Playbook:
        """As the core knows it."""
        title = self.title or self.id.replace("-", " ").capitalize()
        repeat = self.repeat.given("at_most") if self.repeat is not None else {}
        if self.repeat is not None and self.repeat.at_most is not None:
            repeat["at_most"], repeat["per"] = self.repeat.at_most
        return Playbook(
            **self.given(
                "title", "description", "traits", "watch", "steps", "repeat", "on_exit", "mode", "matter", "holdout"
            ),
            version=self._digest(),
            title=title,
            repeat=Repeat(**repeat) if self.repeat is not None else None,
            steps=as_steps(self.steps, title),
            on_exit=as_steps(self.on_exit, title),
            matter=self._matter(),
            remembers=self._remembers(),
            off=self.mode == "off",
            shadow=self.mode == "shadow",
            holdout=self.holdout or 0,
        )

    def _remembers(self) -> tuple[str, ...]:
        names = names_in(self.exit_words) if self.exit_words is not None else ()
        return tuple(name.removeprefix(FIRED) for name in names if name.startswith(FIRED))

    def _matter(self) -> str | None:
        names = [leaf.subject.name for leaf in leaves_of(self.when)] if self.when is not None else []
        found = self.matter or derived([self.on_event or "", *names])
        # What is about the score is about what moved it; what tells nothing of itself is a matter of its own.
        return found or (None if any(name.startswith("health.") for name in names) else self.id)

    def _digest(self) -> str:
        """Of the content alone: comments, order and layout make no new version."""
        content = json.dumps(self._node, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(content.encode()).hexdigest()[:12]
