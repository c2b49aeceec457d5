"""The playbooks' files: playbooks and the directory of CSMs, refused with everything that is wrong.

`make generated` writes their JSON Schemas for editors anew.
"""

import hashlib
import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, ValidationInfo, model_validator

from services.playbooks.core.assignment import Rule
from services.playbooks.core.directory import Absence, Csm, Directory
from services.playbooks.core.matter import Matter, derived
from services.playbooks.core.playbook import Playbook, Repeat, Step
from services.playbooks.core.rules import Entry
from services.playbooks.core.workinghours import OFFICE, Duration, parse_duration
from services.playbooks.core.workinghours import Hours as Week
from shared.conditions import (
    STEP_FACTS,
    Condition,
    Declared,
    FactType,
    Problem,
    Refused,
    Scope,
    at_odds,
    did_you_mean,
    exit_problem,
    leaves_of,
)
from shared.conditions.errors import nearest
from shared.files.kinds import ConditionIn, Date, Day, Hours, Name, ReadBy, Span, Watched, Zone, one_of
from shared.files.models import FileModel, Reading, fault
from shared.files.nodes import Fields, Items, Text, load
from shared.files.reading import content_of, files_in, gathered, read, read_each
from shared.files.schema import Schema, write
from shared.files.templates import problems_of
from shared.messages.actions import CHANNEL, CHANNELS, KINDS, Severity
from shared.messages.registry import CUSTOMER_EVENTS
from shared.words import counted

_LOG = logging.getLogger(__name__)
SHIPPED: Final = Path(__file__).parent / "playbooks"
_EVENTS: Final = [name for name in CUSTOMER_EVENTS if name != "usage.recorded"]
_RULES: Final[dict[str, Rule]] = {one.kind: one for one in (Rule(), Rule("least_loaded"), Rule("round_robin"))}


class Beside(NamedTuple):
    """What a playbook is checked against, as far as it is known."""

    people: Directory | None = None
    declared: Declared | None = None

    @classmethod
    def of(cls, info: ValidationInfo) -> "Beside":
        """The one that a validator is called beside."""
        return Reading.of(info).beside or cls()


def _exact(text: str) -> Duration:
    duration = parse_duration(text)
    if duration.is_business:
        raise ValueError("This is counted on the clock, not in business time.")
    return duration


def _limit(text: str) -> tuple[int, Duration]:
    number, _, per = text.partition(" per ")
    if not re.fullmatch(r"\s*[1-9][0-9]{0,5}\s*", number) or not per:
        raise ValueError(f"{text!r} is no limit; write one such as 3 per 180d.")
    return int(number), _exact(per)


def _channel(text: str) -> str:
    if CHANNEL.fullmatch(text) is None:
        raise ValueError(f"A channel is {CHANNELS}.")
    return text


def _template(value: Any, info: ValidationInfo) -> Any:
    reading = Reading.of(info)
    if isinstance(value, Text):
        for message, hint in problems_of(value, reading.scopes["event"]):
            reading.note(message, value.at, hint)
    return value


def _held_by(names: Callable[[Csm], Iterable[str | None]], what: str) -> BeforeValidator:
    """A name that people have. One that looks like somebody's is refused; where nobody has it, there is a warning."""

    def check(value: Any, info: ValidationInfo) -> Any:
        reading, beside = Reading.of(info), Beside.of(info)
        known = {name for csm in (beside.people or Directory()).csms for name in names(csm) if name}
        if known and isinstance(value, Text) and value not in known:
            said, hint = f"Nobody in the directory of CSMs has the {what} `{value}`.", did_you_mean(value, known)
            reading.take([Problem(said, value.at, hint)], certain=hint is not None)
        return value

    return BeforeValidator(check)


def _person(value: str, info: ValidationInfo) -> str:
    people = Beside.of(info).people
    if people is not None and "@" not in value and people.find(value) is None:
        hint = did_you_mean(value, [csm.id for csm in people.csms])
        raise fault(f"`{value}` is not in the directory of CSMs.", hint)
    return value


def _shape(value: Any) -> str:
    return "mapping" if isinstance(value, Fields) else "list" if isinstance(value, Items) else "text"


