import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.postgres import Postgres, programs
from deploy.local.server import ServerError
from deploy.local.system import command_of
from tests.support.fake_stack import eventually


@contextmanager
def running(home: Path) -> Iterator[Postgres]:
    home.mkdir(parents=True, exist_ok=True)
    with (home / "postgres.log").open("ab") as log:
        server = Postgres(home).start(log)
        try:
            yield server
        finally:
            if server.process.poll() is None:
                server.stop()


def test_it_runs_below_a_directory_that_others_may_not_enter(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    with running(private / "home") as server:
        assert Postgres(private / "home").query("SELECT lower('ÄΩ')") == "äω"
        if Path("/proc/self/stat").exists():
            assert Path(f"/proc/{server.process.pid}").stat().st_uid != 0
    assert server.process.returncode == 0


def test_only_its_owner_reads_the_password_and_it_is_asked_for(tmp_path: Path) -> None:
    with running(tmp_path):
        assert (tmp_path / "postgres.password").stat().st_mode & 0o777 == 0o600
        (tmp_path / "postgres.password").write_text("wrong\n")
        with pytest.raises(ServerError, match="password authentication failed"):
            Postgres(tmp_path).query("SELECT 1")


def test_after_a_kill_it_recovers_what_was_committed_on_the_same_url(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        Postgres(tmp_path).query("CREATE TABLE kept AS SELECT 7 AS n")
        server.process.kill()
        server.process.wait()
    with running(tmp_path) as again:
        assert Postgres(tmp_path).query("SELECT n FROM kept") == "7"
        assert again.url == server.url


def test_a_server_that_was_left_running_is_ended_and_replaced(tmp_path: Path) -> None:
    with running(tmp_path) as left, running(tmp_path) as server:
        assert left.process.wait(5) == 0
        assert Postgres(tmp_path).query("SELECT 1") == "1"
        assert server.process.poll() is None


def test_a_lock_whose_pid_belongs_to_another_program_by_now_does_no_harm(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        server.process.kill()
        server.process.wait()
    lock = tmp_path / "postgres" / "postmaster.pid"
    other = subprocess.Popen(["sleep", "60"], user=lock.stat().st_uid if os.geteuid() == 0 else None)
    try:
        lock.write_text(f"{other.pid}\n" + lock.read_text().partition("\n")[2])
        with running(tmp_path):
            assert Postgres(tmp_path).query("SELECT 1") == "1"
        assert command_of(other.pid), "the other program was left alone"
    finally:
        other.kill()
        other.wait()


def test_an_interrupted_first_start_is_made_good(tmp_path: Path) -> None:
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres.new" / "PG_VERSION").write_text("18\n")
    with running(tmp_path):
        assert Postgres(tmp_path).query("SELECT 1") == "1"


def test_data_of_another_version_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(ServerError, match="was made by PostgreSQL 17, and this is 18"), running(tmp_path):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the proportional size of a process")
def test_it_is_small_when_nobody_uses_it(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        helpers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type IN ('autovacuum launcher', 'walwriter')"
        eventually(lambda: Postgres(tmp_path).query(helpers) == "2")
        children = subprocess.run(["pgrep", "-P", str(server.process.pid)], capture_output=True, text=True, check=True)
        pids = [server.process.pid, *map(int, children.stdout.split())]
        rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
        kilobytes = sum(
            int(line.split()[1]) for text in rollups for line in text.splitlines() if line.startswith("Pss:")
        )
    assert kilobytes < 40_000


def test_it_stops_although_somebody_is_connected(tmp_path: Path) -> None:
    question = ["psql", "-XAtq", "-c", "SELECT pg_sleep(60)"]
    with running(tmp_path) as server:
        client = subprocess.Popen([programs() / question[0], *question[1:], server.url], stderr=subprocess.DEVNULL)
        asked = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
        eventually(lambda: Postgres(tmp_path).query(asked) == "1")
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(5) == 0
        assert client.wait(5) != 0
