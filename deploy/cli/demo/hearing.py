"""Another system subscribes to what happens, breaks for a moment, and is told again of what it missed.

What is told is what its stand-in took and verified, and the log that the API has of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from rich.console import Console
from rich.text import Text

from deploy.cli import show
from deploy.cli.client import Keepwell
from deploy.cli.demo.outside import Outside
from deploy.cli.demo.playing import Heard, NotHeard, at_rest, until
from deploy.demo.proof import Count, of_webhooks
from shared.words import clean, counted, listed

TYPES: Final = ("task.opened", "task.moved", "task.closed", "health.changed")
_OF_EVENTS: Final = frozenset({"task.opened", "health.changed"})
_WIDEST: Final = max(map(len, TYPES))
_ENDPOINTS: Final = "/v1/endpoints"
_OF_AN_ID: Final = len("msg_") + 8
"""As much of a webhook's id as is shown."""


@dataclass(frozen=True, slots=True)
class System:
    """The other system, with what it subscribed by."""

    keepwell: Keepwell
    outside: Outside
    endpoint: str

    @classmethod
    def subscribe(cls, keepwell: Keepwell, outside: Outside) -> Self:
        """Make its endpoint by the API, and give it the secret."""
        made = keepwell.post("notifier", _ENDPOINTS, {"url": outside.hooks, "name": "crm", "types": TYPES})
        outside.let_it(secret=made["secret"])
        return cls(keepwell, outside, made["id"])

    def breaks(self) -> datetime:
        """Let it answer 500 from now on, once it has all that was told before. Returns when that began."""
        self._until_all_arrived()
        self.outside.let_it(broken=True)
        return show.now()

    def is_mended(self, broken_at: datetime) -> tuple[Sequence[Mapping[str, Any]], int]:
        """Mend it once all that it is told has failed, and replay. Returns what had failed, and how much was sent
        again. Raises `NotHeard`."""
        until(lambda: at_rest(self.keepwell), "The services did not come to rest")
        until(lambda: all(one["attempts"] for one in self._log(broken_at)), "The broken endpoint was not called")
        missed = self._log(broken_at)
        self.outside.let_it(broken=False)
        again = {"since": broken_at.isoformat(), "undelivered_only": True}
        count = int(self.keepwell.post("notifier", f"{self._path}/replay", again)["count"])
        self._until_all_arrived()
        return missed, count

    def tell(self, out: Console, account: str, heard: Heard, missed: Sequence[Mapping[str, Any]], again: int) -> None:
        """What it heard of a story's account as it happened, and what became of what it had missed. Raises `NotHeard`
        where any of all that was told to it is not there, or there twice."""
        log = self._log()
        taken = [one for one in self.outside.webhooks() if one["body"] is not None]
        out.print()
        words = "Another system hears it, and verifies each webhook by Python's standardwebhooks"
        out.print(Text(words, style="bold cyan"))
        for one in taken:
            if (sent := _sent(one["body"], account, heard)) is not None:
                _line(out, one["body"], f"{one['at'] - sent.timestamp():.2f} s after the event")
        out.print("  Then it broke for a moment:")
        for one in reversed(missed):
            call = self.keepwell.get("notifier", f"{self._path}/deliveries/{one['id']}")
            answers = listed([str(attempt["status"]) for attempt in call["attempt_history"]])
            _line(out, call["body"], f"answered {answers} ({call['id'][:_OF_AN_ID]}…)")
        ids = [one["id"] for one in taken]
        there, count = sum(one["id"] in ids for one in missed), of_webhooks((one["id"] for one in log), ids)
        good = bool(missed) and count == Count(0, 0)
        words = f"Mended, and {again} sent again by a replay: {there} of {len(missed)} arrived"
        whole = f"{count.lost or 'none'} lost and {count.twice or 'none'} twice of all {counted(len(log), 'webhook')}"
        words = f"{words}; {whole} in its log"
        show.hang(out, Text("  → "), Text(words, style="bold green" if good else "bold red"))
        if not good:
            raise NotHeard("The other system has not heard all of it, once; its log: keepwell endpoints log")

    @property
    def _path(self) -> str:
        return f"{_ENDPOINTS}/{self.endpoint}"

    def _log(self, since: datetime | None = None) -> list[dict[str, Any]]:
        told = since.isoformat() if since is not None else None
        return list(self.keepwell.items("notifier", f"{self._path}/deliveries", since=told))

    def _until_all_arrived(self) -> None:
        until(lambda: at_rest(self.keepwell), "The services did not come to rest")
        until(lambda: all(one["state"] == "delivered" for one in self._log()), "Not all webhooks arrived")


def _sent(body: Mapping[str, Any], account: str, heard: Heard) -> datetime | None:
    """When the event of a story was sent that this tells of: the last before it. None: it tells of something else."""
    if body["data"]["account"]["id"] != account or body["type"] not in _OF_EVENTS:
        return None
    at = datetime.fromisoformat(body["timestamp"])
    return max((sent for sent in heard.sent if sent <= at), default=None)


def _line(out: Console, body: Mapping[str, Any], how: str) -> None:
    data = body["data"]
    words = Text(f"{how}: ", style="dim")
    if body["type"] == "health.changed":
        moved = show.moved(data["previous_score"], data["score"])
        words.append(f"{clean(data['account']['name'])} ", style="none")
        words.append_text(show.band(data["band"], f"{moved} {data['band']}"))
    else:
        state = "" if body["type"] == "task.opened" else f", {data['state']}"
        words.append(clean(f"{data['title']}{state}"), style="none")
    show.hang(out, Text(f"  {body['type']:{_WIDEST}}  ", style="bold"), words)
