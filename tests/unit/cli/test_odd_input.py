"""F10, F11: whatever is typed, set or answered, a command ends in an answer or a sentence, and writes nothing raw."""

import json
import math
import os
import subprocess
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from deploy.cli.main import app
from tests.support.cli import Answer, Asked, FakeStack, invoked, page, problem

HTML = b"<html>\x1b[31mWelcome</html>"
HOSTILE = "\x1b[31mNorth\x1b]0;owned\x07wind\u202e\r\n[bold]x[/nope]\x9b2J"
ODD = ["x\\[/nope]", "[/]", ".", "..", "", "a/b", "a/../b", "%2e%2e", "ä?#&%", "\udcff", "x" * 200_000, "-1", "💥"]
ODD_IDS = ["id-" + odd + "x" * 32 for odd in ODD if len(odd) < 100] + [".", "..", "", "[/]", "\udcff"]

COMMANDS: list[list[str]] = [
    ["why", "--", "{}"],
    ["accounts", "--find={}"],
    ["accounts", "--owner={}", "--json"],
    ["tasks", "--account={}"],
    ["tasks", "done", "--note={}", "--", "t" * 32],
    ["tasks", "done", "--", "{}"],
    ["tasks", "reassign", "--", "t" * 32, "{}"],
    ["alerts", "snooze", "--until={}", "--", "{}"],
    ["flags", "won", "--amount={}", "--currency=EUR", "--", "f" * 32],
    ["flags", "won", "--amount=1", "--currency={}", "--", "f" * 32],
    ["found", "start", "--", "{}"],
    ["deliveries", "show", "--", "{}"],
    ["deliveries", "--channel={}"],
    ["keys", "create", "--scope={}", "--", "{}"],
    ["keys", "revoke", "--", "{}"],
    ["fingerprint", "--at={}"],
    ["send", "--", "{}"],
    ["send", "--patience={}", "--", "nowhere"],
    ["accounts", "--limit={}"],
    ["why", "--changes={}", "northwind"],
]


def is_a_sentence(result: Result) -> bool:
    """No traceback, and a code that a command gives by itself."""
    known = result.exception is None or isinstance(result.exception, SystemExit)
    return known and result.exit_code in {0, 1, 2, 3} and "Traceback" not in result.output


def is_clean(text: str) -> bool:
    return not any(unicodedata.category(letter) in {"Cc", "Cf", "Cs"} for letter in text.replace("\n", ""))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_odd_arguments_end_in_a_sentence(stack: FakeStack, command: list[str]) -> None:
    for odd in ODD:
        result = stack.run(app, *(part.replace("{}", odd) for part in command))
        assert is_a_sentence(result), (odd, result.exception, result.output)
        assert result.output


@pytest.mark.parametrize("odd", ODD_IDS)
def test_an_id_is_one_segment_of_the_path_whatever_it_holds(stack: FakeStack, odd: str) -> None:
    for command in (["why"], ["tasks", "done"], ["keys", "revoke"], ["deliveries", "show"], ["found", "start"]):
        result = stack.run(app, *command, "--", odd)
        assert is_a_sentence(result)
        assert result.exit_code == 1
    known = {
        "accounts",
        "tasks",
        "keys",
        "deliveries",
        "episodes",
        "",
        "scoring",
        "playbooks",
        "ingest",
        "notifier",
        "v1",
    }
    for asked in stack.asked:
        parts = set(asked.path.split("/")) - known - {"done", "start"}
        assert len(parts) <= 1, asked.path
        assert not parts & {".", ".."}


def test_an_id_with_signs_of_a_url_arrives_as_it_is(stack: FakeStack) -> None:
    stack.on("DELETE /ingest/v1/keys/a%2Fb%3Fc%23%25", Answer(None, 204))
    assert stack.run(app, "keys", "revoke", "a/b?c#%").output == "a/b?c#% is revoked.\n"


@pytest.mark.parametrize("key", ["schlüssel", "a\nb", "a b", "\udcff", "\x1b"])
def test_a_key_that_can_be_none_is_said_to_be_none(stack: FakeStack, key: str) -> None:
    result = invoked(app, ["accounts"], {**stack.environment, "KEEPWELL_API_KEY": key})
    assert is_a_sentence(result)
    assert result.exit_code == 2
    assert "KEEPWELL_API_KEY" in result.output
    assert not stack.asked


@pytest.mark.parametrize(
    "url",
    [
        *(
            "nowhere",
            "ftp://x",
            "http://",
            "http://[",
            "http://x:port",
            "http://x:99999",
            "http://x:65534",
            "localhost:1",
        ),
        *(
            "http://{service",
            "http://ex ample",
            "http://\x1b",
            "http://\udcff",
            "http://-\u202e.example",
            "://",
            "{service}",
        ),
    ],
)
def test_a_bad_address_is_named(url: str) -> None:
    result = invoked(app, ["accounts"], {"KEEPWELL_URL": url, "KEEPWELL_API_KEY": "kw_test"})
    assert is_a_sentence(result), result.exception
    assert result.exit_code in {2, 3}
    assert "KEEPWELL_URL" in result.output
    assert is_clean(result.output)


