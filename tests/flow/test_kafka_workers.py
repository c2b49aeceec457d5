"""Several workers of a service on Kafka: they come and go while events flow, and nothing is lost or done twice."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.support.stack import PARTITIONS, Stack

pytestmark = pytest.mark.kafka

ACCOUNTS = 60
OWNER = "owner@example.com"


class Customers:
    """Accounts of which every one, after the other and steadily, answers with a 2."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._enough = threading.Event()
        self.unhappy: list[str] = []

    def introduce(self) -> httpx.Response:
        traits = {"plan": "pro", "owner": OWNER, "mrr_minor": 100_000, "currency": "EUR"}
        names = [f"account-{number}" for number in range(ACCOUNTS)]
        return self._stack.post(
            [
                {
                    "id": f"{n}-traits",
                    "type": "account.updated",
                    "account": n,
                    "data": {"traits": {"name": n, **traits}},
                }
                for n in names
            ]
        )

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Meanwhile they answer; each answer is sent twice, as by a sender that got no answer to its first request."""
        answering = threading.Thread(target=self._answer)
        answering.start()
        try:
            yield
        finally:
            self._enough.set()
            answering.join()

    def _answer(self) -> None:
        for number in range(ACCOUNTS):
            name = f"account-{number}"
            data = {"contact_id": f"{name}-admin", "score": 2, "comment": "third time"}
            event = {"id": f"{name}-answer", "type": "feedback.nps", "account": name, "data": data}
            used = [
                {"id": f"{name}-use-{n}", "type": "usage.recorded", "account": name, "data": {"feature": "reports"}}
                for n in range(5)
            ]
            self._stack.post([*used, event])
            self._stack.post([event, *used])
            self.unhappy.append(name)
            # Until all has happened that shall happen meanwhile, they take their time.
            self._enough.wait(0.5)

    def answer_on(self) -> None:
        """Wait until some more have answered."""
        before = len(self.unhappy)
        self._stack.wait(lambda: len(self.unhappy) >= min(ACCOUNTS, before + 5), "some more answer")


@pytest.fixture
def stack(make_kafka_stack: Callable[[], Stack]) -> Iterator[Stack]:
    """Scoring is split into API and worker; the playbooks are whole."""
    made = make_kafka_stack()
    try:
        made.start("scoring", role="api")
        made.start("scoring-2", role="worker")
        made.start("ingest", "playbooks", "notifier")
        yield made
    finally:
        made.__exit__()


def share(stack: Stack, *names: str) -> None:
    """Wait until these processes hold all partitions, and each some."""

    def shared() -> bool:
        held = [stack.held(name) for name in names]
        return sum(held) == PARTITIONS and all(held)

    stack.wait(shared, f"{' and '.join(names)} hold all partitions", 90)


def test_workers_that_come_and_go_lose_nothing_and_do_nothing_twice(stack: Stack) -> None:
    customers = Customers(stack)
    customers.introduce()
    stack.settle()
    with customers.answering():
        stack.start("scoring-3", "playbooks-2", role="worker")
        share(stack, "scoring-2", "scoring-3")
        share(stack, "playbooks", "playbooks-2")
        customers.answer_on()
        stack.stop("scoring-2", "playbooks-2")
        share(stack, "scoring-3")
        share(stack, "playbooks")
        customers.answer_on()
        stack.start("scoring-2", "playbooks-2", role="worker")
        share(stack, "scoring-2", "scoring-3")
        share(stack, "playbooks", "playbooks-2")
        customers.answer_on()
        stack.kill("scoring-3")
        stack.kill("playbooks-2")
        share(stack, "scoring-2")
        share(stack, "playbooks")
    stack.settle()

    once = Counter(dict.fromkeys(customers.unhappy, 1))
    assert len(once) == ACCOUNTS
    assert Counter(task["account"] for task in stack.items("playbooks", "/v1/tasks")) == once
    assert Counter(episode["account"] for episode in stack.items("playbooks", "/v1/episodes")) == once
    deliveries = stack.items("notifier", "/v1/deliveries")
    expected = Counter({(name, "alert"): 1 for name in once})
    assert Counter((delivery["account"], delivery["kind"]) for delivery in deliveries) == expected
    # All go to one person: what comes too soon after another waits, to go together.
    assert {delivery["state"] for delivery in deliveries} <= {"delivered", "waiting"}
    for name in ("scoring", "playbooks", "notifier"):
        assert stack.get(name, "/v1/status")["dead_letters"] == 0
    assert stack.get("playbooks", "/v1/status")["details"]["assessment_gaps"] == 0


def test_the_api_answers_without_a_worker_and_the_worker_answers_probes_alone(stack: Stack) -> None:
    customers = Customers(stack)
    # The worker is another process; what it has counted by then, the API knows.
    shown = stack.seen(customers.introduce(), "/v1/accounts", limit=200)["items"]
    assert len(shown) == ACCOUNTS
    assert stack.held("scoring") == 0
    assert stack.held("scoring-2") == PARTITIONS
    assert stack.client.get(stack.url("scoring-2", "/v1/accounts")).status_code == 404
    assert stack.client.get(stack.url("scoring-2", "/metrics")).status_code == 200
    stack.stop("scoring-2")
    assert stack.client.get(stack.url("scoring", "/readyz")).status_code == 200
    assert len(stack.items("scoring", "/v1/accounts")) == ACCOUNTS
