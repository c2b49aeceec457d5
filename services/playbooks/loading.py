"""Playbooks from YAML: checked at start, and refused with everything that is wrong, by file, line and column."""

import hashlib
import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from services.playbooks.core.assignment import LeastLoaded, Owner, Person, RoundRobin, Rule
from services.playbooks.core.durations import Duration, parse_duration
from services.playbooks.core.library import Loaded
from services.playbooks.core.playbook import AlertStep, FlagStep, Playbook, Repeat, Step, TaskStep
from services.playbooks.files import AlertFile, AssignFile, PlaybookFile, RepeatFile, StepFile
from services.playbooks.reading import Reader
from services.playbooks.templates import problems_of
from shared.conditions import STEP_FACTS, Condition, Position, Problem, Scope, position_of
from shared.conditions.loading import Problems, Refused, load_yaml, plain
from shared.messages.registry import CUSTOMER_EVENTS

_LOG = logging.getLogger(__name__)
SHIPPED: Final = Path(__file__).parent / "playbooks"
_CHANNEL: Final = re.compile(r"slack:(@owner|#\S+)|email|inbox")
_KINDS: Final = ("alert", "task", "flag")


def load_all(folder: Path = SHIPPED) -> tuple[Loaded, ...]:
    """Every playbook of a folder, by id. Raises `Refused` with all that is wrong in all files."""
    loaded: dict[str, Loaded] = {}
    wrong: list[Problem] = []
    for path in sorted(folder.glob("*.y*ml")):
        problems = Problems(str(path))
        try:
            one = load_playbook(path.read_text(encoding="utf-8"), str(path))
        except Refused as error:
            wrong += error.problems
            continue
        if one.playbook.id in loaded:
            problems.add(f"Another file has the playbook `{one.playbook.id}` already.")
        loaded.setdefault(one.playbook.id, one)
        wrong += problems.found
    if not wrong:
        wrong += _unknown_closes(loaded, folder)
    if not loaded and not wrong:
        wrong.append(Problem("There is no playbook in this folder.", file=str(folder)))
    if wrong:
        raise Refused(wrong)
    return tuple(loaded[name] for name in sorted(loaded))


def load_playbook(text: str, name: str) -> Loaded:
    """One playbook from its YAML text. Raises `Refused`."""
    node = load_yaml(text, name)
    problems = Problems(name)
    playbook = _playbook(Reader(node, PlaybookFile, problems, Position()), _digest(node))
    problems.settle()
    return Loaded(playbook, text)


def read_version(source: str | None, name: str) -> Playbook | None:
    """An older version that an episode stays with; None when it can't be read any more."""
    try:
        return None if source is None else load_playbook(source, name).playbook
    except Refused as error:
        _LOG.warning("An old version can't be read any more; its episodes go on with the one in force: %s", error)
        return None


