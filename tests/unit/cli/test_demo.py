"""F16: the key that is set is the demo's, too, so that its own next commands are let in."""

import os
from pathlib import Path

import pytest

from deploy.cli.client import ClientSettings
from deploy.cli.demo import of_its_own
from deploy.cli.up import environment_of
from deploy.local.record import Record, hold


@pytest.mark.parametrize("variable", ["KEEPWELL_ADMIN_KEY", "KEEPWELL_ADMIN_KEY_FILE", None])
def test_the_next_command_asks_with_the_key_that_the_demo_was_started_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    for name in ("KEEPWELL_API_KEY", "KEEPWELL_ADMIN_KEY", "KEEPWELL_ADMIN_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "key").write_text("kw_of_the_installation\n")
    if variable is not None:
        monkeypatch.setenv(variable, "kw_of_the_installation" if variable.endswith("KEY") else str(tmp_path / "key"))
    monkeypatch.setenv("KEEPWELL_HOME", str(tmp_path / "home"))
    demo = of_its_own(ClientSettings.load(), "local")
    environment = environment_of(demo, say=lambda _: None)
    first_key = Path(environment["KEEPWELL_ADMIN_KEY_FILE"]).read_text().strip()
    Record(os.getpid(), "running", demo.port, "local", {}).write(demo.home)
    assert "KEEPWELL_ADMIN_KEY" not in environment
    assert len(Path(environment["KEEPWELL_LINK_KEYS_FILE"]).read_text().strip()) >= 32
    with hold(demo.home):
        assert ClientSettings.load().key() == demo.key() == first_key
    assert (first_key == "kw_of_the_installation") == (variable is not None)


def test_a_key_and_an_address_of_another_stack_do_not_lead_the_demo_astray(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEEPWELL_API_KEY", "kw_of_production")
    monkeypatch.setenv("KEEPWELL_URL", "https://{service}.example.com")
    monkeypatch.setenv("KEEPWELL_ADMIN_KEY", "kw_of_the_installation")
    demo = of_its_own(ClientSettings.load(home=tmp_path), "local")
    assert demo.key() == "kw_of_the_installation"
    assert demo.address("ingest") == f"http://127.0.0.1:{demo.port}"
