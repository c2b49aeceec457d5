"""Steps that can't be right are refused, each with its line and column and what was meant."""

import textwrap
from pathlib import Path

import pytest

from services.playbooks.files import load_all, load_playbook
from shared.conditions import Refused

HEAD = "id: x\nwhen: usage.breadth < 40 %\nsteps:\n"

WRONG = {
    "no such task": (
        "  - {id: call, task: Call}\n  - {after_end_of: cal, alert: Hi}",
        "test.yaml:5:20: There is no step with the id `cal`. Did you mean `call`?",
    ),
    "a task that comes later": (
        "  - {after_end_of: call, alert: Hi}\n  - {id: call, task: Call}",
        "test.yaml:4:20: The step `call` does not come before this one.",
    ),
    "the end of an alert": (
        "  - {id: hi, alert: Hi}\n  - {after_end_of: hi, alert: Ho}",
        "test.yaml:5:20: `hi` is no task: only a task ends because somebody closes it.",
    ),
    "a task of the other list": (
        "  - if: usage.breadth < 20 %\n    then: [{id: call, task: Call}]\n    else: [{after_end_of: call, alert: Hi}]",
        "test.yaml:6:27: The task `call` is in the other list, so it is never asked for when this is.",
    ),
    "an id twice": (
        "  - {id: call, task: Call}\n  - {id: call, task: Write}",
        "test.yaml:5:10: Another step has the id `call` already.",
    ),
    "a wait without an end": (
        "  - {until: usage.breadth >= 50 %, then: [alert: Hi]}",
        "test.yaml:4:5: `until` needs `within`. Say how long it waits, such as `within: 7d`.",
    ),
    "a wait of which nothing comes": (
        "  - {until: usage.breadth >= 50 %, within: 7d}",
        "test.yaml:4:5: Nothing comes of it: give it `then`, `else`, or both.",
    ),
    "an if without then": (
        "  - {if: usage.breadth >= 50 %, else: [alert: Hi]}",
        "test.yaml:4:5: `if` needs `then`. Say what is done when it holds.",
    ),
    "an else that is never reached": (
        "  - {if: {any: [usage.breadth < 50 %, usage.breadth >= 50 %]}, then: [alert: Hi], else: [alert: Ho]}",
        "This always holds, so its `else` is never reached.",
    ),
    "two kinds in one": (
        "  - {task: Call, survey: nps, ask: champion}",
        "test.yaml:4:5: A step is one of alert, task,",
    ),
    "a field of another kind": (
        "  - {alert: Hi, within: 7d}",
        "test.yaml:4:25: Only one of if, until has `within`.",
    ),
    "a survey of nobody": ("  - survey: nps", "test.yaml:4:5: `survey` needs `ask`."),
    "a role that there is not": ("  - {message: offer, to: champoin}", "test.yaml:4:26:"),
    "an unknown fact in a branch": (
        "  - {if: usage.bredth > 3, then: [alert: Hi]}",
        "test.yaml:4:10: There is no fact `usage.bredth`. Did you mean `usage.breadth`?",
    ),
    "a fault deep inside": (
        "  - if: usage.breadth > 3 %\n    then:\n      - {until: task.don, within: 1d, else: [alert: Hi]}",
        "There is no fact `task.don`. Did you mean `task.done`?",
    ),
    "a trait of another type": (
        "  - trait: {seats: many}",
        "test.yaml:4:12: An account can't have this trait: Expected `int | null`, got `str` - at `seats`.",
    ),
    "itself": ("  - start: x", "test.yaml:4:12: It starts itself."),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_can_not_be_right_is_refused(case: str) -> None:
    steps, said = WRONG[case]
    with pytest.raises(Refused) as refused:
        load_playbook(HEAD + steps, "test.yaml")
    assert said in str(refused.value)


def a_folder(folder: Path, **playbooks: str) -> Path:
    for name, step in playbooks.items():
        text = f"id: {name}\nwhen: usage.breadth < 40 %\nsteps: [{step}]"
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_playbooks_start_no_others_in_a_circle(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, a="start: b", b="start: c", c="start: a", d="start: a")
    with pytest.raises(Refused, match="These start each other in a circle: a → b → c → a"):
        load_all(folder)


def test_a_playbook_starts_only_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"`a` starts `bee`, which is no playbook. Did you mean `bees`\?"):
        load_all(a_folder(tmp_path, a="start: bee", bees="alert: Hi"))


def test_a_playbook_that_waits_for_an_event_is_started_by_it_alone(tmp_path: Path) -> None:
    text = "id: b\non_event: feedback.nps\nsteps: [alert: Hi]"
    (tmp_path / "b.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(Refused, match="`a` starts `b`, which waits for an event of its own"):
        load_all(a_folder(tmp_path, a="start: b"))


def test_what_only_others_start_is_started_by_somebody(tmp_path: Path) -> None:
    text = "id: b\non_event: playbook.started\nsteps: [alert: Hi]"
    (tmp_path / "b.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(Refused, match="No playbook has a step that starts `b`"):
        load_all(a_folder(tmp_path, a="alert: Hi"))
    assert len(load_all(a_folder(tmp_path, a="start: b"))) == 2


def test_the_guide_s_example_is_read() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "playbooks.md").read_text(encoding="utf-8")
    examples = [one.split("```")[0] for one in guide.split("```yaml\n")[1:]]
    whole = [one for one in examples if one.startswith("id:")]
    assert whole
    for one in whole:
        load_playbook(one, "docs/playbooks.md")
    for one in examples:
        if not one.startswith("id:"):
            load_playbook(HEAD + textwrap.indent(one, "  "), "docs/playbooks.md")
