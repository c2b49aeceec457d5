"""F16: the key that is set is the demo's, too, so that its own next commands are let in."""

import os
from pathlib import Path

import pytest

from deploy.cli.client import ClientSettings
from deploy.cli.demo import of_its_own
from deploy.cli.demo.outside import Outside
from deploy.cli.demo.playing import NotHeard
from deploy.cli.up import environment_of
from deploy.local.record import Record, hold
from services.notifier.settings import NotifierSettings


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


def test_each_run_has_its_own_slack_and_mail_whatever_was_set_up(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("xoxb-of-production")
    environment = {
        "KEEPWELL_SLACK_BOT_TOKEN_FILE": str(tmp_path / "token"),
        "KEEPWELL_SMTP_URL": "smtps://us:secret@mail.example.com",
        "PATH": "/bin",
    }
    first, second = Outside(), Outside()
    first.lead(environment, ClientSettings.load(home=tmp_path, port=9001))
    assert environment["PATH"] == "/bin"
    assert "KEEPWELL_SLACK_BOT_TOKEN_FILE" not in environment
    assert environment["KEEPWELL_PUBLIC_URL"] == "http://127.0.0.1:9001"
    assert f":{first.mail}?" in environment["KEEPWELL_SMTP_URL"]
    assert environment["KEEPWELL_SLACK_SIGNING_SECRET"] == first.signing_secret != second.signing_secret
    assert first.signing_secret not in repr(first)
    given = {name.removeprefix("KEEPWELL_").lower(): value for name, value in environment.items() if name != "PATH"}
    settings = NotifierSettings.load(**given)
    assert settings.is_interactive
    assert settings.networks, "the other system is on this machine"
    assert first.hooks != second.hooks


def test_a_stand_in_that_is_gone_is_told_of() -> None:
    with pytest.raises(NotHeard, match="does not answer"):
        Outside().posted({"message_id": "dlv_1"})
    with pytest.raises(NotHeard, match="does not answer"):
        Outside().let_it(broken=True)
