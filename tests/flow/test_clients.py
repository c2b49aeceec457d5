"""The official clients, unmodified: what they send, and that nothing of it is lost when an answer is."""

import json
from collections.abc import Iterator

import pytest

from tests.support.clients import CLIENTS, Client, Sent, available, sending
from tests.support.recorded import path_of, samples_of, shape_of, taken

NAMES = [client.name for client in CLIENTS]


@pytest.fixture(scope="module")
def all_sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Sent]]:
    """All of them at once, each with an answer lost."""
    for client in CLIENTS:
        available(client)
    with sending(CLIENTS, taken, tmp_path_factory.mktemp("clients")) as sent:
        for one in sent:
            one.run.until_middle()
        for one in sent:
            one.gate.lose = 1
            one.run.go_on()
        for one in sent:
            assert one.run.failures() == [], one.run.client.name
        yield {one.run.client.name: one for one in sent}


@pytest.mark.parametrize("client", CLIENTS, ids=NAMES)
def test_what_a_client_sends_is_what_was_recorded_of_it(all_sent: dict[str, Sent], client: Client) -> None:
    sent = all_sent[client.name]
    assert sent.gate.lost == 1
    found = [shape_of(one) for one in samples_of([asked for asked, _ in sent.gate.got], sent.key)]
    assert found == [shape_of(one) for one in json.loads(path_of(client).read_text())]
