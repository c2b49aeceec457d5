"""The steps of a playbook in one sequence, in the order in which they are written; and what is wrong with how they
lead to each other."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from services.playbooks.core.playbook import Arm, Step
from services.playbooks.files.steps import CONTACT, StepFile
from shared.conditions import Problem, always_holds, did_you_mean
from shared.messages.registry import TOLD


class Placed(NamedTuple):
    """One step, and the lists that it is in: each an `if` or `until`, by its number, and which of its lists."""

    step: StepFile
    path: tuple[tuple[int, Arm], ...] = ()


def in_order(steps: Sequence[StepFile]) -> list[Placed]:
    """All of them, those of an `if` or `until` right behind it. An action's id has the number of its step."""
    found: list[Placed] = []

    def place(one: StepFile, path: tuple[tuple[int, Arm], ...]) -> None:
        number = len(found)
        found.append(Placed(one, path))
        for arm, inside in one.lists:
            for each in inside:
                place(each, (*path, (number, arm)))

    for one in steps:
        place(one, ())
    return found


def as_steps(steps: Sequence[StepFile], title: str) -> tuple[Step, ...]:
    """As the core knows them; `title` is the playbook's."""
    placed = in_order(steps)
    ids = {one.step.id: number for number, one in enumerate(placed) if one.step.id is not None}
    found: list[Step] = []
    for one in placed:
        under, arm = one.path[-1] if one.path else (None, "then")
        follows = ids[one.step.after_end_of] if one.step.after_end_of is not None else None
        of = follows if follows is not None or under is None else found[under].of
        found.append(one.step.step(title, under=under, arm=arm, follows=follows, of=of))
    return tuple(found)


def problems_of(steps: Sequence[StepFile]) -> Iterator[Problem]:
    """Ids that are there twice, steps that wait for what never ends before them, lists that are never reached."""
    placed = in_order(steps)
    before: dict[str, Placed] = {}
    for one in placed:
        if one.step.after_end_of is not None:
            yield from _wrong_with(one.step.after_end_of, one, before, placed)
        if one.step.if_ is not None and one.step.else_ is not None and always_holds(one.step.if_):
            yield Problem("This always holds, so its `else` is never reached.", one.step.at("if"))
        if one.step.id in before:
            yield Problem(f"Another step has the id `{one.step.id}` already.", one.step.at("id"))
        elif one.step.id is not None:
            before[one.step.id] = one


def _wrong_with(wanted: str, one: Placed, before: dict[str, Placed], placed: Iterable[Placed]) -> Iterator[Problem]:
    position = one.step.at("after_end_of")
    task = before.get(wanted)
    if task is None:
        known = [each.step.id for each in placed if each.step.id is not None]
        if wanted in known:
            yield Problem(f"The step `{wanted}` does not come before this one.", position)
        else:
            yield Problem(f"There is no step with the id `{wanted}`.", position, did_you_mean(wanted, known))
    elif task.step.task is None:
        yield Problem(f"`{wanted}` is no task: only a task ends because somebody closes it.", position)
    elif any(dict(task.path).get(number, arm) != arm for number, arm in one.path):
        yield Problem(f"The task `{wanted}` is in the other list, so it is never asked for when this is.", position)


def wrongly_addressed(steps: Sequence[StepFile], on_event: str | None, per: str | None) -> Iterator[Problem]:
    """Messages to whom the event names, where it names nobody, or somebody else may be named by then."""
    _, event = TOLD.get(on_event or "", (None, None))
    names_somebody = event is not None and "contact_id" in event.__struct_fields__
    for step, path in in_order(steps):
        if step.to != CONTACT:
            continue
        waits = path or step.after is not None or step.after_end_of is not None
        if not names_somebody:
            said = "`to: contact` needs an `on_event` whose events name a contact."
            yield Problem(said, step.at("to"), "Name roles, such as `to: champion`.")
        elif waits and per != CONTACT:
            said = "By then another event may have come, of somebody else."
            yield Problem(said, step.at("to"), "Say `per: contact`, so that each of them has an episode.")
