"""One real Kafka node, for `make kafka`, `keepwell up` and the tests: `python -m deploy.local.kafka --home DIR`.

KRaft, broker and controller in one process, loopback only. Its data stays in the home, so it can be started again.
"""

import argparse
import base64
import contextlib
import secrets
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from deploy.local.jars import class_path
from deploy.local.server import Server, ServerError
from deploy.local.system import LOOPBACK, any_free

PORT = 9092
_JAVA = ("java", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Dorg.slf4j.simpleLogger.showDateTime=true")
_WHO_IS_THERE = struct.pack(">ihhihi", 14, 3, 1, 1, -1, 0)
"""Asks Kafka for its brokers: length, api key 3 (Metadata), version 1, correlation id 1, no client id, no topic."""

SETTINGS: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "BROKER",
    "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    # One node: what Kafka keeps for itself has one copy.
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "min.insync.replicas": "1",
    # The first worker of a group needn't wait for others, and a killed one may be missed soon.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # After a crash the controller turns the new broker away until it has missed the old one for this long.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": "16777216",
}


class KafkaBroker(Server):
    """The broker of one home: `data/`, `server.properties`, and `broker.pid` to know it by.

    `start` raises `KafkaMissing` when this machine has no Java or Maven.
    """

    name = "Kafka"
    lock = "broker.pid"
    words = "kafka.Kafka {home}/server.properties"
    stopping = ((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0))
    patience = 60.0

    def __init__(self, home: Path, port: int = 0, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(home, {**SETTINGS, **(settings or {})}, port)
        self._properties = self.home / "server.properties"

    @property
    def bootstrap(self) -> str:
        """What clients connect to, as `host:port`; the port of the last start."""
        return f"{LOOPBACK}:{self.port}"

    def launch(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        """Start the broker on the port of the last start, and don't wait."""
        self._format(jars := class_path())
        command = [*_JAVA, "-Xms128m", "-Xmx512m", "-cp", jars, "kafka.Kafka", self._properties]
        process = self._popen(command, log)
        try:
            self._lock.write_text(f"{process.pid}\n")
        except OSError:
            process.kill()  # a broker that nobody could find again
            process.wait()
            raise
        return process

    def answers(self) -> bool:
        """Whether the broker answers, and counts itself among the cluster's brokers: before that it can't be used."""
        return answers(self.port)

    def _write_settings(self, port: int) -> None:
        control = any_free()
        settings = {
            **self._settings,
            "listeners": f"BROKER://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{control}",
            "advertised.listeners": f"BROKER://{LOOPBACK}:{port}",
            "controller.quorum.voters": f"1@{LOOPBACK}:{control}",
            "log.dirs": str(self.home / "data"),
        }
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))

    def _format(self, jars: str) -> None:
        if (self.home / "data" / "meta.properties").exists():
            return
        # As Kafka's own ids: 16 random bytes in URL-safe base64, but never with a dash in front.
        cluster = "K" + base64.urlsafe_b64encode(secrets.token_bytes(16)).decode()[1:22]
        options = ["--cluster-id", cluster, "--config", str(self._properties), "--ignore-formatted"]
        formatted = subprocess.run(
            [*_JAVA, "-XX:TieredStopAtLevel=1", "-cp", jars, "kafka.tools.StorageTool", "format", *options],
            capture_output=True,
            text=True,
            check=False,
        )
        if formatted.returncode:
            raise ServerError(f"Kafka can't format {self.home}: {formatted.stderr.strip().splitlines()[-1:]}")

    def _last_words(self, log: Path) -> str:
        lines = log.read_text(errors="replace").splitlines()
        telling = [line for line in lines[-200:] if " ERROR " in line or "Exception" in line]
        return (telling or lines or ["none"])[-1]


def answers(port: int) -> bool:
    """Whether a Kafka on this machine answers there and names a broker.

    One that has just been started, or was away for longer than its session, answers before its controller lets it in.
    """
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1) as connection:
        connection.sendall(_WHO_IS_THERE)
        with connection.makefile("rb") as answer:
            head = answer.read(12)
        if len(head) == 12:
            _, correlation, brokers = struct.unpack(">iii", head)
            return bool(correlation == 1 and brokers > 0)
    return False


def main(arguments: list[str] | None = None) -> int:
    """Run a broker in the foreground until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.kafka", description="A Kafka node, loopback only.")
    parser.add_argument("--home", type=Path, default=Path(".keepwell/kafka"), help="where its data stays")
    parser.add_argument("--port", type=int, default=PORT, help=f"the port on {LOOPBACK}; 0 takes a free one")
    options = parser.parse_args(arguments)
    broker = KafkaBroker(options.home, options.port)
    ended = threading.Event()
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, lambda _signal, _frame: ended.set())
    sys.stdout.write("Starting Kafka ...\n")
    sys.stdout.flush()
    try:
        broker.start()
    except ServerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"Kafka listens on {broker.bootstrap}. KEEPWELL_BROKER={broker.bootstrap}  Ctrl-C ends it.\n")
    sys.stdout.flush()
    while not ended.wait(0.5):
        if broker.pid is None:
            sys.stderr.write(f"Kafka has ended by itself; its log is {options.home}/kafka.log.\n")
            return 1
    broker.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
