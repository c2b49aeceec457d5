"""Two people do their work where they read of it: one in Slack alone, the other in mail alone.

What is told is what Slack and the browser were shown, and the task as the API has it.
"""

import html
import json
import re
import time
from collections.abc import Mapping
from typing import Any, Final

import httpx
from rich.console import Console
from rich.text import Text

from deploy.cli import show
from deploy.cli.client import Keepwell
from deploy.cli.demo.outside import Outside
from deploy.cli.demo.playing import Heard, NotHeard, at_rest, until
from deploy.cli.demo.telling import quote
from deploy.demo import clicks, letter_view, slack_view
from deploy.demo.stories import Story
from shared.words import clean, listed

_TITLE: Final = re.compile(r"<title>(.*?)</title>", re.DOTALL)
_SENTENCE: Final = re.compile(r"<p(?: class=\"quiet\")?>(.*?)</p>", re.DOTALL)
_HIDDEN: Final = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')
_WIDEST: Final = len("[Take it]")
_SHOWN: Final = 2
"""Lines of a changed message: its title, and what became of it."""


def act(out: Console, keepwell: Keepwell, outside: Outside, story: Story, heard: Heard) -> None:
    """Whoever a story's first message went to takes the task and closes it, from there alone. Raises `NotHeard`."""
    message = heard.messages[0]
    reader = _Reader(out, keepwell, outside, heard, story.note)
    who, account = clean(heard.people[message["recipient"]]["name"]), clean(heard.account["name"])
    out.print()
    if (posted := outside.posted(message)) is not None:
        out.print(Text(f"From Slack alone: {who} presses the buttons of their message on {account}", style="bold cyan"))
        reader.press(posted)
    elif (letter := outside.letter(message)) is not None:
        out.print(Text(f"From mail alone: {who} follows the links of their letter on {account}", style="bold cyan"))
        reader.follow(letter_view.links(letter))
    else:
        raise NotHeard(f"Neither Slack nor the mail server got the message on {account}")


class _Reader:
    """Somebody who reads, and acts on it there."""

    def __init__(self, out: Console, keepwell: Keepwell, outside: Outside, heard: Heard, note: str) -> None:
        self._out, self._keepwell, self._outside = out, keepwell, outside
        self._heard, self._note = heard, note
        self._ingest = keepwell.settings.address("ingest")

    def press(self, posted: Mapping[str, Any]) -> None:
        """Take it by a button, close it by another and its form; Slack's message changes each time."""
        user = posted["body"]["channel"]
        began = self._to_slack(clicks.pressed(posted["body"], "take", user, "1.take", self._outside.response_url))
        taken = self._changed(posted, began)
        self._tell("[Take it]", f"the message changed {taken['at'] - began:.2f} s after the click:")
        self._show(taken)
        asked = self._to_slack(clicks.pressed(taken["body"], "done", user, "2.done", self._outside.response_url))
        opened = self._outside.call("views.open", "No form opened", asked, trigger_id="2.done")
        view = json.loads(opened["body"]["view"])
        labels = listed([f"“{clean(block['label']['text'])}”" for block in view["blocks"] if block["type"] == "input"])
        form = clicks.submitted(view, opened["answer"]["view"]["id"], user, outcome="done", note=self._note)
        began = self._to_slack(form)
        done = self._changed(posted, began)
        seconds = done["at"] - began
        self._tell("[Done …]", f"a form asks for {labels}; the message changed {seconds:.2f} s after it was sent:")
        self._show(done)
        # What was said counts as a contact, which scoring reads.
        until(lambda: at_rest(self._keepwell), "The services did not come to rest")
        before, now = self._heard.account, self._keepwell.get("scoring", f"/v1/accounts/{self._heard.account['id']}")
        score = show.band(now["band"], f"{show.moved(before['score'], now['score'])} {now['band']}")
        task = self._task("done")
        show.hang(self._out, Text("  → "), Text(f"{self._whose(task)}; {clean(now['name'])} ").append_text(score))

    def follow(self, links: Mapping[str, str]) -> None:
        """Take it by a link, close it by another; the same once more is refused."""
        with httpx.Client(trust_env=False) as browser:
            for label, state, said in (
                ("Take it", "taken", {}),
                ("Done", "done", {"outcome": "done", "note": self._note}),
            ):
                page = _page(browser.get(links[label]))
                form = {**dict(_HIDDEN.findall(page)), **said}
                answer = _page(browser.post(links[label], data=form))
                words = f"the page “{_text(_TITLE, page)}”, and after its button “{_text(_SENTENCE, answer)}”"
                self._tell(label, words)
                task = self._task(state)
                note = f", “{task['note']}”" if task["note"] else ""
                show.hang(self._out, Text("  → "), show.text(f"{self._whose(task)}{note}"))
            again = browser.post(links["Done"], data=form)
        self._tell("Done", f"once more: {again.status_code}, “{_text(_SENTENCE, again.text)}”")

    def _to_slack(self, payload: Mapping[str, Any]) -> float:
        """Let Slack tell ingest; when that began."""
        body, headers = clicks.signed(payload, self._outside.signing_secret)
        began = time.time()
        answer = httpx.post(f"{self._ingest}/v1/webhooks/slack", content=body, headers=headers, trust_env=False)
        if answer.status_code != 200 or answer.content:
            raise NotHeard(f"What Slack told was answered {answer.status_code}: {clean(answer.text, 200)}")
        return began

    def _changed(self, posted: Mapping[str, Any], since: float) -> Mapping[str, Any]:
        place = {"channel": posted["answer"]["channel"], "ts": posted["answer"]["ts"]}
        return self._outside.call("chat.update", "The message did not change", since, **place)

    def _tell(self, pressed: str, words: str) -> None:
        show.hang(self._out, Text(f"  {pressed:{_WIDEST}}  ", style="bold"), show.text(words))

    def _show(self, changed: Mapping[str, Any]) -> None:
        quote(self._out, list(slack_view.lines(changed["body"]["blocks"]))[:_SHOWN])

    def _task(self, state: str) -> dict[str, Any]:
        """The task, as soon as it is so."""
        path = f"/v1/tasks/{self._heard.tasks[0]['id']}"
        until(lambda: self._keepwell.get("playbooks", path)["state"] == state, f"The task was not {state}")
        task: dict[str, Any] = self._keepwell.get("playbooks", path)
        return task

    def _whose(self, task: Mapping[str, Any]) -> str:
        by = task["closed_by"] or task["taken_by"]
        return clean(f"task {task['state']} by {self._heard.people.get(by, {}).get('name', by)}")


def _page(answer: httpx.Response) -> str:
    """A page that was shown. Raises `NotHeard` without the address, which is a secret."""
    if not answer.is_success:
        raise NotHeard(f"A link of the letter was answered {answer.status_code}: {_text(_SENTENCE, answer.text)}")
    return answer.text


def _text(what: re.Pattern[str], page: str) -> str:
    """The first of it in a page, as a browser shows it."""
    found = what.search(page)
    return clean(html.unescape(found[1])) if found is not None else ""
