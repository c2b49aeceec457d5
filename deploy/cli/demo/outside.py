"""What stands for Slack, the mail server and another system: started for the demo, and asked what reached it."""

import secrets
import subprocess
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

import httpx

from deploy.cli.demo.playing import NotHeard, until
from deploy.demo import letter_view
from deploy.demo.sink import HOOKS, SEEN
from deploy.local.system import any_free
from shared.settings import Settings

SENDER: Final = "keepwell@example.com"
_DELIVERY: Final = "X-Keepwell-Delivery"


@dataclass(frozen=True, slots=True)
class Outside:
    """All of a run, by their ports, with secrets of this run alone."""

    slack: int = field(default_factory=any_free)
    mail: int = field(default_factory=any_free)
    signing_secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    bot_token: str = field(default_factory=lambda: f"xoxb-{secrets.token_hex(16)}", repr=False)

    def start(self, home: Path) -> None:
        """Start them: they outlive this command, as the stack does, and end by themselves after the stack."""
        subprocess.Popen(
            [sys.executable, "-m", "deploy.demo.sink", str(self.slack), str(self.mail), str(home)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ).returncode = 0

    def lead(self, environment: MutableMapping[str, str], settings: Settings) -> None:
        """Lead the services to them, and what comes back to ingest, by the variables of an environment."""
        own = {
            "KEEPWELL_SLACK_API_URL": self._at("/api"),
            "KEEPWELL_SLACK_BOT_TOKEN": self.bot_token,
            "KEEPWELL_SLACK_SIGNING_SECRET": self.signing_secret,
            "KEEPWELL_SMTP_URL": f"smtp://127.0.0.1:{self.mail}?from={SENDER}",
            "KEEPWELL_PUBLIC_URL": f"http://127.0.0.1:{settings.port_of('ingest')}",
            "KEEPWELL_DEFAULT_CHANNEL": "slack:@owner",
            # The other system is on this machine.
            "KEEPWELL_WEBHOOK_NETWORKS": "127.0.0.0/8",
        }
        for name in own:
            # A secret of the real installation that a file holds.
            environment.pop(f"{name}_FILE", None)
        environment.update(own)

    @property
    def response_url(self) -> str:
        """Where Slack takes words for whoever clicked."""
        return self._at("/said")

    def call(self, method: str, otherwise: str, since: float = 0, **body: str) -> Mapping[str, Any]:
        """The first call of a method of Slack's with these arguments, when it has come. Raises `NotHeard`."""
        found: list[Mapping[str, Any]] = []

        def came() -> bool:
            found.extend(
                one
                for one in self._seen()["slack"]
                if one["method"] == method and one["at"] >= since and body.items() <= one["body"].items()
            )
            return bool(found)

        until(came, otherwise)
        return found[0]

    def posted(self, delivery: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The call that posted a delivery's message, if Slack had it."""
        for one in self._seen()["slack"]:
            about = one["body"].get("metadata", {}).get("event_payload", {})
            if one["method"] == "chat.postMessage" and about.get("delivery_id") == delivery["message_id"]:
                return dict(one)
        return None

    def letter(self, delivery: Mapping[str, Any]) -> EmailMessage | None:
        """A delivery's letter, if the mail server had it."""
        letters = (letter_view.read(one["letter"]) for one in self._seen()["mail"])
        return next((letter for letter in letters if letter[_DELIVERY] == delivery["message_id"]), None)

    @property
    def hooks(self) -> str:
        """Where the other system takes webhooks."""
        return self._at(HOOKS)

    def let_it(self, **be: str | bool) -> None:
        """Give the other system the `secret` of its endpoint, or let it be `broken` or not."""
        self._ask("PUT", HOOKS, json=be)

    def webhooks(self) -> Sequence[Mapping[str, Any]]:
        """What came to the other system, each with how it was answered, from the oldest on."""
        came: Sequence[Mapping[str, Any]] = self._seen()["webhooks"]
        return came

    def _seen(self) -> dict[str, Any]:
        return self._ask("GET", SEEN)

    def _ask(self, method: str, path: str, **sent: Any) -> dict[str, Any]:
        try:
            said: dict[str, Any] = httpx.request(method, self._at(path), trust_env=False, **sent).json()
        except httpx.HTTPError as error:
            raise NotHeard(f"What stands for Slack and the mail server does not answer ({error})") from error
        return said

    def _at(self, path: str) -> str:
        return f"http://127.0.0.1:{self.slack}{path}"
