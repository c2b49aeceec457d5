import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.cli.send import send
from tests.support.cli import Answer, Asked, FakeStack, one_command, problem

APP = one_command(send)
EVENTS = "POST /ingest/v1/events"


def an_event(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"e{number}", "type": "usage.recorded", "account": "acme", "data": {"feature": "board"}, **more}


def a_file(tmp_path: Path, *events: Any, packed: bool = False) -> str:
    text = "".join((event if isinstance(event, str) else json.dumps(event)) + "\n" for event in events)
    path = tmp_path / "events.jsonl"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    return str(path)


def taking_all(asked: Asked) -> Answer:
    return Answer({"accepted": len(asked.json()), "refused": []}, 202)


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_is_sent_whole_plain_or_packed(stack: FakeStack, tmp_path: Path, packed: bool) -> None:
    stack.on(EVENTS, taking_all)
    result = stack.run(APP, a_file(tmp_path, *map(an_event, range(2_200)), packed=packed))
    assert result.exit_code == 0, result.output
    assert "2,200 events accepted, 0 refused." in result.output
    # As many as a request may hold.
    assert [len(asked.json()) for asked in stack.asked] == [1_000, 1_000, 200]
    assert stack.asked[0].headers["Authorization"] == "Bearer kw_test"


def test_a_packed_file_that_ends_too_early_is_sent_up_to_there_and_told_of(stack: FakeStack, tmp_path: Path) -> None:
    stack.on(EVENTS, taking_all)
    path = Path(a_file(tmp_path, *map(an_event, range(1_200)), packed=True))
    path.write_bytes(path.read_bytes()[:-12])
    result = stack.run(APP, str(path))
    assert result.exit_code == 1
    assert "1 refused" in result.output
    assert "The packed file is damaged from here on. What came before was sent." in result.output
    assert stack.asked


def test_standard_input_is_a_file_too(stack: FakeStack) -> None:
    stack.on(EVENTS, taking_all)
    result = stack.run(APP, "-", input=gzip.compress(json.dumps(an_event(1)).encode()))
    assert result.exit_code == 0, result.output
    assert "1 event accepted" in result.output


def test_cloudevents_go_as_cloudevents_and_plain_events_as_plain_ones(stack: FakeStack, tmp_path: Path) -> None:
    stack.on(EVENTS, taking_all)
    cloud = {"specversion": "1.0", "id": "c1", "source": "crm", "type": "account.churned", "subject": "acme"}
    stack.run(APP, a_file(tmp_path, an_event(1), cloud, cloud, an_event(2)))
    kinds = [(asked.headers["Content-Type"], len(asked.json())) for asked in stack.asked]
    plain, batch = "application/json", "application/cloudevents-batch+json"
    assert kinds == [(plain, 1), (batch, 2), (plain, 1)]


def test_large_events_make_small_batches(stack: FakeStack, tmp_path: Path) -> None:
    stack.on(EVENTS, taking_all)
    events = [an_event(number, data={"feature": "x" * 60_000}) for number in range(100)]
    stack.run(APP, a_file(tmp_path, *events))
    assert all(len(asked.body) < 4_000_000 for asked in stack.asked)
    assert sum(len(asked.json()) for asked in stack.asked) == 100


def test_what_was_refused_is_told_with_its_line_and_the_reason(stack: FakeStack, tmp_path: Path) -> None:
    def refuse_second(asked: Asked) -> Answer:
        refused = [{"index": 1, "id": "e2", "code": "unknown_type", "message": "There is no type usage.recoded."}]
        return Answer({"accepted": 1, "refused": refused}, 202)

    stack.on(EVENTS, refuse_second)
    result = stack.run(APP, a_file(tmp_path, an_event(1), "", "{broken", an_event(2)))
    assert result.exit_code == 1
    assert "1 event accepted, 2 refused." in result.output
    assert "line 3: This line is no JSON object" in result.output
    assert "line 4 (e2): There is no type usage.recoded." in result.output


def test_what_waits_and_what_was_adjusted_is_told(stack: FakeStack, tmp_path: Path) -> None:
    waiting = [{"index": 1, "id": "e2", "alias": "stripe:cus_1"}]
    changed = {
        "index": 0,
        "id": "e1",
        "field": "time",
        "sent": "x",
        "time": None,
        "message": "time is ahead.",
    }
    stack.on(EVENTS, Answer({"accepted": 2, "refused": [], "waiting": waiting, "adjusted": [changed]}, 202))
    result = stack.run(APP, a_file(tmp_path, an_event(1), an_event(2)))
    assert result.exit_code == 0, result.output
    assert "Of these 1 event waits until somebody sets the alias: stripe:cus_1." in result.output
    assert "line 1 (e1): time is ahead." in result.output


