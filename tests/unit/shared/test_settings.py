from pathlib import Path

import pytest

from shared.settings import Settings, SettingsError


@pytest.fixture(autouse=True)
def _an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_any_variable_the_defaults_hold() -> None:
    settings = Settings.load()
    assert (settings.home, settings.port, settings.broker, settings.partitions) == (Path(".keepwell"), 8001, "local", 8)
    assert settings.database_url is None


def test_the_four_services_have_ports_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPWELL_PORT", "9100")
    assert [Settings.load().port_of(name) for name in ("ingest", "scoring", "playbooks", "notifier")] == [
        9100,
        9101,
        9102,
        9103,
    ]


def test_the_environment_wins_over_the_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("KEEPWELL_PORT=9000\nKEEPWELL_BROKER=kafka:9092\nUNRELATED=1\n")
    monkeypatch.setenv("KEEPWELL_PORT", "9100")
    settings = Settings.load()
    assert (settings.port, settings.broker) == (9100, "kafka:9092")


@pytest.mark.parametrize("home_of_the_variable", ["environment", ".env"])
def test_a_secret_can_be_read_from_a_file(monkeypatch: pytest.MonkeyPatch, home_of_the_variable: str) -> None:
    Path("key").write_text("kw_secret\n")
    if home_of_the_variable == ".env":
        Path(".env").write_text("KEEPWELL_ADMIN_KEY_FILE=key\n")
    else:
        monkeypatch.setenv("KEEPWELL_ADMIN_KEY_FILE", "key")
    key = Settings.load().admin_key
    assert key is not None
    assert key.get_secret_value() == "kw_secret"


def test_a_secret_named_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPWELL_SMTP_URL", "smtp://a")
    monkeypatch.setenv("KEEPWELL_SMTP_URL_FILE", "smtp")
    with pytest.raises(SettingsError, match="Both KEEPWELL_SMTP_URL and KEEPWELL_SMTP_URL_FILE are set"):
        Settings.load()


def test_a_missing_secret_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPWELL_SLACK_BOT_TOKEN_FILE", "nowhere")
    with pytest.raises(
        SettingsError, match="KEEPWELL_SLACK_BOT_TOKEN_FILE names nowhere, which can't be read: No such"
    ):
        Settings.load()


def test_an_unreadable_value_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPWELL_PORT", "eight")
    with pytest.raises(SettingsError, match="KEEPWELL_PORT is 'eight', which can't be used: "):
        Settings.load()


def test_a_wrong_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPWELL_DATABASE_URL", "mysql://me:hunter2@db/x")
    with pytest.raises(SettingsError) as refused:
        Settings.load()
    assert str(refused.value) == "KEEPWELL_DATABASE_URL can't be used: it must begin with postgresql://."


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPWELL_SLACK_BOT_TOKEN", "")
    assert Settings.load().slack_bot_token is None


def test_a_short_scheme_of_the_database_is_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPWELL_DATABASE_URL", "postgres://me@db/x")
    url = Settings.load().database_url
    assert url is not None
    assert url.get_secret_value() == "postgresql://me@db/x"
