import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli.demo import demo
from deploy.cli.reread import reread
from deploy.cli.up import up
from deploy.local.record import Record, hold
from tests.support.cli import one_command
from tests.support.ports import free_ports


def test_a_service_on_a_database_of_ones_own_is_asked_there_to_read_again(tmp_path: Path) -> None:
    here = {"KEEPWELL_HOME": str(tmp_path), "KEEPWELL_ADMIN_KEY": "kw_" + "a" * 40, "KEEPWELL_PORT": "9001"}
    dead = f"postgresql://keepwell@127.0.0.1:{free_ports()}/keepwell"
    told = CliRunner().invoke(one_command(reread), ["scoring"], env=here | {"KEEPWELL_DATABASE_URL": dead})
    assert told.exit_code == 1
    assert "scoring can't forget how far it has read: " in told.output
    unnamed = CliRunner().invoke(one_command(reread), ["scoring"], env=here)
    assert f"There is no database in {tmp_path}: set KEEPWELL_DATABASE_URL" in unnamed.output


@pytest.mark.parametrize(
    ("command", "home_of_other", "words"),
    [
        (up, "demo", "The demo runs at port 9001. End it with `keepwell down`"),
        (demo, ".", "Your own Keepwell runs at port 9001. End it with `keepwell down`"),
    ],
)
def test_a_neighbour_at_our_ports_is_named_before_anything_starts(
    tmp_path: Path, command: object, home_of_other: str, words: str
) -> None:
    home = tmp_path / home_of_other
    home.mkdir(exist_ok=True)
    Record(os.getpid(), "running", 9001, "local", {}).write(home)
    settings = {"KEEPWELL_HOME": str(tmp_path), "KEEPWELL_PORT": "9001", "KEEPWELL_BROKER": "local"}
    with hold(home):
        before = sorted(tmp_path.rglob("*"))
        result = CliRunner().invoke(one_command(command), [], env=settings)  # type: ignore[arg-type]
    assert result.exit_code == 1
    assert words in result.output
    assert sorted(tmp_path.rglob("*")) == before