def _digest(node: Any) -> str:
    """Of the content alone: comments, order and layout make no new version."""
    content = json.dumps(plain(node), sort_keys=True, default=str, ensure_ascii=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def _playbook(file: Reader, version: str) -> Playbook:
    on_event = file.value("on_event")
    if on_event is not None and (on_event not in CUSTOMER_EVENTS or on_event == "usage.recorded"):
        known = [one for one in CUSTOMER_EVENTS if one != "usage.recorded"]
        near = get_close_matches(on_event, known, n=1)
        hint = f"Did you mean `{near[0]}`?" if near else None
        file.problems.add(f"`{on_event}` is no event that a playbook can wait for.", file.place("on_event"), hint)
    if on_event is None and not file.has("when"):
        file.problems.add("A playbook needs `when`, `on_event`, or both.", file.at)
    held_for = _exact(file, "held_for")
    if on_event is not None and held_for.seconds:
        file.problems.add("An event can't be held: `held_for` goes with `when` alone.", file.place("held_for"))
    scope = Scope(traits=file.value("traits"))
    with_event = Scope(traits=scope.traits, event_type=on_event if on_event in CUSTOMER_EVENTS else None)
    identity = file.value("id") or ""
    title = file.value("title") or identity.replace("-", " ").capitalize()
    return Playbook(
        id=identity,
        version=version,
        title=title,
        for_accounts=_condition(file, "for_accounts", scope),
        when=_condition(file, "when", with_event),
        on_event=on_event,
        held_for=held_for,
        exit_when=_condition(file, "exit_when", scope),
        repeat=_repeat(file),
        urgent=file.value("urgent"),
        closes=tuple(file.value("closes")),
        steps=_steps(file, with_event, title),
    )


def _condition(file: Reader, name: str, scope: Scope) -> Condition | None:
    return file.problems.condition(file.raw(name), scope, file.place(name)) if file.has(name) else None


def _exact(file: Reader, name: str) -> Duration:
    duration = file.parsed(name, parse_duration) or Duration()
    if duration.is_business:
        file.problems.add(f"`{name}` is counted on the clock, not in business time.", file.place(name))
    return duration


def _repeat(file: Reader) -> Repeat | None:
    if not file.has("repeat"):
        return None
    inside = Reader(file.raw("repeat"), RepeatFile, file.problems, file.place("repeat"))
    number, per = inside.parsed("at_most", _at_most) or (None, Duration())
    return Repeat(after=_exact(inside, "after"), at_most=number, per=per)


def _at_most(text: str) -> tuple[int, Duration]:
    number, _, per = text.partition(" per ")
    duration = parse_duration(per) if number.strip().isdecimal() and per else Duration()
    if not duration.seconds or int(number) == 0:
        raise ValueError(f"{text!r} is no limit; write one such as 3 per 180d.")
    return int(number), duration


def _steps(file: Reader, scope: Scope, title: str) -> tuple[Step, ...]:
    nodes = file.raw("steps")
    if not isinstance(nodes, list) or not nodes:
        file.problems.add("`steps` needs a list with at least one step.", file.place("steps"))
        return ()
    found = [
        _step(Reader(one, StepFile, file.problems, position_of(nodes, i)), scope, title) for i, one in enumerate(nodes)
    ]
    return tuple(one for one in found if one is not None)


def _step(file: Reader, scope: Scope, title: str) -> Step | None:
    kinds = [kind for kind in _KINDS if file.has(kind)]
    if len(kinds) != 1:
        file.problems.add("A step is one of alert, task, flag.", file.at)
        return None
    kind = kinds[0]
    fields: dict[str, Any] = {"after": file.parsed("after", parse_duration), "assign": _rules(file)}
    if file.has("unless"):
        fields["unless"] = _condition(file, "unless", Scope(traits=scope.traits, more=STEP_FACTS))
    inside = file
    if isinstance(file.raw(kind), Mapping):
        inside = Reader(file.raw(kind), AlertFile, file.problems, file.place(kind))
        fields["title"] = _text(inside, "title", scope) or title
    else:
        fields["title"] = _text(file, kind, scope) or title
    for name in ("channel", "severity", "do"):
        chosen = file if file.has(name) else inside
        if chosen.has(name):
            fields[name] = _text(chosen, name, scope) if name == "do" else chosen.value(name)
    if _CHANNEL.fullmatch(fields.get("channel") or "inbox") is None:
        file.problems.add("A channel is slack:@owner, slack:#name, email or inbox.", inside.place("channel"))
    if file.has("due") and kind != "task":
        file.problems.add("Only a task has `due`.", file.place("due"))
    if kind == "task":
        return TaskStep(**fields, due=file.parsed("due", parse_duration))
    return AlertStep(**fields) if kind == "alert" else FlagStep(**fields)


def _text(file: Reader, name: str, scope: Scope) -> str | None:
    text: str | None = file.value(name)
    for message, hint in problems_of(text or "", scope):
        file.problems.add(message, file.place(name), hint)
    return text


def _rules(file: Reader) -> tuple[Rule, ...]:
    node = file.raw("assign")
    if node is None:
        return (Owner(),)
    nodes = node if isinstance(node, list) else [node]
    rules = [_rule(one, file, position_of(node, i) or file.place("assign")) for i, one in enumerate(nodes)]
    return tuple(rule for rule in rules if rule is not None)


_POOLS: Final[Mapping[str, Callable[..., Rule]]] = {"least_loaded": LeastLoaded, "round_robin": RoundRobin}


def _rule(node: Any, file: Reader, at: Position | None) -> Rule | None:
    if node == "owner":
        return Owner()
    if isinstance(node, str) and node in _POOLS:
        return _POOLS[node]()
    if isinstance(node, str):
        near = get_close_matches(node, ["owner", *_POOLS], n=1)
        hint = f"Did you mean `{near[0]}`?" if near else "Somebody is named by `person: ID`."
        file.problems.add(f"`{node}` is no rule for assigning.", at, hint)
        return None
    inside = Reader(node, AssignFile, file.problems, at)
    given = [name for name in ("person", *_POOLS) if inside.has(name)]
    if len(given) != 1:
        file.problems.add("An assignment rule is one of owner, person, least_loaded, round_robin.", at)
        return None
    value = inside.value(given[0])
    if value is None:
        return None
    return Person(value) if given[0] == "person" else _POOLS[given[0]](value.tier, value.skill)


def _unknown_closes(loaded: Mapping[str, Loaded], folder: Path) -> Sequence[Problem]:
    problems = Problems(str(folder))
    for one in loaded.values():
        for other in one.playbook.closes:
            if other not in loaded:
                near = get_close_matches(other, loaded, n=1)
                hint = f"Did you mean `{near[0]}`?" if near else None
                problems.add(f"`{one.playbook.id}` closes `{other}`, which is no playbook.", None, hint)
    return problems.found
