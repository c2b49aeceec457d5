"""What HTTP answers of goals, and takes to set one."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field

from services.scoring.core.goals import Progress, Stands
from shared.messages.accounts import GoalOp
from shared.messages.stamps import instant_of
from shared.web.times import Moment


class Goal(BaseModel):
    """A goal of the success plan, and how far it is by its fact as it is now."""

    id: str
    title: str
    state: Stands
    """`met`: its fact has the target, though nobody has said that it is reached."""
    due_at: datetime
    fact: str | None
    op: str | None
    target: bool | int | float | str | None
    measure: str | None
    """What it is measured by, as conditions say it: `usage.breadth >= 60 %`."""
    value: Any
    """What its fact is now; null where that isn't known."""
    holds: bool | None
    """Whether that is the target."""
    words: str
    """Both in words, or why nothing is known."""
    author: str | None
    set_at: datetime
    ended_at: datetime | None
    """When it was reached or dropped."""

    @classmethod
    def of(cls, one: Progress, **more: Any) -> Self:
        """As state and facts have it."""
        goal = one.goal
        return cls(
            **{name: getattr(goal, name) for name in ("id", "title", "fact", "op", "target", "author")},
            state=one.stands,
            due_at=instant_of(goal.due_at),
            measure=one.measure,
            value=one.value,
            holds=one.holds,
            words=one.words,
            set_at=instant_of(goal.set_at),
            ended_at=None if goal.ended_at is None else instant_of(goal.ended_at),
            **more,
        )


class GoalRow(Goal):
    """The same, with whose it is."""

    account_id: str
    account_name: str | None


class GoalTerms(
    BaseModel,
    json_schema_extra={
        "examples": [
            {
                "title": "Every team reports from it",
                "due_at": "2026-09-30T00:00:00Z",
                "fact": "usage.breadth",
                "op": ">=",
                "target": 60,
            }
        ]
    },
):
    """What the customer wants to reach, and by when; where it can be measured, as a fact against a target."""

    title: Annotated[str, Field(min_length=1, max_length=256)]
    due_at: Moment
    fact: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    op: GoalOp | None = None
    target: bool | int | float | Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """In the fact's unit; a date, or a span such as `2 weeks`, as text."""