Length = Annotated[Duration, ReadBy(parse_duration, description="Such as 30m, 24h, 7d, 2w, 2 business days.")]
Exact = Annotated[Duration, ReadBy(_exact, description="Such as 30m, 24h, 7d, 2w.")]
Limit = Annotated[tuple[int, Duration], ReadBy(_limit, description="Such as 3 per 180d.")]
Template = Annotated[
    str, BeforeValidator(_template), Field(min_length=1, description="Text; {{ account.name }} and every fact.")
]
Channel = Annotated[str, ReadBy(_channel, description=f"{CHANNELS}.")]
ByShape: Final = Discriminator(_shape)


class PoolFile(FileModel):
    """Whom to choose from; nothing given is everybody."""

    tier: Annotated[Name, _held_by(lambda csm: [csm.tier], "tier")] | None = None
    skill: Annotated[Name, _held_by(lambda csm: csm.skills, "skill")] | None = None


class AssignFile(FileModel):
    """One rule of an assignment list."""

    person: Annotated[Name, AfterValidator(_person)] | None = None
    least_loaded: PoolFile | None = None
    round_robin: PoolFile | None = None

    @classmethod
    def look(cls, node: Fields, reading: Reading) -> None:
        """It is one rule."""
        if len(node.keys() & cls.model_fields) != 1:
            reading.note("An assignment rule is one of owner, person, least_loaded, round_robin.", node.at)

    def rule(self) -> Rule:
        """As the core knows it."""
        if self.person is not None:
            return Rule("person", self.person)
        pool = self.least_loaded or self.round_robin
        assert pool is not None
        return Rule("least_loaded" if self.least_loaded else "round_robin", tier=pool.tier, skill=pool.skill)


RuleName = Annotated[str, one_of(_RULES, "rule for assigning"), Tag("text")]
OneRule = Annotated[RuleName | Annotated[AssignFile, Tag("mapping")], ByShape]
Rules = Annotated[RuleName | Annotated[AssignFile, Tag("mapping")] | Annotated[list[OneRule], Tag("list")], ByShape]


class AlertFile(FileModel):
    """An alert's fields, where they are not beside it."""

    title: Template | None = None
    channel: Channel | None = None
    severity: Severity | None = None
    do: Template | None = None


class StepFile(FileModel):
    """One step: an alert, a task or a flag."""

    alert: Annotated[Annotated[AlertFile, Tag("mapping")] | Annotated[Template, Tag("text")], ByShape] | None = None
    task: Template | None = None
    flag: Template | None = None
    do: Template | None = None
    after: Length | None = None
    unless: Annotated[Condition, ConditionIn("unless")] | None = None
    channel: Channel | None = None
    severity: Severity | None = None
    assign: Rules = "owner"
    due: Length | None = None
    keep: bool = False
    """What a person is owed: it stays open when the episode ends."""

    @classmethod
    def look(cls, node: Fields, reading: Reading) -> None:
        """It is of one kind."""
        if len(node.keys() & KINDS) != 1:
            reading.note(f"A step is one of {', '.join(KINDS)}.", node.at)
        if "due" in node and "task" not in node:
            reading.note("Only a task has `due`.", node.places["due"])

    def step(self, title: str) -> Step:
        """As the core knows it; `title` is the playbook's."""
        kind = next(one for one in KINDS if getattr(self, one) is not None)
        inside = self.alert.given() if isinstance(self.alert, AlertFile) else {"title": getattr(self, kind)}
        rules = self.assign if isinstance(self.assign, list) else [self.assign]
        fields = {"title": title, **inside, **self.given(*KINDS, "assign")}
        return Step(
            kind=kind,
            assign=tuple(_RULES[one] if isinstance(one, str) else one.rule() for one in rules),
            **fields,
        )


