"""`keepwell tail` tells what comes in, a line each, whatever it holds."""

import json
from typing import Any

from deploy.cli.main import app
from tests.support.cli import Answer, Asked, FakeStack, page

RECORD: dict[str, Any] = {
    **{"id": 7, "at": "2026-05-20T09:30:00Z", "key": "web", "source": "segment-prod", "door": "segment"},
    **{"test": False, "mapping": "web@3", "fate": "taken", "code": "", "reason": "", "kind": "track"},
    **{"name": "Report Opened", "sent": "{}", "size": 2, "skipped": 0},
    "understood": [
        {"type": "usage.recorded", "id": "m1", "account": "acme", "alias": None, "user": "u1", "feature": "reports"}
    ],
}


def told(stack: FakeStack, *records: Any, arguments: tuple[str, ...] = ()) -> list[str]:
    """The lines of the last records."""
    stack.on("GET /ingest/v1/recent", page(*records))
    done = stack.run(app, "tail", "--no-follow", *arguments)
    assert done.exit_code == 0, done.output
    return [line.rstrip() for line in done.stdout.splitlines()]


def test_a_line_says_what_was_sent_and_what_it_became(stack: FakeStack) -> None:
    (line,) = told(stack, RECORD)
    assert line[8:] == "  web           track Report Opened → usage.recorded reports of acme, user u1"


def test_an_event_of_ours_is_said_once(stack: FakeStack) -> None:
    (line,) = told(stack, {**RECORD, "kind": "usage.recorded", "name": ""})
    assert line[8:] == "  web           usage.recorded reports of acme, user u1"


def test_why_not_stands_beneath(stack: FakeStack) -> None:
    more: list[dict[str, Any]] = [
        {"fate": "waiting", "reason": "nobody has said which account 'user:u1' is"},
        {"fate": "dropped", "reason": "dropped by web@3: drop 'Heartbeat*'", "understood": []},
        {"fate": "refused", "reason": "data.score must be at most 10.", "test": True, "skipped": 1900},
    ]
    lines = told(stack, *({**RECORD, **one} for one in reversed(more)))
    assert lines[0].endswith("  waiting")
    assert lines[1].strip() == "waits: nobody has said which account 'user:u1' is"
    assert lines[2].endswith("track Report Opened → nothing  dropped")
    assert lines[3].strip() == "dropped by web@3: drop 'Heartbeat*'"
    assert lines[4].strip() == "… 1,900 more of web"
    assert lines[5].endswith("  refused  test: counts nowhere")
    assert lines[6].strip() == "refused: data.score must be at most 10."


def test_what_others_wrote_does_nothing_to_a_terminal(stack: FakeStack) -> None:
    evil = "Re\x1b]0;owned\x07port\x1b[2J\r\n"
    understood = [{**RECORD["understood"][0], "user": evil}]
    (line,) = told(stack, {**RECORD, "name": evil, "key": evil, "understood": understood})
    assert line[8:] == "  Report        track Report → usage.recorded reports of acme, user Report"
    assert not any(ord(letter) < 32 for letter in line)
    lines = told(stack, {**RECORD, "name": evil}, arguments=("--json",))
    assert json.loads(lines[0])["name"] == evil
    assert not any(ord(letter) < 32 for letter in lines[0])


def test_what_is_asked_for_is_asked_for(stack: FakeStack) -> None:
    told(stack, arguments=("--key", "web", "--account", "acme", "--refused", "--test", "--last", "5"))
    assert stack.asked[-1].query == {
        **{"key": "web", "account": "acme", "fate": "refused", "test": "true", "live": "false", "limit": "5"}
    }


def test_it_goes_on_live_behind_the_last(stack: FakeStack) -> None:
    assessed = {
        **{"account": "acme", "at": "2026-05-20T09:30:01Z", "before": 74.0, "score": 52.4, "band_before": "green"},
        **{"band": "amber", "cause": "event", "source": "web", "id": "m1", "type": "feedback.nps"},
        "moved": [{"name": "feedback.nps", "points": -21.6, "reason": "a detractor"}],
    }
    still = {**assessed, "before": 52.4, "moved": [], "cause": "usage", "id": None}
    stream = [
        ("record", {**RECORD, "id": 8}),
        ("assessed", assessed),
        ("assessed", still),
        ("assessed", {**still, "before": None, "score": None, "band": "unknown", "cause": "time"}),
        ("left_out", {"records": 3}),
    ]

    def answer(asked: Asked) -> Answer:
        if asked.headers.get("Accept") != "text/event-stream":
            return page(RECORD)
        if asked.headers["Last-Event-ID"] != "7":
            return Answer({"code": "busy", "message": "Many are listening already."}, 503)
        lines = [f"event: {event}\ndata: {json.dumps(data)}\nid: 8\n\n" for event, data in stream]
        return Answer((": ping\n\n" + "".join(lines)).encode(), headers={"Content-Type": "text/event-stream"})

    stack.on("GET /ingest/v1/recent", answer)
    done = stack.run(app, "tail")
    assert done.exit_code == 1
    assert "Many are listening already." in done.stderr
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines[2:] == [
        "acme: 74 → 52 amber, feedback.nps −22 (a detractor); by m1",
        "acme: 52 amber, nothing moved; by uses of this account",
        "acme: no score yet, nothing moved",
        "… 3 records more came than could be shown",
    ]
    assert stack.asked[-1].headers["Last-Event-ID"] == "8"


def test_where_nothing_came_it_says_what_to_do(stack: FakeStack) -> None:
    stack.on("GET /ingest/v1/recent", page())
    done = stack.run(app, "tail", "--no-follow")
    assert "Nothing came in lately." in done.stderr
    done = stack.run(app, "tail", "--no-follow", "--key", "nobody")
    assert "Nothing that came in lately fits what was asked for." in done.stderr
