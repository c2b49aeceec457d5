"""Kinds of values that only playbooks have, each checked as far as what is known beside the file tells."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Annotated, Any, Final, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, ValidationInfo

from services.playbooks.core.directory import ROLES, Csm, Directory
from services.playbooks.core.holdout import MOST
from services.playbooks.core.remembered import FIRED
from services.playbooks.core.workinghours import Duration, parse_duration
from shared.conditions import Declared, Problem, Scope, did_you_mean
from shared.files.kinds import ReadBy
from shared.files.models import Reading, fault
from shared.files.nodes import Fields, Items, Text
from shared.files.templates import problems_of
from shared.messages.actions import CHANNEL, CHANNELS


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


def _held(text: str) -> Duration:
    duration = parse_duration(text)
    if duration.business_seconds:
        raise ValueError("This is counted on the clock, or in whole business days.")
    return duration


def _limit(text: str) -> tuple[int, Duration]:
    number, _, per = text.partition(" per ")
    if not re.fullmatch(r"\s*[1-9][0-9]{0,5}\s*", number) or not per:
        raise ValueError(f"{text!r} is no limit; write one such as 3 per 180d.")
    return int(number), _exact(per)


def _holdout(text: str) -> int:
    found = re.fullmatch(r"\s*([0-9]{1,6})\s*%\s*", text)
    if found is None:
        raise ValueError(f"{text!r} is no share; write one such as 10 %.")
    if not 1 <= int(found[1]) <= MOST:
        raise ValueError(f"A share of 1 to {MOST} % can be held out, not {found[1]} %.")
    return int(found[1])


def _channel(text: str) -> str:
    if CHANNEL.fullmatch(text) is None and text not in ROLES:
        raise ValueError(f"A channel is {CHANNELS}; or a role of the directory: {', '.join(ROLES)}.")
    return text


def _template(value: Any, info: ValidationInfo) -> Any:
    return _filled_in(value, info, Reading.of(info).scopes["event"])


def _exit_template(value: Any, info: ValidationInfo) -> Any:
    scope = Reading.of(info).scopes["condition"]
    fired = {f"{FIRED}{name}": spec for name, spec in scope.facts.items()}
    return _filled_in(value, info, replace(scope, more={**scope.more, **fired}))


def _filled_in(value: Any, info: ValidationInfo, scope: Scope) -> Any:
    reading = Reading.of(info)
    if isinstance(value, Text):
        for message, hint in problems_of(value, scope):
            reading.note(message, value.at, hint)
    return value


def held_by(names: Callable[[Csm], Iterable[str | None]], what: str) -> BeforeValidator:
    """A name that people have. One that looks like somebody's is refused; where nobody has it, there is a warning."""

    def check(value: Any, info: ValidationInfo) -> Any:
        reading, beside = Reading.of(info), Beside.of(info)
        known = {name for csm in (beside.people or Directory()).csms for name in names(csm) if name}
        if known and isinstance(value, Text) and value not in known:
            said, hint = f"Nobody in the directory of CSMs has the {what} `{value}`.", did_you_mean(value, known)
            reading.take([Problem(said, value.at, hint)], certain=hint is not None)
        return value

    return BeforeValidator(check)


def is_there(value: str, info: ValidationInfo) -> str:
    """Somebody by id, who is in the directory, or by e-mail."""
    people = Beside.of(info).people
    if people is not None and "@" not in value and people.find(value) is None:
        hint = did_you_mean(value, [csm.id for csm in people.csms])
        raise fault(f"`{value}` is not in the directory of CSMs.", hint)
    return value


def is_team(value: str, info: ValidationInfo) -> str:
    """A team of the directory, by id."""
    people = Beside.of(info).people
    if people is not None and value not in people.teams:
        raise fault(f"There is no team `{value}` in the directory of CSMs.", did_you_mean(value, people.teams))
    return value


def _hand_over(value: str, info: ValidationInfo) -> str:
    return value if CHANNEL.fullmatch(value) or value in ROLES else is_there(value, info)


def _shape(value: Any) -> str:
    return "mapping" if isinstance(value, Fields) else "list" if isinstance(value, Items) else "text"


def _answered(text: str) -> Duration:
    return Duration() if text.strip() == "never" else parse_duration(text)


Length = Annotated[Duration, ReadBy(parse_duration, description="Such as 30m, 24h, 7d, 2w, 2 business days.")]
Answered = Annotated[Duration, ReadBy(_answered, description="Such as 4 business hours, or never.")]
Exact = Annotated[Duration, ReadBy(_exact, description="Such as 30m, 24h, 7d, 2w.")]
Held = Annotated[Duration, ReadBy(_held, description="Such as 24h, 7d, 3 business days.")]
Limit = Annotated[tuple[int, Duration], ReadBy(_limit, description="Such as 3 per 180d.")]
Holdout = Annotated[int, ReadBy(_holdout, description="Such as 10 %; 1 to 50.")]
Template = Annotated[
    str, BeforeValidator(_template), Field(min_length=1, description="Text; {{ account.name }} and every fact.")
]
ExitTemplate = Annotated[
    str,
    BeforeValidator(_exit_template),
    Field(min_length=1, description="Text; every fact, and as fired.NAME as it was at firing."),
]
Channel = Annotated[str, ReadBy(_channel, description=f"{CHANNELS}, or a role of the directory.")]
HandOver = Annotated[
    str, AfterValidator(_hand_over), Field(min_length=1, max_length=128, description=f"Somebody, or {CHANNELS}.")
]
ByShape: Final = Discriminator(_shape)
