"""The playbooks that ship as a table: `python -m deploy.library` writes docs/library.md from their files."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from services.playbooks.core.playbook import Playbook, Step
from services.playbooks.files import SHIPPED, load_all
from shared.conditions import Condition, one_line
from shared.messages.registry import COMPANY_EVENTS

PAGE: Final = Path(__file__).parent.parent / "docs" / "library.md"
_ONE: Final = re.compile(r"\b1 (\w+)s\b")
_HEAD: Final = """# The library of playbooks

What ships in [services/playbooks/playbooks](../services/playbooks/playbooks), made from the files by `make generated`.
The head of each file says why it is there, where its numbers come from, and what to do. Change a number, switch one to
`mode: shadow` (it decides and lists, and tells nobody) or `mode: off` (it does nothing), or take it out: what you
edited, a release leaves alone. Two write to customers, and are off unless you put them with `mode: live`:
`payment-dunning`, since payment providers such as Stripe write mails of their own, and `detractor-acknowledged`.

They are made to work together. What several of them ask of one person about one *matter* is one task, with all their
reasons; a rule on the score joins what was asked for the thing that moved it. High and critical is told at once
within working hours: leaving, a detractor of three or less or of a key role, no use, a slide, a champion or key
person gone, urgent tickets, onboarding that is stuck. All else comes with the morning's digest. What nobody has
touched closes by itself when it has passed, and says why. Over the sample company's 120 days this comes to at most
one message outside the digest on an ordinary day.

| playbook | for | when | then | ends | again |
|---|---|---|---|---|---|
"""


def page(playbooks: Iterable[Playbook] | None = None) -> str:
    """The whole document."""
    shipped = [one.playbook for one in load_all()] if playbooks is None else playbooks
    return _HEAD + "".join(f"| {' | '.join(_row(one))} |\n" for one in shipped)


def _row(one: Playbook) -> Iterator[str]:
    mode = " (off)" if one.off else " (shadow)" if one.shadow else ""
    yield f"[{one.id}](../services/playbooks/{SHIPPED.name}/{one.id}.yaml){mode}: {one.title}"
    ours = one.on_event in COMPANY_EVENTS or any(name.startswith("sources.") for name in one.minds)
    yield "the installation" if ours else _said(one.for_accounts) or "every account"
    event = [f"`{one.on_event}`" + (f", each {one.per}" if one.per else "")] if one.on_event is not None else []
    when = _said(one.when)
    held = [f"held for {one.held_for.words}"] if one.is_held else []
    yield "; ".join([*event, *([when] if when else []), *held])
    yield _steps(one)
    ends = "when all is done" if one.on_event is not None else "when it no longer holds"
    exit_when = _said(one.exit_when)
    words = f", as “{_filled(one.exit_words)}”" if one.exit_words else ""
    yield f"{exit_when or ends}{words}"
    repeat = one.repeat
    limit = f", at most {repeat.at_most} in {repeat.per.words}" if repeat is not None and repeat.at_most else ""
    yield f"after {repeat.after.words}{limit}" if repeat is not None else "each time"


def _said(condition: Condition | None) -> str:
    said = _ONE.sub(r"1 \1", one_line(condition)) if condition is not None else ""
    return f"`{said}`" if said else ""


def _filled(template: str) -> str:
    """A text with … for what is filled in, and what it says otherwise behind a stroke."""
    said = re.sub(r"\{\{.*?\}\}", "…", template)
    return re.sub(r"\{%.*?%\}", "", re.sub(r"\{%-?\s*(else|elif .*?)\s*%\}", " / ", said))


def _steps(one: Playbook, under: int | None = None, arm: str = "then") -> str:
    """A list of steps, with what each leads to."""
    return "; ".join(
        _branch(one, place) if step.kind in ("if", "until") else _step(step)
        for place, step in enumerate(one.steps)
        if (step.under, step.arm) == (under, arm)
    )


def _branch(one: Playbook, place: int) -> str:
    """An `if` or an `until` with its lists."""
    step = one.steps[place]
    asked, within = _said(step.condition), f" within {step.within.words}" if step.within is not None else ""
    then, other = _steps(one, place), _steps(one, place, "else")
    if not then:
        return f"{_after(step)}unless {asked}{within}: {other}"
    begin = f"if {asked}" if step.kind == "if" else f"once {asked}{within}"
    return f"{_after(step)}{begin}: {then}" + (f", else: {other}" if other else "")


def _after(one: Step) -> str:
    return f"after {one.after.words} " if one.after is not None else ""


def _step(one: Step) -> str:
    if one.kind == "message":
        people = "whom it is about" if one.to_contact else " and ".join(one.roles)
        said = f"{_after(one)}message `{one.name}` to {people}, if they consented to `{one.consent}`"
        return said + (f" unless {_said(one.unless)}" if one.unless is not None else "")
    unless = f" unless {_said(one.unless)}" if one.unless is not None else ""
    due = f", due in {one.due.words}" if one.due is not None else ""
    kept = ", kept until somebody did" if one.keep else ""
    to = one.assign[0]
    named = (to.name or to.kind, to.tier, to.skill)
    whom = " ".join(part.replace("_", " ") for part in named if part)
    return f"{_after(one)}{one.severity} {one.kind} for {whom}{due}{kept}{unless}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