ANSWERS: list[Any] = [
    *([], {}, None, "text", 7, [1], {"items": None}, {"items": [1]}, {"items": [{}]}, {"items": {}}),
    *(
        {
            "items": [
                {"id": "x" * 32, "band": "red", "score": math.inf, "seconds": 10**400, "attempts": 1, "channel": ""}
            ]
        },
        json.loads('{"items": [' + "[" * 900 + "]" * 901 + "}"),
    ),
    *({"items": [{"id": 1}]}, {"items": [], "next_cursor": 5}, {"id": "x"}, {"id": None, "changes": [None]}),
]


@pytest.mark.parametrize(
    "command",
    [
        *(["accounts"], ["why", "x"], ["tasks"], ["alerts"], ["flags"], ["found"], ["deliveries"], ["keys", "list"]),
        *(
            ["status"],
            ["fingerprint"],
            ["keys", "list", "--json"],
            ["tasks", "done", "x"],
            ["deliveries", "show", "x" * 32],
        ),
        *(["keys", "create", "n", "--scope", "read"], ["send", "-"], ["send", "--history", "-"]),
    ],
    ids=" ".join,
)
def test_an_answer_of_another_shape_ends_in_a_sentence(stack: FakeStack, command: list[str]) -> None:
    def same(asked: Asked) -> Answer:
        stack.asked.append(asked)
        return Answer(answer)

    stack.answer = same  # type: ignore[method-assign]
    for answer in ANSWERS:
        stack.asked.clear()
        result = stack.run(app, *command, input=b'{"id":"1"}\n')
        assert is_a_sentence(result), (answer, result.exception, result.output)
        assert len(stack.asked) < 10


@pytest.mark.parametrize("status", [200, 302, 404, 500])
def test_a_server_that_answers_html_is_no_keepwell(stack: FakeStack, status: int) -> None:
    stack.answer = lambda asked: Answer(HTML, status, {"Location": "/login"})  # type: ignore[method-assign]
    for command in (["accounts"], ["why", "x"], ["status"], ["keys", "revoke", "x"]):
        result = stack.run(app, *command)
        assert is_a_sentence(result), result.exception
        assert result.exit_code in {1, 3}


def account(**other: Any) -> dict[str, Any]:
    said = dict.fromkeys(("id", "name", "plan", "reason", "band"), HOSTILE)
    return {
        **said,
        "mrr_minor": 1,
        "currency": HOSTILE,
        "renews_at": None,
        "score": 1.0,
        "previous_score": 2.0,
        **other,
    }


def item(**other: Any) -> dict[str, Any]:
    names = ("account", "account_name", "assignee_name", "severity", "state", "title", "kind", "playbook", "channel")
    more = ("because", "reason", "playbook_title", "name", "source", "csm")
    at = {"opened_at": "2026-05-17T12:00:00Z", "due_at": None, "created_at": None, "began_at": "2026-05-17T12:00:00Z"}
    sent = {
        "attempts": 2,
        "uncertain": 0,
        "scopes": [HOSTILE],
        "amount_minor": 100,
        "currency": HOSTILE,
        "id": "x" * 32,
    }
    readings = {"why": [HOSTILE], "rendered": {"text": f"  one\n{HOSTILE}\n  two"}}
    history = {"attempt_history": [{"attempt": HOSTILE, "outcome": HOSTILE, "reason": HOSTILE, **at}]}
    return {**dict.fromkeys((*names, *more), HOSTILE), **at, **sent, **readings, **history, **other}


def explained() -> dict[str, Any]:
    driver = {"name": HOSTILE, "points": -1.0, "reason": HOSTILE}
    change = {"at": "2026-05-17T12:00:00Z", "from": 2.0, "to": 1.0, "band": HOSTILE, "drivers": [driver]}
    measure = {"name": HOSTILE, "weight": 5, "points": 1.0, "words": HOSTILE}
    caps = [{"at_most": 59.0, "while": HOSTILE}]
    head = {"score": 1.0, "band": HOSTILE, "coverage": 9.0, "scorecard": HOSTILE, "caps": caps}
    return {**head, "measures": [measure], "changes": [change]}


