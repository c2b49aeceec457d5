"""By when somebody has to say that they have seen an alert, before it goes to whoever answers for them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from services.playbooks.core.playbook import Step
from services.playbooks.core.workinghours import Duration, Hours, add
from shared.messages.actions import Severity

USUAL: Final[Mapping[Severity, Duration]] = {
    "critical": Duration(business_seconds=4 * 3600),
    "high": Duration(business_days=1),
}
"""How long that is where its step does not say; others wait for ever. So does what goes to a manager or lead from the
first: it has gone up already."""


def answer_by(step: Step | None, severity: Severity, hours: Hours, at: datetime) -> datetime | None:
    """When an alert that is brought at `at` to somebody with these hours goes on; None is never."""
    within = step.acknowledge_within if step is not None else None
    if within is None and not (step is not None and _is_above(step)):
        within = USUAL.get(severity)
    return add(hours, at, within) if within is not None and within != Duration() else None


def _is_above(step: Step) -> bool:
    return any(one.kind == "manager" or (one.kind, one.name) == ("role", "lead") for one in step.assign[:1])
