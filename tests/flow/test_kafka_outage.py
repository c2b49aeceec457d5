"""The broker is killed under the running services: ingest says so, and all of it resumes by itself."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from deploy.local.kafka import KafkaBroker
from tests.support.company import AT, a_month_of_a_company, send
from tests.support.kafka import a_broker
from tests.support.stack import SERVICES, Stack

pytestmark = pytest.mark.kafka


def ready(stack: Stack) -> list[int]:
    """How each service answers `/readyz`."""
    return [stack.client.get(stack.url(service, "/readyz")).status_code for service in SERVICES]


@pytest.fixture(scope="module")
def mortal_broker(kafka_broker: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """One that is killed: what others have left in the session's would take it a minute to look through."""
    del kafka_broker  # It says what to do where there is no Kafka.
    with a_broker(tmp_path_factory.mktemp("mortal-kafka")) as broker:
        yield broker


def test_while_the_broker_is_gone_ingest_asks_to_wait_and_nothing_accepted_is_lost(
    make_stack: Callable[..., Stack], mortal_broker: KafkaBroker, told_once: str
) -> None:
    events = a_month_of_a_company()
    half = len(events) // 2
    with make_stack(broker=mortal_broker.bootstrap) as stack:
        send(stack, events[:half])
        stack.wait(lambda: stack.get("scoring", "/v1/accounts", limit=1)["items"], "the first accounts are known")
        mortal_broker.kill()
        try:
            for patience in (15, 4.5):
                # At first it waits 5 s for a confirmation; once that is overdue, it says so at once.
                answer = stack.client.post(
                    stack.url("ingest", "/v1/events"), json=events[half : half + 40], timeout=patience
                )
                assert answer.status_code == 503
                assert int(answer.headers["Retry-After"]) > 0
                assert answer.headers["Content-Type"] == "application/problem+json"
            assert ready(stack) == [503] * len(SERVICES)
            assert stack.get("scoring", "/v1/accounts", limit=1)["items"], "what is known can still be asked"
            stack.stop("playbooks")
            coming_back = threading.Timer(2, mortal_broker.start)
            coming_back.start()
            # What starts before the broker waits for it.
            stack.start("playbooks")
            coming_back.join()
        finally:
            if mortal_broker.pid is None:
                mortal_broker.start()
        # A sender that was asked to wait sends the same again.
        send(stack, events[half:])
        stack.settle()
        assert stack.fingerprint(AT) == told_once
        stack.wait(lambda: ready(stack) == [200] * len(SERVICES), "all are ready again")
        assert stack.get("playbooks", "/v1/status")["details"]["assessment_gaps"] == 0


def test_the_health_command_of_the_compose_file_tells_whether_the_broker_answers(kafka_broker: KafkaBroker) -> None:
    compose = YAML(typ="safe").load(Path(__file__).parents[2] / "docker-compose.yml")
    words = compose["services"]["kafka"]["healthcheck"]["test"][1:]

    def healthy(host: str, port: str) -> bool:
        command = [word.replace("kafka/9092", f"{host}/{port}") for word in words]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    host, port = kafka_broker.bootstrap.split(":")
    assert healthy(host, port)
    assert not healthy(host, "1")