def test_who_sends_the_past_is_told_of_the_option(stack: FakeStack, tmp_path: Path) -> None:
    refused = [{"index": 0, "id": "e1", "code": "too_old", "message": "time is 82 days ago."}]
    stack.on(EVENTS, Answer({"accepted": 0, "refused": refused}, 400))
    assert "`keepwell send --history` takes the past" in stack.run(APP, a_file(tmp_path, an_event(1))).output


def test_a_batch_of_which_nothing_was_taken_does_not_end_the_file(stack: FakeStack, tmp_path: Path) -> None:
    def refuse_first(asked: Asked) -> Answer:
        if asked.json()[0]["id"] != "e0":
            return taking_all(asked)
        refused = [{"index": place, "id": "", "code": "no", "message": "No."} for place in range(len(asked.json()))]
        return Answer({"accepted": 0, "refused": refused, "code": "nothing_taken", "message": "No."}, 400)

    stack.on(EVENTS, refuse_first)
    result = stack.run(APP, a_file(tmp_path, *map(an_event, range(1_100))))
    assert "100 events accepted, 1,000 refused." in result.output
    assert "and 980 more" in result.output


def test_a_busy_stack_is_asked_again_when_it_says(stack: FakeStack, tmp_path: Path) -> None:
    answers = [problem(503, "unconfirmed", "The broker has not confirmed.", retry_after=0)]
    stack.on(EVENTS, lambda asked: answers.pop() if answers else taking_all(asked))
    result = stack.run(APP, a_file(tmp_path, an_event(1)))
    assert result.exit_code == 0, result.output
    assert len(stack.asked) == 2
    assert stack.asked[0].body == stack.asked[1].body


def test_patience_ends(stack: FakeStack, tmp_path: Path) -> None:
    stack.on(EVENTS, problem(503, "unconfirmed", "The broker has not confirmed.", retry_after=5))
    result = stack.run(APP, a_file(tmp_path, an_event(1)), "--patience", "1")
    assert result.exit_code == 1
    assert "The broker has not confirmed." in result.output


def test_history_travels_in_an_import_that_is_ended(stack: FakeStack, tmp_path: Path) -> None:
    stack.on("POST /ingest/v1/imports", Answer({"import_id": "imp_1"}, 201))
    stack.on("POST /ingest/v1/imports/imp_1/end", Answer({}))
    stack.on(EVENTS, taking_all)
    result = stack.run(APP, a_file(tmp_path, an_event(1)), "--history", "--act-on-found")
    assert result.exit_code == 0, result.output
    opened, sent, ended = stack.asked
    assert opened.path == "/ingest/v1/imports"
    assert sent.json() == [an_event(1, history="imp_1")]
    assert ended.json() == {"act_on_found": True}


def test_an_import_that_failed_midway_stays_open(stack: FakeStack, tmp_path: Path) -> None:
    stack.on("POST /ingest/v1/imports", Answer({"import_id": "imp_1"}, 201))
    stack.on(EVENTS, problem(403, "scope", "This key may not send."))
    result = stack.run(APP, a_file(tmp_path, an_event(1)), "--history")
    assert result.exit_code == 1
    assert "imp_1 stays open" in result.output
    assert "This key may not send." in result.output


def test_acting_on_what_is_found_needs_history(stack: FakeStack, tmp_path: Path) -> None:
    assert stack.run(APP, a_file(tmp_path, an_event(1)), "--act-on-found").exit_code == 2


def test_a_missing_file_is_a_matter_of_usage(stack: FakeStack) -> None:
    assert stack.run(APP, "nowhere.jsonl").exit_code == 2


def test_nothing_there_is_said_at_once(tmp_path: Path) -> None:
    nowhere = {"KEEPWELL_URL": "http://127.0.0.1:9", "KEEPWELL_API_KEY": "kw_test"}
    result = CliRunner().invoke(APP, [a_file(tmp_path, "{broken", an_event(1))], env=nowhere)
    assert result.exit_code == 3
    assert "Nothing answers" in result.output
