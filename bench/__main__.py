"""Runs every measurement, on the local log and (with `--kafka`) on a real Kafka, and prints them with their limits."""

import argparse
import asyncio
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench import (
    answers,
    backlog,
    backtest,
    beside,
    clicks,
    days,
    effect,
    figures,
    firings,
    growth,
    history,
    idle,
    ingest,
    latency,
    looks,
    own_write,
    preview,
    senders,
    statements,
    throughput,
    turn,
    webhooks,
    workers,
)
from bench.machine import UNLIMITED
from bench.peers.draining import PEERS
from bench.report import Row, table
from deploy.local.postgres import NAME, Postgres
from deploy.migrations.run import migrate
from tests.support.logins import PASSWORDS
from tests.support.stack import Stack

_PARTS = (
    *("statements", "looks", "firings", "days", "figures", "effect", "turn", "preview", "backtest", "webhooks"),
    *(
        "backlog",
        "peers",
        "growth",
        "workers",
        "ingest",
        "senders",
        "throughput",
        "history",
        "answers",
        "clicks",
        "own_write",
        "latency",
        "prefect",
        "idle",
    ),
)


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--kafka", action="store_true", help="measure on Kafka as well")
    parser.add_argument("--events", type=int, help="usage events (default 50,000 to post, 200,000 of a backlog)")
    parser.add_argument("--seconds", type=int, default=20, help="how long to send answers (default 20)")
    parser.add_argument("--only", choices=_PARTS, help="one measurement alone")
    parser.add_argument(
        "--accounts",
        type=int,
        default=100_000,
        help="of the daily turn and of growth; a tenth in a backtest (default 100,000)",
    )
    parser.add_argument("--rounds", type=int, default=backlog.ROUNDS, help="of a backlog (default 5)")
    parser.add_argument("--beside", type=Path, help="another tree of this repository, whose worker takes turns")
    parser.add_argument("--flames", type=Path, help="a folder for flame graphs of the worker; costs it some time")
    return parser


def main() -> None:
    asked = parser().parse_args()
    rows: list[Row] = []
    with ExitStack() as made:
        home = Path(made.enter_context(tempfile.TemporaryDirectory()))
        postgres = Postgres(home)
        server = postgres.start(made.enter_context((home / "postgres.log").open("ab")))
        made.callback(server.stop)
        migrate(server.url, PASSWORDS)

        def database(name: str) -> str:
            postgres.query(f"CREATE DATABASE {name} TEMPLATE {NAME}", database="postgres")
            return f"{server.url.rpartition('/')[0]}/{name}"

        alone: dict[str, Callable[[], list[Row]]] = {
            "statements": lambda: asyncio.run(statements.measure(server.url)),
            "looks": looks.measure,
            "firings": lambda: firings.measure([database("firings"), database("pending")]),
            "days": days.measure,
            "figures": lambda: figures.measure(database("figures")),
            "effect": lambda: effect.measure(database("effect")),
            "turn": lambda: turn.measure(database("turn"), asked.accounts),
            "preview": lambda: preview.measure(database("preview"), asked.accounts),
            "webhooks": lambda: webhooks.measure(database("webhooks"), server.process.pid),
            "backtest": lambda: backtest.measure(database("backtest"), asked.accounts // 10),
        }
        for name in [name for name in alone if asked.only in {None, name}]:
            rows += alone[name]()
        brokers = {"local": "local"}
        if asked.kafka:
            from deploy.local.kafka import KafkaBroker

            broker = KafkaBroker(home / "kafka")
            broker.start()
            made.callback(broker.stop)
            brokers["kafka"] = broker.bootstrap

        def stack(kind: str, name: str, **extra: str) -> Stack:
            url, own = database(name), home / name
            own.mkdir()
            return Stack(own, url, brokers[kind], KEEPWELL_KAFKA_PREFIX=f"{name}.", **UNLIMITED, **extra)

        for kind, address in brokers.items():
            rows += _through_all(asked, partial(stack, kind), kind, address, server.process.pid)
        if asked.only in {None, "prefect"}:
            rows += beside.measure(partial(stack, "local", "prefect"), server.process.pid, home, asked.seconds)
    # What was measured with before has ended.
    rows += _with_servers_of_their_own(asked)
    print(table(rows))


def _through_all(
    asked: argparse.Namespace, stack: Callable[..., Stack], kind: str, address: str, postgres: int
) -> list[Row]:
    """What goes through all services, on one log; `postgres` is the server's process."""
    rows: list[Row] = []
    if asked.only in {None, "throughput"}:
        with stack(f"throughput_{kind}") as running:
            rows += throughput.measure(running, kind, address, asked.events or 50_000)
    if asked.only == "history":
        with stack(f"history_{kind}") as running:
            rows += history.measure(running, kind, postgres, asked.events or 300_000, asked.flames)
    if asked.only in {None, "answers"}:
        rows += answers.measure(partial(stack, f"answers_{kind}"), kind, postgres, asked.seconds, asked.flames)
    if asked.only in {None, "firings"}:
        rows += answers.at_once(partial(stack, f"at_once_{kind}"), kind, postgres, asked.flames)
    if asked.only in {None, "clicks"}:
        rows += clicks.measure(partial(stack, f"clicks_{kind}"), kind, asked.seconds)
    if asked.only in {None, "own_write"}:
        rows += own_write.measure(partial(stack, f"own_write_{kind}"), kind, asked.events or own_write.PAIRS)
    if asked.only in {None, "latency"}:
        rows += latency.measure(partial(stack, f"latency_{kind}"), kind, address, asked.seconds)
    return rows


def _with_servers_of_their_own(asked: argparse.Namespace) -> list[Row]:
    rows: list[Row] = []
    if asked.only == "backlog" or (asked.only in {None, "peers"} and (asked.kafka or asked.only)):
        with tempfile.TemporaryDirectory() as home:
            peers = () if asked.only == "backlog" else PEERS
            events, rounds = asked.events or 200_000, asked.rounds
            rows += backlog.measure(Path(home), events, rounds, beside=asked.beside, peers=peers, flames=asked.flames)
    if asked.only == "growth":
        with tempfile.TemporaryDirectory() as home:
            rows += growth.measure(Path(home), asked.accounts, asked.events or 200_000)
    if asked.only == "workers":
        with tempfile.TemporaryDirectory() as home:
            rows += workers.measure(Path(home), asked.events or 600_000, asked.rounds)
    if asked.only == "ingest" or (asked.only is None and asked.kafka):
        with tempfile.TemporaryDirectory() as home:
            rows += ingest.measure(Path(home), asked.rounds, asked.flames)
    if asked.only == "senders" or (asked.only is None and asked.kafka):
        with tempfile.TemporaryDirectory() as home:
            rows += senders.measure(Path(home), asked.rounds, asked.flames)
    if asked.only in {None, "idle"}:
        # Here is only what a user starts.
        for kind in ["local", "kafka"] if asked.kafka else ["local"]:
            with tempfile.TemporaryDirectory() as own_home:
                rows += idle.measure(Path(own_home), kind)
    return rows


if __name__ == "__main__":
    main()
