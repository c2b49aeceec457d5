import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from standardwebhooks import Webhook

from examples.listener import serve

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = '{"type": "task.opened"}'


@pytest.fixture
def url() -> Iterator[str]:
    server = serve(SECRET, port=0)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hooks"
    server.shutdown()
    server.server_close()


def signed(body: str) -> dict[str, str]:
    now = datetime.now(UTC)
    signature = Webhook(SECRET).sign("msg_1", now, body)
    return {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}


def test_it_prints_what_is_verified(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert httpx.post(url, content=BODY, headers=signed(BODY), trust_env=False).status_code == 204
    assert capsys.readouterr().out == "{'type': 'task.opened'}\n"


@pytest.mark.parametrize("headers", [{}, signed("{}"), {**signed(BODY), "webhook-signature": "v1,?"}])
def test_what_is_not_ours_is_refused(url: str, headers: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert httpx.post(url, content=BODY, headers=headers, trust_env=False).status_code == 401
    assert not capsys.readouterr().out
