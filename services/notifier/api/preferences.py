"""What people want to hear, when and where: their digests, their quiet hours, their channel."""

from collections.abc import Callable
from datetime import datetime, time
from typing import Annotated, Any, Final, Literal, Self

from fastapi import Depends, Path
from pydantic import AfterValidator, BaseModel, Field, model_validator

from services.notifier import preferences
from shared.auth.keys import Caller, require
from shared.clock import Clock
from shared.files.kinds import DAYS, read_weekday
from shared.messages.actions import Severity
from shared.messages.preferences import DIGEST, WEEKLY, Preferences, Quiet
from shared.pg.uow import UnitOfWork
from shared.web.problems import Problem
from shared.web.routes import Router

_ME: Final = "me"
_CHANNELS: Final = {"slack": "slack:@owner", "email": "email", "inbox": "inbox"}


def _read_clock(text: str) -> time:
    try:
        found = time.fromisoformat(text) if len(text) == len("08:30") else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None:
        raise ValueError(f"`{text}` is no time of day; write one such as 08:30.")
    return found


def _is_clock(text: str) -> str:
    _read_clock(text)
    return text


def _read_week(text: str) -> tuple[int, time]:
    day, _, clock = text.strip().partition(" ")
    return read_weekday(day), _read_clock(clock.strip())


def _is_week(text: str) -> str:
    _read_week(text)
    return text


_Clock = Annotated[str, Field(max_length=40, examples=["08:30"]), AfterValidator(_is_clock)]
_Week = Annotated[str, Field(max_length=40, examples=["mon 08:30"]), AfterValidator(_is_week)]


def _clock_words(at: time) -> str:
    return f"{at:%H:%M}"


class DigestBody(BaseModel, extra="forbid"):
    """When somebody's day and week are told, in their own zone; null is never."""

    daily: _Clock | None = _clock_words(DIGEST)
    """On days on which they work."""
    weekly: _Week | None = f"{DAYS[WEEKLY[0]][:3]} {_clock_words(WEEKLY[1])}"
    """In place of the day's where both would come at once."""


class QuietBody(BaseModel, extra="forbid", populate_by_name=True):
    """Hours of each day in which nothing disturbs them, in their own zone."""

    start: Annotated[_Clock, Field(alias="from")]
    end: Annotated[_Clock, Field(alias="to")]
    """Before `from` it is one of the next day."""
    unless: Annotated[Severity, Field(alias="except")] = "critical"
    """This and what is worse comes all the same, as far as it is sent then at all: see working hours."""

    @model_validator(mode="after")
    def _is_a_span(self) -> Self:
        if self.start == self.end:
            raise ValueError("`from` and `to` are the same: nothing could ever come. Leave `quiet` out for no quiet.")
        return self

    @property
    def quiet(self) -> Quiet:
        """As it is kept."""
        return Quiet(start=_read_clock(self.start), end=_read_clock(self.end), unless=self.unless)


class PreferencesBody(
    BaseModel,
    extra="forbid",
    json_schema_extra={"examples": [{"quiet": {"from": "20:00", "to": "07:30"}, "channel": "email"}]},
):
    """All that somebody wants; what is left out is as it is for everybody."""

    digest: DigestBody = DigestBody()
    quiet: QuietBody | None = None
    channel: Literal["slack", "email", "inbox"] | None = None
    """Where they hear of what names no channel; null is what the installation has set up."""
    digest_from: Severity | None = "medium"
    """This and what is milder waits for the digest, and comes in it; null is nothing."""

    @model_validator(mode="after")
    def _come_at_all(self) -> Self:
        if (quiet := self.quiet) is not None:
            for name, at in self.preferences.in_quiet_hours.items():
                words = f"{_clock_words(at)}, when `digest.{name}` and what waits for it comes"
                raise ValueError(
                    f"{words}, lies in the quiet hours from {quiet.start} to {quiet.end}: move one of them."
                )
        return self

    @property
    def preferences(self) -> Preferences:
        """As they are kept."""
        return Preferences(
            daily=_read_clock(self.digest.daily) if self.digest.daily is not None else None,
            weekly=_read_week(self.digest.weekly) if self.digest.weekly is not None else None,
            quiet=self.quiet.quiet if self.quiet is not None else None,
            channel=_CHANNELS[self.channel] if self.channel is not None else None,
            waits=self.digest_from,
        )

    @classmethod
    def told(cls, said: Preferences) -> dict[str, Any]:
        """As they are answered."""
        weekly, quiet = said.weekly, said.quiet
        return {
            "digest": {
                "daily": _clock_words(said.daily) if said.daily is not None else None,
                "weekly": f"{DAYS[weekly[0]][:3]} {_clock_words(weekly[1])}" if weekly is not None else None,
            },
            "quiet": None
            if quiet is None
            else {"from": _clock_words(quiet.start), "to": _clock_words(quiet.end), "except": quiet.unless},
            "channel": next((name for name, asked in _CHANNELS.items() if asked == said.channel), None),
            "digest_from": said.waits,
        }


class PreferencesView(PreferencesBody):
    """What somebody has set, or what is so for everybody."""

    person: str
    set_at: datetime | None
    """Null: they have set nothing."""
    set_by: str | None


_Person = Annotated[
    str,
    Path(max_length=256, description="An id of the directory, an e-mail there, or `me`: the CSM who holds the key."),
]


def routes(uow: UnitOfWork, clock: Clock, wake: Callable[[], None]) -> Router:
    """`/v1/preferences`. `wake` is told that there is something to publish."""
    router = Router(prefix="/v1", tags=["preferences"])

    @router.get("/preferences/{person}", summary="When, where and of what somebody hears")
    async def read(person: _Person, caller: Annotated[Caller, Depends(require("read"))]) -> PreferencesView:
        """Whoever has set nothing hears as everybody does."""
        name = _named(person, caller)
        async with uow.begin() as c:
            row = await preferences.read(c, name)
        said, at, author = (row.body, row.at, row.author) if row is not None else (Preferences(), None, None)
        return _view(name, said, at, author)

    @router.put("/preferences/{person}", summary="Say when, where and of what somebody hears")
    async def put(
        person: _Person, body: PreferencesBody, caller: Annotated[Caller, Depends(require("operate"))]
    ) -> PreferencesView:
        """In place of what was set before; what is left out is as it is for everybody. It counts within seconds, for
        what is decided from then on. A CSM's key sets its holder's own."""
        name, author = _named(person, caller), caller.csm or caller.name
        if caller.csm is not None and not caller.may("admin") and name.casefold() != caller.csm.casefold():
            words = f"This key is {caller.csm}'s, and sets their own preferences: PUT /v1/preferences/me."
            raise Problem(403, "forbidden", words)
        said = body.preferences
        async with uow.begin() as c:
            at = await preferences.put(c, name, said, author, clock.now())
        wake()
        return _view(name, said, at, author)

    return router


def _named(person: str, caller: Caller) -> str:
    if person.casefold() != _ME:
        return person
    if caller.csm is None:
        words = "No CSM holds this key, so nobody is `me`: name the person, or use a key made with --csm."
        raise Problem(400, "invalid_request", words)
    return caller.csm


def _view(person: str, said: Preferences, at: datetime | None, author: str | None) -> PreferencesView:
    return PreferencesView(person=person, set_at=at, set_by=author, **PreferencesBody.told(said))
