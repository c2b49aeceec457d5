"""What can be asked of the lists, as query parameters."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Query
from pydantic import AwareDatetime

from services.playbooks.core.episode import State
from services.playbooks.lists import Sort, Wanted
from services.playbooks.views import desk as views
from shared.messages.actions import Severity


def episodes(account: str | None = None, state: State | None = None, playbook: str | None = None) -> Wanted:
    """Of episodes."""
    return Wanted({"account_id": account, "state": state, "playbook": playbook})


def _items(states: Any) -> Callable[..., Wanted]:
    """Of tasks, alerts or flags, which have these states."""

    def asked(
        account: str | None = None,
        state: Any = None,
        assignee: Annotated[str | None, Query(description="Whose: an id of the directory, or an e-mail.")] = None,
        team: Annotated[str | None, Query(description="Of who is in this team of the directory, or leads it.")] = None,
        unassigned: Annotated[bool | None, Query(description="Only what nobody has, or only the rest.")] = None,
        playbook: Annotated[str | None, Query(description="The id of the playbook that asked for it.")] = None,
        by_hand: Annotated[bool | None, Query(description="Only what a person wrote, or only the rest.")] = None,
        matter: str | None = None,
        severity: Annotated[list[Severity] | None, Query(description="How pressing; several are any of them.")] = None,
        overdue: Annotated[bool | None, Query(description="Only what is open past its due time, or the rest.")] = None,
        due_before: Annotated[AwareDatetime | None, Query(description="Without `state`, of what is open.")] = None,
        opened_since: AwareDatetime | None = None,
        last_resort: Annotated[
            bool | None, Query(description="Only what nobody was found for, or only the rest.")
        ] = None,
        sort: Annotated[
            Sort, Query(description="`due`: what is due first; without `state`, of what is open.")
        ] = "newest",
    ) -> Wanted:
        return Wanted(
            {
                "account_id": account,
                "state": state,
                "assignee": assignee,
                "playbook": playbook,
                "matter": matter,
                "severity": severity,
                "last_resort": last_resort,
            },
            team=team,
            unassigned=unassigned,
            overdue=overdue,
            due_before=due_before,
            opened_since=opened_since,
            by_hand=by_hand,
            sort=sort,
        )

    asked.__annotations__["state"] = Annotated[list[states] | None, Query()]
    return asked


tasks = _items(views.TaskState)
alerts = _items(views.AlertState)
flags = _items(views.FlagState)
