"""What Keepwell asks of Slack while somebody waits for their click: who they are, and to show a form.

The bot's token is a secret, and so is a `response_url`: no reason, log line or error repeats them.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import httpx
import msgspec

from shared.clock import Clock

_log = logging.getLogger("keepwell.slack")
LOOK_UP_SECONDS: Final = 1.0
OPEN_SECONDS: Final = 2.0
"""Slack takes a form within 3 s of the click."""
_KNOWN_FOR: Final = timedelta(hours=1)
_REFUSED_FOR: Final = timedelta(minutes=1)
_MOST_KNOWN: Final = 5_000


class Person(NamedTuple):
    """Who clicked, as Slack knows them."""

    user: str
    email: str | None = None
    time_zone: str = "UTC"

    @property
    def actor(self) -> str:
        """As playbooks find them: by the id, or by the e-mail address."""
        return f"slack:{self.user} <{self.email}>" if self.email else f"slack:{self.user}"


class _Profile(msgspec.Struct):
    email: str | None = None


class _Enterprise(msgspec.Struct):
    enterprise_id: str = ""


class _User(msgspec.Struct):
    team_id: str = ""
    tz: str | None = None
    profile: _Profile = msgspec.field(default_factory=_Profile)
    enterprise_user: _Enterprise = msgspec.field(default_factory=_Enterprise)


class _Answer(msgspec.Struct):
    ok: bool = False
    error: str = ""
    user: _User | None = None
    team_id: str = ""
    enterprise_id: str | None = None


class Slack:
    """Slack's web API, by the bot's token."""

    def __init__(self, http: httpx.AsyncClient, clock: Clock, *, api_url: str, token: str | None) -> None:
        self._http, self._clock, self._api_url, self._token = http, clock, api_url, token
        self._known: OrderedDict[str, tuple[datetime, Person]] = OrderedDict()
        self._own: _Answer | None = None
        """Which workspace the bot is of."""
        self._telling: set[asyncio.Task[None]] = set()

    async def person(self, user: str) -> Person:
        """Who that is; within a second, and without what Slack doesn't say by then: what it said before counts on."""
        now = self._clock.now()
        until, known = self._known.get(user, (now, Person(user)))
        if now < until or self._token is None:
            return known
        answer, own = await asyncio.gather(
            self._ask("users.info", {"user": user}, LOOK_UP_SECONDS), self._ask_whose_bot()
        )
        if isinstance(answer, str) or own is None:
            # It may pass by itself, so the next click asks again.
            reason = answer if isinstance(answer, str) else "it does not say whose the bot is"
            _log.warning("Slack does not say who clicked", extra={"reason": reason})
            return known
        if answer.user is None:
            _log.warning("Slack does not say who clicked", extra={"reason": _word(answer.error)})
            return self._keep(known, now + _REFUSED_FOR)
        return self._keep(_person(user, answer.user, own), now + _KNOWN_FOR)

    async def open(self, trigger_id: str, view: Mapping[str, Any]) -> str | None:
        """Show a form. Returns why that could not be, in words."""
        if self._token is None:
            return "a form takes the bot's token, and KEEPWELL_SLACK_BOT_TOKEN is not set"
        answer = await self._ask("views.open", {"trigger_id": trigger_id, "view": view}, OPEN_SECONDS)
        if isinstance(answer, str):
            return answer
        return None if answer.ok else f"Slack says {_word(answer.error)}"

    def tell(self, response_url: str | None, words: str) -> None:
        """Say something to whoever clicked, where only they see it; it goes in the background, and may be lost."""
        if response_url is None:
            return
        task = asyncio.create_task(self._tell(response_url, words))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def close(self) -> None:
        """Let go of the connections."""
        for task in self._telling:
            task.cancel()
        await self._http.aclose()

    def _keep(self, person: Person, until: datetime) -> Person:
        self._known[person.user] = (until, person)
        self._known.move_to_end(person.user)
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return person

    async def _ask_whose_bot(self) -> _Answer | None:
        if self._own is None:
            answer = await self._ask("auth.test", {}, LOOK_UP_SECONDS)
            self._own = answer if isinstance(answer, _Answer) and answer.ok else None
        return self._own

    async def _ask(self, method: str, arguments: Mapping[str, Any], seconds: float) -> _Answer | str:
        """Slack's answer, or in words why there is none."""
        # users.info takes no JSON; a form field holds JSON where its value is an object.
        fields = {
            name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
            for name, value in arguments.items()
        }
        try:
            async with asyncio.timeout(seconds):
                headers = {"Authorization": f"Bearer {self._token}"}
                got = await self._http.post(f"{self._api_url}/{method}", data=fields, headers=headers)
            return msgspec.json.decode(got.content, type=_Answer)
        except TimeoutError:
            return f"Slack did not answer within {seconds:.0f} s"
        except httpx.HTTPError as error:
            return f"Slack can't be reached ({type(error).__name__})"
        except msgspec.DecodeError:
            return "Slack answered with something unreadable"

    async def _tell(self, response_url: str, words: str) -> None:
        said = {"response_type": "ephemeral", "replace_original": False, "text": words}
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await self._http.post(response_url, json=said)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            _log.warning("whoever clicked could not be told", extra={"error": type(error).__name__})


def open_client() -> httpx.AsyncClient:
    """The HTTP client to hand to `Slack`."""
    # They log every request with its URL, and a `response_url` is a secret.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return httpx.AsyncClient(timeout=OPEN_SECONDS, limits=httpx.Limits(max_connections=20, max_keepalive_connections=5))


def _person(id: str, user: _User, own: _Answer) -> Person:
    # Whoever runs another workspace, in a shared channel, says there what addresses its people have.
    email = user.profile.email if _is_of(user, own) else None
    plain = email is not None and "@" in email and not set(email) & set("<> \n\r\t")
    return Person(id, email if plain else None, user.tz or "UTC")


def _is_of(user: _User, own: _Answer) -> bool:
    """Whether somebody is of the bot's own workspace, or of one of the same enterprise."""
    if user.team_id and user.team_id == own.team_id:
        return True
    return bool(own.enterprise_id) and user.enterprise_user.enterprise_id == own.enterprise_id


def _word(error: str) -> str:
    """A word of Slack's, such as `expired_trigger_id`; anything longer is not repeated."""
    return error if 0 < len(error) <= 60 and error.replace("_", "").isalnum() else "something else"
