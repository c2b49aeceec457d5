"""Lets things happen to the sample company, and waits, by the services' APIs alone, for what comes of them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import msgspec

from deploy.cli import show
from deploy.cli.client import Keepwell, Refused
from deploy.cli.send import Line, deliver
from deploy.demo.stories import Story
from shared.settings import SERVICES

PATIENCE: Final = 20.0
LOOK_EVERY: Final = 0.05
_A_WHILE: Final = timedelta(minutes=5)


class NotHeard(Exception):
    """What should have happened did not within the patience of a visitor."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a story: all of it as the APIs tell it."""

    account: Mapping[str, Any]
    changes: Sequence[Mapping[str, Any]]
    """Of the score, the newest first."""
    tasks: Sequence[Mapping[str, Any]]
    flags: Sequence[Mapping[str, Any]]
    closed: Sequence[Mapping[str, Any]]
    """Episodes that it ended."""
    messages: Sequence[Mapping[str, Any]]
    people: Mapping[str, Mapping[str, Any]]
    """The CSMs by id."""
    sent: Sequence[datetime]
    """When each of its events was sent, from the first on."""


def send_all(
    keepwell: Keepwell,
    events: Sequence[dict[str, Any]],
    import_id: str | None = None,
    done: Callable[[int], None] = lambda _: None,
) -> str | None:
    """Send events, as history of an import or live; the last ones' token. Raises `Refused` when any is not taken."""
    marked = {} if import_id is None else {"history": import_id}
    lines = (
        Line(number, msgspec.json.encode({**event, **marked}), cloudevent=False)
        for number, event in enumerate(events, start=1)
    )
    outcome = deliver(keepwell, lines, done=done)
    if outcome.refused:
        words = f"{len(outcome.refused)} events of the sample company were refused: {outcome.refused[0].message}"
        raise Refused(400, "refused", words)
    return outcome.token


def play(keepwell: Keepwell, story: Story, now: datetime, run: str) -> Heard:
    """Send a story's events, each when the one before has had its effect, and hear what comes of it."""
    here = f"/v1/accounts/{story.account}"
    began = show.now()

    def is_new(at: str | None) -> bool:
        when = show.instant(at)
        return when is not None and when >= began

    def of_story(service: str, path: str) -> list[dict[str, Any]]:
        listed = keepwell.items(service, path, account=story.account)
        return [one for one in listed if one["playbook"].partition("@")[0] == story.playbook]

    def is_counted(token: str | None) -> bool:
        try:
            return bool(keepwell.get("scoring", here, at_least=token))
        except Refused as error:
            if error.code != "not_yet":
                raise
            return False

    def sent() -> bool:
        found = of_story("notifier", "/v1/deliveries")
        return bool(found) and all(one["state"] == "delivered" or _waits(one) for one in found)

    def ended() -> list[dict[str, Any]]:
        episodes = keepwell.items("playbooks", "/v1/episodes", account=story.account)
        return [one for one in episodes if is_new(one.get("ended_at"))]

    sent_at: list[datetime] = []
    if story.start:
        _start(keepwell, story)
    for number, event in enumerate(story.events(now, run)):
        if story.passes and number == len(story.beats) - 1:
            until(sent, f"Nobody heard of {story.account}")
        sent_at.append(show.now())
        token = send_all(keepwell, [event])
        until(partial(is_counted, token), f"{story.account} was not assessed")
    if story.passes:
        until(lambda: bool(ended()), f"What was wrong at {story.account} did not end")
    until(sent, f"Nobody heard of {story.account}")
    deliveries = of_story("notifier", "/v1/deliveries")
    messages = [keepwell.get("notifier", f"/v1/deliveries/{one['id']}") for one in deliveries]
    changes = keepwell.get("scoring", f"{here}/health/explain")["changes"]
    return Heard(
        account=keepwell.get("scoring", here),
        changes=[change for change in changes if is_new(change["at"]) and change["drivers"]],
        tasks=of_story("playbooks", "/v1/tasks"),
        flags=of_story("playbooks", "/v1/flags"),
        closed=ended(),
        # First what asks somebody to do something.
        messages=sorted(messages, key=lambda one: (not one["message"].get("task"), one["settled_at"] or "")),
        people={one["id"]: one for one in keepwell.get("playbooks", "/v1/people")["items"]},
        sent=sent_at,
    )


def _start(keepwell: Keepwell, story: Story) -> None:
    """Start what the past left, from the list of what was found."""
    for one in keepwell.items("playbooks", "/v1/episodes", account=story.account, state="found"):
        if one["playbook"].partition("@")[0] == story.playbook:
            keepwell.post("playbooks", f"/v1/episodes/{one['id']}/start")


def _waits(delivery: Mapping[str, Any]) -> bool:
    """Whether it is for the next digest: what is not urgent goes at 08:30."""
    due = show.instant(delivery["due_at"])
    return delivery["state"] == "waiting" and due is not None and due > show.now() + _A_WHILE


def until(condition: Callable[[], bool], otherwise: str, patience: float = PATIENCE) -> None:
    """Wait until it is so. Raises `NotHeard`."""
    give_up = time.monotonic() + patience
    while not condition():
        if time.monotonic() > give_up:
            raise NotHeard(f"{otherwise} within {patience:.0f} s. How the services do: keepwell status.")
        time.sleep(LOOK_EVERY)


def at_rest(keepwell: Keepwell) -> bool:
    """Whether everything that was accepted has been read, and what came of it published.

    Two looks, because what one service still does when it is asked reaches the next only after that.
    """
    return _looks_at_rest(keepwell) and _looks_at_rest(keepwell)


def _looks_at_rest(keepwell: Keepwell) -> bool:
    """A service that holds no partition yet knows of no lag; so all that read must hold the same number of them."""
    found = {service: keepwell.get(service, "/v1/status") for service in SERVICES}
    held = {state["held_partitions"] for service, state in found.items() if service != "ingest"}
    put_off = found["scoring"]["details"]
    if len(held) > 1 or 0 in held or put_off["waiting"] or put_off["in_imports"]:
        return False
    return all(state["ready"] and not state["outbox"] and _has_read_all(state) for state in found.values())


def _has_read_all(state: Mapping[str, Any]) -> bool:
    """A lag of null is not known: the service is just taking its partitions."""
    return state["lag"] is not None and not any(state["lag"].values())