@pytest.mark.parametrize(
    "command",
    [
        *(["accounts"], ["why", "x"], ["tasks"], ["alerts"], ["flags"], ["found"], ["deliveries"], ["keys", "list"]),
        *(["deliveries", "show", "x" * 32], ["keys", "create", "n", "--scope", "read"], ["fingerprint"]),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("columns", ["40", "200"])
def test_nothing_that_others_wrote_reaches_a_terminal_raw(stack: FakeStack, command: list[str], columns: str) -> None:
    def answer(asked: Any) -> Answer:
        if asked.path.endswith("explain"):
            return Answer(explained())
        if asked.path.startswith("/scoring/v1/accounts/"):
            return Answer(account())
        if asked.path.endswith("fingerprint"):
            return Answer({"fingerprint": HOSTILE, "accounts": 1, "at": HOSTILE, "contacts": 1})
        if asked.path.startswith("/notifier/v1/deliveries/"):
            return Answer(item())
        if asked.method == "POST":
            return Answer({"key": HOSTILE})
        listed = account() if "accounts" in asked.path else item()
        return page(listed, mrr_by_band=[])

    stack.answer = answer  # type: ignore[method-assign]
    result = invoked(app, command, {**stack.environment, "COLUMNS": columns})
    assert result.exit_code == 0, (result.output, result.exception)
    assert is_clean(result.output)
    assert "Northwind" in result.output or columns == "40"
    assert "[bold]" in result.output or columns == "40", "what looks like markup is text"


@pytest.mark.parametrize("command", [["accounts", "--json"], ["tasks", "--json"]], ids=" ".join)
def test_json_is_whole_and_yet_harmless(stack: FakeStack, command: list[str]) -> None:
    given = {"id": HOSTILE + "\x7f\udcff\U000e0041 é 日 🔥"}
    stack.answer = lambda asked: page({**item(), **given})  # type: ignore[method-assign]
    result = stack.run(app, *command)
    assert is_clean(result.output)
    assert "é 日 🔥" in result.output
    assert json.loads(result.stdout)[0]["id"] == given["id"]


def test_an_errors_words_are_cleaned_too(stack: FakeStack) -> None:
    stack.answer = lambda asked: problem(409, "no", HOSTILE)  # type: ignore[method-assign]
    for command in (["accounts"], ["why", "x"], ["tasks", "done", "t" * 32], ["keys", "revoke", "x"]):
        result = stack.run(app, *command)
        assert result.exit_code == 1
        assert "Refused: Northwind [bold]x[/nope]" in result.output
        assert is_clean(result.output)


def typed(stack: FakeStack, *words: bytes | str, shell: str = "", **environment: str) -> tuple[int, bytes, bytes]:
    """A command as a shell runs it."""
    given = {name: value for name, value in os.environ.items() if not name.startswith(("KEEPWELL_", "PYTHON", "LC_"))}
    command: Sequence[bytes | str] = [sys.executable, "-c", "from deploy.cli.main import app; app()", *words]
    if shell:
        command = ["bash", "-c", f'"$@" {shell}', "bash", *command]
    environment = {**given, **stack.environment, **environment}
    done = subprocess.run(command, env=environment, capture_output=True, check=False, cwd=Path(__file__).parents[3])
    return done.returncode, done.stdout, done.stderr


def test_a_terminal_that_is_not_utf_8_gets_question_marks(stack: FakeStack) -> None:
    stack.on("GET /scoring/v1/accounts", page(account(name="Žluť 🔥", currency="EUR", band="red"), mrr_by_band=[]))
    for encoding in ("ascii", "latin-1", "cp1252"):
        code, out, err = typed(stack, "accounts", PYTHONIOENCODING=encoding)
        assert code == 0, err
        assert b"lu" in out


def test_bytes_that_are_no_text_end_in_a_sentence(stack: FakeStack) -> None:
    code, _, err = typed(stack, "why", b"\xff")
    assert (code, err) == (1, b"Refused: \xe2\x80\x9c\xef\xbf\xbd\xe2\x80\x9d is no id: it is not valid UTF-8.\n")
    code, _, err = typed(stack, b"\xff\x1b")
    assert code == 2
    assert b"Traceback" not in err


@pytest.mark.parametrize(
    ("shell", "codes"),
    [
        ("| head -c 1 >/dev/null; exit ${PIPESTATUS[0]}", {0, 1}),
        (">&-", {0, 1}),
        ("2>&- >&-", {0, 1}),
        (">/dev/full", {1}),
        ("<&-", {0}),
    ],
)
def test_an_output_that_ends_is_no_traceback(stack: FakeStack, shell: str, codes: set[int]) -> None:
    many = [account(id=f"a{number}") for number in range(200)]
    stack.on("GET /scoring/v1/accounts", page(*many, mrr_by_band=[]))
    for words in (["accounts"], ["accounts", "--json"]):
        code, _, err = typed(stack, *words, shell=shell, COLUMNS="500")
        assert code in codes, err
        assert b"Traceback" not in err
        assert b"Exception ignored" not in err


def test_standard_input_that_is_closed_is_said_to_be(stack: FakeStack) -> None:
    code, _, err = typed(stack, "send", "-", shell="<&-")
    assert code == 2
    assert b"can't be read" in err


def test_a_pipe_by_name_can_be_sent(stack: FakeStack) -> None:
    stack.on("POST /ingest/v1/events", Answer({"accepted": 1, "refused": []}, 202))
    code, out, err = typed(stack, "send", "/dev/fd/9", shell='9< <(echo \'{"id":"1"}\')')
    assert (code, out) == (0, b"1 event accepted, 0 refused.\n"), err


@pytest.mark.parametrize("line", [b"\xff", b'{"\xff":1}', b'{"a":' + b"[" * 100_000, b'{"a":1', b"[]", b"\x1b[31m"])
def test_a_line_that_is_no_event_is_told_of(stack: FakeStack, line: bytes) -> None:
    result = stack.run(app, "send", "-", input=line + b"\n")
    assert result.exit_code == 1
    assert "line 1: This line is no JSON object" in result.output
    assert is_clean(result.output)
