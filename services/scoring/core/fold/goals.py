"""Goals of the success plan: what is wanted, and how each ended."""

from typing import Final

from services.scoring.core import state as s
from services.scoring.core.fold.cells import leave_out
from services.scoring.core.state import Account
from shared.messages import accounts
from shared.messages.envelope import Event
from shared.messages.stamps import Cell, cell_of, micros, put

ENDS: Final = ("goal.reached", "goal.dropped")


def goal_set(account: Account, event: Event, data: accounts.GoalSet) -> None:
    """Each message carries the goal whole, so the latest is the goal."""
    wanted = [data.title, micros(data.due_at), data.fact, data.op, data.target, data.author]
    _put(account, data.goal_id, "set", cell_of(event, wanted))


def goal_ended(account: Account, event: Event, data: accounts.GoalReached | accounts.GoalDropped) -> None:
    """Whether it was set anew since is asked when it is read. Of one instant the end counts, and giving up most."""
    how = event.type.removeprefix("goal.")
    _put(account, data.goal_id, "ended", cell_of(event, how, rank=1 + ENDS.index(event.type)))


def _put(account: Account, goal: str, name: str, cell: Cell) -> None:
    """The first goals by the alphabet stay: which those are depends on no order."""
    goals = account.state.goals
    put(goals.setdefault(goal, {}), name, cell)
    if len(goals) > s.MOST_GOALS:
        leave_out(account.state, "goals", last := max(goals))
        del goals[last]
