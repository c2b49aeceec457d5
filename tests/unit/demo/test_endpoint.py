import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from deploy.demo.endpoint import Endpoint

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
BODY = {"type": "task.opened", "timestamp": "2026-05-13T14:30:00Z", "data": {"id": "tsk-1"}}


def signed(raw: bytes, secret: str = SECRET) -> dict[str, str]:
    now = datetime.now(UTC)
    signature = Webhook(secret).sign("msg_1", now, raw.decode())
    return {"Webhook-Id": "msg_1", "Webhook-Timestamp": str(int(now.timestamp())), "Webhook-Signature": signature}


def taken(endpoint: Endpoint, headers: dict[str, str], raw: bytes) -> tuple[int, Any]:
    status = endpoint.take(headers, raw)
    last = endpoint.came()[-1]
    assert last["status"] == status
    return status, last["body"]


def test_it_takes_what_is_verified_and_fails_while_it_is_broken() -> None:
    endpoint, raw = Endpoint(), json.dumps(BODY).encode()
    endpoint.be({"secret": SECRET})
    endpoint.be({"broken": True})
    assert taken(endpoint, signed(raw), raw) == (500, None)
    endpoint.be({"broken": False})
    assert taken(endpoint, signed(raw), raw) == (204, BODY)
    assert [one["id"] for one in endpoint.came()] == ["msg_1", "msg_1"]


def test_what_is_not_verified_is_not_taken() -> None:
    endpoint, raw = Endpoint(), json.dumps(BODY).encode()
    assert taken(endpoint, signed(raw), raw) == (401, None), "it has no secret yet"
    endpoint.be({"secret": SECRET})
    another = "whsec_" + base64.b64encode(b"t" * 32).decode()
    assert taken(endpoint, signed(raw, another), raw) == (401, None)
    assert taken(endpoint, signed(raw), raw + b" ") == (401, None)
    assert taken(endpoint, {}, raw) == (401, None)
    assert taken(endpoint, {**signed(raw), "Webhook-Signature": "v1,?"}, raw) == (401, None)


@pytest.mark.parametrize("raw", [b"{", b"no JSON"])
def test_what_is_no_json_is_not_taken(raw: bytes) -> None:
    endpoint = Endpoint()
    endpoint.be({"secret": SECRET})
    assert taken(endpoint, signed(raw), raw) == (401, None)
