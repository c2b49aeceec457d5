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
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from deploy.local.jars import KafkaMissing, class_path
from deploy.local.system import Process, command_of, end, started

PORT = 9092
_HOST = "127.0.0.1"
_PATIENCE = 60.0
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


class KafkaError(Exception):
    """The broker can't be started; the text says why."""


class KafkaBroker:
    """The broker of one home: `data/`, `server.properties`, `broker.log`, `broker.pid` and `broker.port` in it."""

    def __init__(self, home: Path, port: int = 0, settings: Mapping[str, str] | None = None) -> None:
        self._home = home.resolve()
        self._wanted = port
        self._settings = {**SETTINGS, **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """What clients connect to, as `host:port`; the port of the last start."""
        return f"{_HOST}:{self._port()}"

    @property
    def pid(self) -> int | None:
        """The process, while it runs as a child of ours."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def start(self, pause: Callable[[float], None] = time.sleep) -> None:
        """Start on this home's data, made when there is none, and wait until it answers.

        Raises `KafkaMissing` when this machine has no Java or Maven, `KafkaError` when the broker doesn't come up.
        """
        jars = class_path()
        self._home.mkdir(parents=True, exist_ok=True)
        self._end_leftover(pause)
        self._configure()
        self._format(jars)
        with (self._home / "broker.log").open("ab") as log:
            # A session of its own: Ctrl-C is for whoever started the broker, which then ends it in order.
            self._process = subprocess.Popen(
                [*_JAVA, "-Xms128m", "-Xmx512m", "-cp", jars, "kafka.Kafka", self._home / "server.properties"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        (self._home / "broker.pid").write_text(f"{self._process.pid}\n")
        deadline = time.monotonic() + _PATIENCE
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise KafkaError(f"Kafka doesn't start. Its last words: {self._last_words()}")
            pause(0.05)

    def answers(self) -> bool:
        """Whether the broker answers, and counts itself among the cluster's brokers: before that it can't be used."""
        return answers(self._port())

    def stop(self) -> None:
        """Shut down in order; by force after 20 s."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
        self._forget()

    def kill(self) -> None:
        """`kill -9`, as a crash would."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._forget()

    def wait(self, seconds: float) -> bool:
        """Wait for the process to end by itself; whether it did."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            if self._process is not None:
                self._process.wait(seconds)
            return True
        return False

    def _forget(self) -> None:
        self._process = None
        (self._home / "broker.pid").unlink(missing_ok=True)

    def _port(self) -> int:
        with contextlib.suppress(OSError, ValueError):
            return int((self._home / "broker.port").read_text())
        return self._wanted

    def _configure(self) -> None:
        if self._wanted and not _is_free(self._wanted):
            raise KafkaError(f"Port {self._wanted} is taken; end what listens there, or choose another with --port.")
        port = self._wanted or self._port()
        if not port or not _is_free(port):
            port = _free_port()
        (self._home / "broker.port").write_text(f"{port}\n")
        control = _free_port()
        settings = {
            **self._settings,
            "listeners": f"BROKER://{_HOST}:{port},CONTROLLER://{_HOST}:{control}",
            "advertised.listeners": f"BROKER://{_HOST}:{port}",
            "controller.quorum.voters": f"1@{_HOST}:{control}",
            "log.dirs": str(self._home / "data"),
        }
        lines = [f"{name}={value}\n" for name, value in settings.items()]
        (self._home / "server.properties").write_text("".join(lines))

    def _format(self, jars: str) -> None:
        if (self._home / "data" / "meta.properties").exists():
            return
        # As Kafka's own ids: 16 random bytes in URL-safe base64, but never with a dash in front.
        cluster = "K" + base64.urlsafe_b64encode(secrets.token_bytes(16)).decode()[1:22]
        options = ["--cluster-id", cluster, "--config", str(self._home / "server.properties"), "--ignore-formatted"]
        formatted = subprocess.run(
            [*_JAVA, "-XX:TieredStopAtLevel=1", "-cp", jars, "kafka.tools.StorageTool", "format", *options],
            capture_output=True,
            text=True,
            check=False,
        )
        if formatted.returncode:
            raise KafkaError(f"Kafka can't format {self._home}: {formatted.stderr.strip().splitlines()[-1:]}")

    def _end_leftover(self, pause: Callable[[float], None]) -> None:
        """End a broker of this home that an earlier, killed run left behind."""
        with contextlib.suppress(OSError, ValueError):
            pid = int((self._home / "broker.pid").read_text())
            since = started(pid)
            if since is not None and f"kafka.Kafka {self._home / 'server.properties'}" in command_of(pid):
                end([Process(pid, since)], ((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0)), pause)

    def _last_words(self) -> str:
        lines = (self._home / "broker.log").read_text(errors="replace").splitlines()
        telling = [line for line in lines[-200:] if " ERROR " in line or "Exception" in line]
        return (telling or lines or ["none"])[-1]


def answers(port: int) -> bool:
    """Whether a Kafka on this machine answers there and names a broker.

    One that has just been started, or was away for longer than its session, answers before its controller lets it in.
    """
    with contextlib.suppress(OSError), socket.create_connection((_HOST, port), timeout=1) as connection:
        connection.sendall(_WHO_IS_THERE)
        with connection.makefile("rb") as answer:
            head = answer.read(12)
        if len(head) == 12:
            _, correlation, brokers = struct.unpack(">iii", head)
            return bool(correlation == 1 and brokers > 0)
    return False


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def main(arguments: list[str] | None = None) -> int:
    """Run a broker in the foreground until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.kafka", description="A Kafka node, loopback only.")
    parser.add_argument("--home", type=Path, default=Path(".keepwell/kafka"), help="where its data stays")
    parser.add_argument("--port", type=int, default=PORT, help=f"the port on {_HOST}; 0 takes a free one")
    options = parser.parse_args(arguments)
    broker = KafkaBroker(options.home, options.port)
    ended = threading.Event()
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, lambda _signal, _frame: ended.set())
    sys.stdout.write("Starting Kafka ...\n")
    sys.stdout.flush()
    try:
        broker.start()
    except (KafkaMissing, KafkaError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"Kafka listens on {broker.bootstrap}. KEEPWELL_BROKER={broker.bootstrap}  Ctrl-C ends it.\n")
    sys.stdout.flush()
    while not ended.is_set():
        if broker.wait(0.5):
            sys.stderr.write(f"Kafka has ended by itself; its log is {options.home}/broker.log.\n")
            return 1
    broker.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
