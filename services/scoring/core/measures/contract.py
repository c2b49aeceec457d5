"""What the account buys, against what it bought."""

from typing import Any

from services.scoring.core.measures.base import View


def facts(view: View) -> dict[str, Any]:
    """What its contract says."""
    del view
    return {}
