"""Playbooks that are paused and accounts that are muted, as they are shown and asked for."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field

from services.playbooks.core.rules import Pause
from services.playbooks.core.standing import Mute
from shared.web.times import Moment

_Reason = Annotated[str, Field(min_length=1, max_length=2000)]


class PauseView(BaseModel):
    """Since when a playbook fires nothing, until when (null: until somebody resumes it), why, and who said so."""

    playbook: str
    since: datetime
    until: datetime | None
    reason: str
    actor: str

    @classmethod
    def of(cls, pause: Pause) -> Self:
        """A pause as it is shown."""
        return cls.model_validate(pause._asdict())


class MuteView(BaseModel):
    """Until when nothing is told of an account, why, and who said so."""

    account: str
    since: datetime
    until: datetime
    reason: str
    author: str

    @classmethod
    def of(cls, account: str, mute: Mute) -> Self:
        """A mute as it is shown."""
        return cls(account=account, since=mute.since, until=mute.until, reason=mute.reason, author=mute.author)


class PauseBody(
    BaseModel,
    extra="forbid",
    json_schema_extra={"examples": [{"reason": "We change our prices this week.", "until": "2026-03-09T08:00:00Z"}]},
):
    """Why a playbook is paused, and until when; until somebody resumes it, unless said."""

    reason: _Reason
    until: Moment | None = None


class MuteBody(
    BaseModel,
    extra="forbid",
    json_schema_extra={"examples": [{"until": "2026-03-20T09:00:00Z", "reason": "They are being migrated."}]},
):
    """Until when an account is left in peace, at most 90 days from now, and why; `until: null` ends it."""

    until: Moment | None
    reason: Annotated[str, Field(max_length=2000)] = ""


class StartBody(BaseModel, extra="forbid", json_schema_extra={"examples": [{"account": "northwind"}]}):
    """At which account a playbook starts."""

    account: Annotated[str, Field(min_length=1, max_length=128)]


class EndBody(BaseModel, extra="forbid", json_schema_extra={"examples": [{"reason": "It asked for the wrong thing."}]}):
    """Why a playbook's episodes are ended."""

    reason: _Reason


class Ended(BaseModel):
    """How many episodes were ended, and how many are left: then it is asked again."""

    ended: int
    left: int
