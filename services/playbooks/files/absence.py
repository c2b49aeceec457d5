"""What becomes of the open work of who is away, or gone, as it is written."""

from services.playbooks.core.directory import WhenAbsent
from services.playbooks.files.assign import Rules, rules_of
from services.playbooks.files.checks import Length
from shared.files.models import FileModel


class WhenAwayFile(FileModel):
    """Whose work moves while they are away, and to whom."""

    after: Length | None = None
    """For how long somebody is away before it moves; a shorter absence moves nothing. Unless it is said: 2 business
    days."""
    urgent_after: Length | None = None
    """The same for what is high or critical; unless it is said, it moves at once."""
    to: Rules | None = None
    """Unless it is said: deputy, then manager."""


def when_absent(away: WhenAwayFile | None, gone: Rules | None) -> WhenAbsent:
    """As the core knows it."""
    said = away.given("to") if away is not None else {}
    if away is not None and away.to is not None:
        said["when_away"] = rules_of(away.to)
    if gone is not None:
        said["when_gone"] = rules_of(gone)
    return WhenAbsent(**said)
