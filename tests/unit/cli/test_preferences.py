"""What somebody types to say when, where and of what they hear."""

from typing import Any

import pytest

from deploy.cli.main import app
from tests.support.cli import Answer, Asked, FakeStack

USUAL: dict[str, Any] = {
    "person": "ana@example.com",
    "digest": {"daily": "08:30", "weekly": "mon 08:30"},
    "quiet": None,
    "channel": None,
    "digest_from": "medium",
    "set_at": None,
    "set_by": None,
}


def a_notifier(stack: FakeStack, said: dict[str, Any] = USUAL, person: str = "me") -> None:
    def put(asked: Asked) -> Answer:
        return Answer({**said, **asked.json(), "set_by": "ana@example.com"})

    stack.on(f"GET /notifier/v1/preferences/{person}", Answer(said))
    stack.on(f"PUT /notifier/v1/preferences/{person}", put)


def test_what_is_so_is_shown_and_nothing_is_set(stack: FakeStack) -> None:
    a_notifier(stack)
    result = stack.run(app, "preferences")
    assert result.output.splitlines() == [
        "ana@example.com, as for everybody",
        "day: 08:30",
        "week: mon 08:30",
        "quiet: none",
        "channel: what is set up here",
        "waits: medium and milder, for the digest",
    ]
    assert [one.method for one in stack.asked] == ["GET"]


def test_what_is_given_is_set_and_the_rest_stays(stack: FakeStack) -> None:
    a_notifier(stack, person="ana")
    given = [
        "--daily",
        "09:15",
        "--weekly",
        "never",
        "--quiet",
        "20:00-07:30",
        "--except",
        "high",
        "--channel",
        "email",
    ]
    result = stack.run(app, "preferences", "ana", *given)
    assert stack.asked[-1].json() == {
        "digest": {"daily": "09:15", "weekly": None},
        "quiet": {"from": "20:00", "to": "07:30", "except": "high"},
        "channel": "email",
        "digest_from": "medium",
    }
    assert "quiet: 20:00 to 07:30, but high and worse comes" in result.output
    assert "ana@example.com, set by ana@example.com" in result.output


@pytest.mark.parametrize(
    ("given", "name", "now"),
    [
        (["--quiet", "none"], "quiet", None),
        (["--quiet", "22:00-06:00"], "quiet", {"from": "22:00", "to": "06:00", "except": "high"}),
        (["--except", "critical"], "quiet", {"from": "20:00", "to": "07:30", "except": "critical"}),
        (["--channel", "none"], "channel", None),
        (["--digest-from", "none"], "digest_from", None),
    ],
)
def test_one_thing_is_changed(stack: FakeStack, given: list[str], name: str, now: Any) -> None:
    quiet = {"from": "20:00", "to": "07:30", "except": "high"}
    a_notifier(stack, {**USUAL, "quiet": quiet, "channel": "email"})
    stack.run(app, "preferences", *given)
    assert stack.asked[-1].json()[name] == now


def test_without_quiet_hours_nothing_can_pass_them(stack: FakeStack) -> None:
    a_notifier(stack)
    result = stack.run(app, "preferences", "--except", "high")
    assert result.exit_code == 2
    assert "give --quiet 20:00-07:30, too" in result.output
