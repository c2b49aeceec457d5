"""`keepwell up --kafka` with the real services: a second start carries on where the first was."""

from pathlib import Path

import httpx
import pytest

from deploy.cli.down import stop
from deploy.cli.up import start_detached
from deploy.local.kafka import KafkaBroker
from deploy.local.system import any_free
from shared.settings import Settings
from tests.support.fake_stack import eventually
from tests.support.ports import free_ports
from tests.support.stack import KEY

pytestmark = pytest.mark.kafka

EVENTS = [
    {"id": "1", "type": "account.updated", "account": "acme", "data": {"traits": {"name": "Acme", "plan": "pro"}}},
    {"id": "2", "type": "feedback.nps", "account": "acme", "data": {"contact_id": "acme-admin", "score": 2}},
]


def test_a_second_start_on_kafka_carries_on(tmp_path: Path, kafka_broker: KafkaBroker) -> None:
    del kafka_broker  # only asked for so that the test is skipped where there is no Kafka
    broker = f"127.0.0.1:{any_free()}"
    settings = Settings.load(home=tmp_path, port=free_ports(4), broker=broker, database_url=None, admin_key=KEY)
    headers = {"Authorization": f"Bearer {KEY}"}
    tasks = f"http://127.0.0.1:{settings.port_of('playbooks')}/v1/tasks"
    found = []
    said: list[str] = []
    try:
        for _ in range(2):
            start_detached(settings, start_kafka=True, say=said.append)
            answer = httpx.post(f"http://127.0.0.1:{settings.port}/v1/events", json=EVENTS, headers=headers, timeout=15)
            assert (answer.json()["accepted"], answer.json()["refused"]) == (2, [])
            found.append(eventually(lambda: httpx.get(tasks, headers=headers, timeout=15).json()["items"]))
            assert set(stop(tmp_path)) >= {"kafka", "postgres", "ingest", "scoring", "playbooks", "notifier"}
    finally:
        stop(tmp_path)
    assert [[task["id"] for task in each] for each in found] == [[found[0][0]["id"]]] * 2
    assert sum("Kafka" in line for line in said) == 2
