"""The playbooks' settings."""

import os
from pathlib import Path

from pydantic import field_validator

from services.playbooks.files import SHIPPED
from shared.settings import Settings


class PlaybooksSettings(Settings):
    """What the playbooks need besides what all share."""

    playbooks: Path = SHIPPED
    """The folder of the playbooks in force; none: those that ship."""
    csms: Path | None = None
    """The directory of CSMs; none: `csms.yaml` in `KEEPWELL_HOME`, if it is there."""

    @field_validator("csms")
    @classmethod
    def _is_there(cls, value: Path | None) -> Path | None:
        if value is not None and not os.path.isfile(value):  # noqa: PTH113 (it never raises)
            raise ValueError("there is no such file")
        return value

    @property
    def csms_file(self) -> Path:
        """Where the directory of CSMs is looked for."""
        return self.csms or self.home / "csms.yaml"
