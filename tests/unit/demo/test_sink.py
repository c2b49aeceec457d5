from pathlib import Path
from threading import Event, Thread

import httpx

from deploy.demo.sink import serve, while_it_runs
from deploy.local.record import hold
from deploy.local.system import any_free


def test_it_answers_as_slack_does() -> None:
    port, over = any_free(), Event()
    serving = Thread(target=serve, args=(port, lambda: not over.is_set(), 0.05))
    serving.start()
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=5)) as client:
            url = f"http://127.0.0.1:{port}/chat.postMessage"
            taken = client.post(url, json={"channel": "U0PROONE", "text": "hello"}).json()
            assert taken["ok"] is True
            assert taken["channel"] == "U0PROONE"
            assert client.post(url, content=b"[]").json() == {"ok": False, "error": "invalid_payload"}
    finally:
        over.set()
        serving.join()


def test_it_ends_when_its_stack_does(tmp_path: Path) -> None:
    wanted = while_it_runs(tmp_path)
    assert wanted()
    with hold(tmp_path):
        assert wanted()
        assert wanted()
    assert not wanted()


def test_it_ends_when_its_stack_never_comes(tmp_path: Path) -> None:
    assert not while_it_runs(tmp_path, patience=0)()
