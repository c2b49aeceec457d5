"""The official clients, unmodified, through a running stack: what each sends counts once, whatever happens on the way.

Each sends a hundred events. The first answer to uses of its is lost; its second half it sends while the log can't be
written, for five seconds.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from deploy.local.postgres import Postgres
from tests.support.clients import CLIENTS, Client, Sent, available, missing, sending
from tests.support.gates import Asked, passing_to
from tests.support.recorded import path_of, samples_of, shape_of
from tests.support.stack import Stack

AWAY = 5.0
"""Seconds that the log can't be written."""
USES = {"sdk": 94, "people": 97, "uses": 100}
"""How many uses a driver of a kind sends; the rest of its hundred events tell of accounts and people."""
FEATURES = ("Report Exported", "Dashboard Viewed")


@contextmanager
def unwritable(postgres: Postgres, stack: Stack) -> Iterator[None]:
    """Ingest can't write the log meanwhile, and says so at once; all else goes on."""
    database = stack.database_url.rpartition("/")[2]
    postgres.query("REVOKE INSERT ON log.records FROM keepwell_ingest", database=database)
    try:
        yield
    finally:
        postgres.query("GRANT INSERT ON log.records TO keepwell_ingest", database=database)


def a_key(stack: Stack, client: Client) -> str:
    wanted = {"name": client.name, "scopes": ["ingest"]}
    answer = stack.client.post(stack.url("ingest", "/v1/keys"), json=wanted)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["key"])


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., Stack]) -> Iterator[Stack]:
    with make_stack() as stack:
        yield stack


@pytest.fixture(scope="module")
def all_sent(stack: Stack, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sent]:
    """All of them at once. They have ended, and the stack has settled."""
    with httpx.Client(timeout=30, limits=httpx.Limits(max_connections=None)) as http:
        passing = passing_to(stack.url("ingest"), http)
        folder = tmp_path_factory.mktemp("clients")
        here = [client for client in CLIENTS if missing(client) is None]
        with sending(here, passing, folder, lambda client: a_key(stack, client), loses=has_uses) as sent:
            for one in sent:
                one.run.until_middle()
            with unwritable(postgres, stack):
                began = time.monotonic()
                for one in sent:
                    one.run.go_on()
                stack.wait(lambda: all(refused(one) for one in sent), "all are told to wait")
                time.sleep(max(0.0, began + AWAY - time.monotonic()))
            for one in sent:
                assert one.run.failures() == [], one.run.client.name
    stack.settle()
    return {one.run.client.name: one for one in sent}


def has_uses(asked: Asked) -> bool:
    return any(feature.encode() in asked.unpacked for feature in FEATURES)


def refused(sent: Sent) -> list[dict[str, str]]:
    """The headers of the answers that told a client to wait."""
    return [answered.headers for _, answered in sent.gate.got if answered.status == 503]


@pytest.fixture(params=CLIENTS, ids=[client.name for client in CLIENTS])
def sent(all_sent: dict[str, Sent], request: pytest.FixtureRequest) -> Sent:
    available(request.param)
    return all_sent[request.param.name]


def test_what_a_client_sends_is_what_was_recorded_of_it(sent: Sent) -> None:
    found = [shape_of(one) for one in samples_of([asked for asked, _ in sent.gate.got], sent.key)]
    assert found == [shape_of(one) for one in json.loads(path_of(sent.run.client).read_text())]


def test_it_lost_an_answer_and_was_told_how_long_to_wait(sent: Sent) -> None:
    assert sent.gate.lost is not None
    assert {headers["retry-after"] for headers in refused(sent)} == {"2"}


def test_its_uses_count_once_for_the_account_that_each_was_of(sent: Sent, stack: Stack) -> None:
    client = sent.run.client
    expected = Counter((f"{client.name}-{n % 3}", FEATURES[n % 2]) for n in range(USES[client.kind]))
    found = Counter[tuple[str, str]]()
    for n in range(3):
        account = f"{client.name}-{n}"
        for used in stack.items("scoring", f"/v1/accounts/{account}/usage"):
            found[account, used["feature"]] += used["uses"]
        known = stack.get("scoring", f"/v1/accounts/{account}")
        assert known["facts"]["usage.uses"] == sum(count for (of, _), count in expected.items() if of == account)
        assert known["facts"]["usage.active_users"] == 1
    assert found == expected


def test_what_it_tells_of_accounts_and_people_is_known(sent: Sent, stack: Stack) -> None:
    client = sent.run.client
    for n in range(3):
        known: dict[str, Any] = stack.get("scoring", f"/v1/accounts/{client.name}-{n}")
        if client.kind == "sdk":
            assert (known["name"], known["plan"]) == (f"Company {n}", "pro")
        user = f"{client.name}-{n}-user"
        people = {one["id"]: one["traits"] for one in known["contacts"]}
        if client.kind == "uses":
            assert people == {}
        else:
            assert {id: traits["name"] for id, traits in people.items()} == {user: f"User {n}"}
            reached = stack.get("notifier", f"/v1/contacts/{client.name}-{n}/{user}")
            assert reached["email"] == f"{user}@example.com"