class RepeatFile(FileModel):
    """How soon again, counted from firing."""

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
    held_for: Exact | None = None
    exit_when: Annotated[Condition, ConditionIn()] | None = None
    repeat: RepeatFile | None = None
    urgent: bool = False
    closes: list[Name] = []
    matter: Matter | None = None
    """What its work is about. Unless said, its facts say it; where these are of the score, what moved that most."""
    exit_words: Name | None = None
    """What is said when the exit is met, such as paid."""
    on_exit: list[StepFile] = []
    """Alerts for those who were told, when what they were told of has passed."""
    mode: Literal["live", "shadow"] = "live"
    """In shadow it decides and lists what it would ask for, and tells nobody."""
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
        return {
            "condition": scope,
            "event": replace(scope, event_type=event),
            "unless": replace(scope, more=STEP_FACTS),
        }

    @classmethod
    def look(cls, node: Fields, reading: Reading) -> None:
        """It waits for something."""
        if "when" not in node and "on_event" not in node:
            reading.note("A playbook needs `when`, `on_event`, or both.", node.at)
        if (per := node.get("per")) is not None:
            _, event = CUSTOMER_EVENTS.get(str(node.get("on_event")), (None, None))
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
        if not any(step.task for step in self.steps):
            for leaf in (leaf for step in self.steps if step.unless is not None for leaf in leaves_of(step.unless)):
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
            **self.given("title", "description", "traits", "watch", "steps", "repeat", "on_exit", "mode", "matter"),
            version=self._digest(),
            title=title,
            repeat=Repeat(**repeat) if self.repeat is not None else None,
            steps=tuple(one.step(title) for one in self.steps),
            on_exit=tuple(one.step(title) for one in self.on_exit),
            matter=self._matter(),
            shadow=self.mode == "shadow",
        )

    def _matter(self) -> str | None:
        names = [leaf.subject.name for leaf in leaves_of(self.when)] if self.when is not None else []
        found = self.matter or derived([self.on_event or "", *names])
        # What is about the score is about what moved it; what tells nothing of itself is a matter of its own.
        return found or (None if any(name.startswith("health.") for name in names) else self.id)

    def _digest(self) -> str:
        """Of the content alone: comments, order and layout make no new version."""
        content = json.dumps(self._node, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(content.encode()).hexdigest()[:12]


def load_playbook(data: bytes | str, name: str, beside: Beside | None = None) -> Entry:
    """One playbook from its YAML, checked against what is known beside it. Raises `Refused`."""
    found = read(data, name, PlaybookFile, beside)
    text = data if isinstance(data, str) else data.decode("utf-8-sig")
    return Entry(found.playbook(), text, tuple(map(str, found.warnings)))


def read_version(source: str | None, name: str) -> Playbook | None:
    """An older version that an episode stays with; None when it can't be read any more."""
    try:
        return None if source is None else load_playbook(source, name).playbook
    except Refused as error:
        _LOG.warning("An old version can't be read any more; its episodes go on with the one in force: %s", error)
        return None


def load_all(folder: Path = SHIPPED, beside: Beside | None = None) -> tuple[Entry, ...]:
    """Every playbook of a folder, by id. Raises `Refused` with all that is wrong in all files."""
    problems: list[Problem] = []
    loaded = read_each(
        files_in(folder),
        lambda data, name: load_playbook(data, name, beside),
        lambda one: one.playbook.id,
        problems,
    )
    closing = [(one.playbook.id, other) for one in loaded.values() for other in one.playbook.closes]
    for closer, other in () if problems else closing:
        if other not in loaded:
            said = f"`{closer}` closes `{other}`, which is no playbook."
            problems.append(Problem(said, suggestion=did_you_mean(other, loaded), file=str(folder)))
    if not loaded and not problems:
        problems.append(Problem("There is no playbook in this folder.", file=str(folder)))
    if problems:
        raise Refused(problems)
    for warning in (warning for one in loaded.values() for warning in one.warnings):
        _LOG.warning("%s", warning)
    return tuple(loaded[name] for name in sorted(loaded))


class CsmFile(FileModel):
    """Somebody who can be given work."""

    id: Name
    name: Name
    email: Name | None = None
    slack: Name | None = None
    time_zone: Zone | None = None
    hours: Hours = (OFFICE.start, OFFICE.end)
    days: Annotated[list[Day], Field(min_length=1)] = list(OFFICE.days)
    holidays: list[Date] = []
    away: list[Span] = []
    tier: Name | None = None
    skills: list[Name] = []
    capacity: Annotated[int, Field(ge=1)] | None = None
    manager: Name | None = None


class DirectoryFile(FileModel):
    """The directory of CSMs."""

    csms: list[CsmFile]
    time_zone: Zone = "UTC"
    """Of whoever gives none."""
    holidays: list[Date] = []
    """Holidays of everybody."""

    @classmethod
    def look(cls, node: Fields, reading: Reading) -> None:
        """Nobody is there twice, and every manager is there."""
        csms = node.get("csms")
        people = [one for one in csms if isinstance(one, Fields)] if isinstance(csms, Items) else []
        ids = {str(one.get("id")).lower() for one in people}
        seen: set[str] = set()
        for one in people:
            names = {str(name).lower() for name in (one.get("id"), one.get("email")) if name is not None}
            if names & seen:
                reading.note(f"`{str(one.get('id'))[:60]}` is there twice, by id or e-mail.", one.at)
            manager = one.get("manager")
            if manager is not None and str(manager).lower() not in ids:
                said = f"The manager `{str(manager)[:60]}` is not in the directory."
                reading.note(said, one.places["manager"], did_you_mean(manager, ids))
            if manager is not None and str(manager).lower() == str(one.get("id")).lower():
                reading.note("Nobody is their own manager: who would hear of what is overdue?", one.places["manager"])
            seen |= names

    @model_validator(mode="after")
    def _words_alike(self, info: ValidationInfo) -> Self:
        for words in ([csm.tier for csm in self.csms], [skill for csm in self.csms for skill in csm.skills]):
            used = Counter(word for word in words if word is not None)
            for word, number in used.items():
                near = nearest(word, [other for other in used if used[other] > number])
                if near is not None and number == 1:
                    csm = next(one for one in self.csms if word in (one.tier, *one.skills))
                    said = f"Nobody else has `{word}`, and {counted(used[near], 'person', 'people')} `{near}`."
                    Reading.of(info).take([Problem(said, csm.at())], certain=False)
        return self

    def directory(self) -> Directory:
        """As the core knows it."""
        office = Week(time_zone=self.time_zone, holidays=tuple(sorted({*self.holidays})), any_time=True)
        return Directory(tuple(self._csm(one) for one in self.csms), office)

    def _csm(self, one: CsmFile) -> Csm:
        start, end = one.hours
        holidays = tuple(sorted({*self.holidays, *one.holidays}))
        return Csm(
            **one.given("time_zone", "hours", "days", "holidays", "away"),
            hours=Week(
                time_zone=one.time_zone or self.time_zone,
                days=tuple(sorted({*one.days})),
                start=start,
                end=end,
                holidays=holidays,
                any_time=one.model_fields_set.isdisjoint({"hours", "days"}),
            ),
            away=tuple(Absence(away.first, away.last) for away in one.away),
        )


def load_people(path: Path) -> Directory:
    """The directory in a file; an empty one when there is no file. Raises `Refused`."""
    with suppress(OSError):  # Where it can't be looked for, opening it says why.
        if not path.exists():
            return Directory()
    return read_people(content_of(path), str(path))


def read_people(data: bytes | str, name: str) -> Directory:
    """The directory in a YAML text; an empty one when nothing is in it. Raises `Refused`."""
    if load(data, name) is None:
        return Directory()
    found = read(data, name, DirectoryFile)
    for warning in found.warnings:
        _LOG.warning("%s", warning)
    return found.directory()


def load_files(folder: Path, csms: Path, declared: Declared | None = None) -> tuple[tuple[Entry, ...], Directory]:
    """The playbooks and the people. Raises `Refused` with all that is wrong in either."""
    problems: list[Problem] = []
    loaded, people = tuple[Entry, ...](), None
    with gathered(problems):
        people = load_people(csms)
    with gathered(problems):
        loaded = load_all(folder, Beside(people, declared))
    if problems or people is None:
        raise Refused(problems)
    return loaded, people


SCHEMAS: Final = {
    Path(__file__).with_name("playbook.schema.json"): Schema("Keepwell playbook", PlaybookFile),
    Path(__file__).with_name("csms.schema.json"): Schema("Keepwell directory of CSMs", DirectoryFile),
}
"""Where editors find them."""


def playbook_schema() -> dict[str, Any]:
    """The JSON Schema of a playbook file, for editors."""
    return next(iter(SCHEMAS.values())).made()


if __name__ == "__main__":
    write(SCHEMAS)
