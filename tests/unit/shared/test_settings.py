import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from sqlalchemy import make_url

from shared.service.process import PortTaken, listening
from shared.settings import Settings, SettingsError

ROOT = Path(__file__).parents[3]


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
    Path("key").write_text("kw_secret-in-a-file\n")
    if home_of_the_variable == ".env":
        Path(".env").write_text("KEEPWELL_ADMIN_KEY_FILE=key\n")
    else:
        monkeypatch.setenv("KEEPWELL_ADMIN_KEY_FILE", "key")
    key = Settings.load().admin_key
    assert key is not None
    assert key.get_secret_value() == "kw_secret-in-a-file"


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


BAD = {
    "KEEPWELL_LOG_LEVEL": "LOUD",
    "KEEPWELL_PORT": "eighty",
    "KEEPWELL_PARTITIONS": "0",
    "KEEPWELL_BROKER": "kafka",
    "KEEPWELL_HOST": "my host",
    "KEEPWELL_KAFKA_PREFIX": "a/b",
    "KEEPWELL_DATABASE_URL": "postgresql://me:hunter2@db:54x2/x",
    "KEEPWELL_ADMIN_KEY": "kw_short-hunter2"[:12],
    "KEEPWELL_SMTP_URL_FILE": "nowhere",
    "KEEPWELL_STRIPE_SECRET_FILE": ".",
}


def test_all_faults_are_told_at_once_each_in_a_sentence_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in BAD.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        Settings.load()
    for name in BAD:
        assert str(refused.value).count(f"{name} ") == 1
    assert "hunter2" not in str(refused.value)
    assert "kw_short" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("LOG_LEVEL", "LOUD", "'LOUD', which can't be used: it must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        ("LOG_LEVEL", "warn", "perhaps WARNING"),
        ("LOG_LEVEL", "\udcff", "must be one of"),
        ("BROKER", "kafka:9092,", "such as kafka-1:9092"),
        ("BROKER", "kafka:port", "such as kafka-1:9092"),
        ("HOST", "http://here", "an address or a name"),
        ("PORT", "65534", "less than or equal to 65532"),
        ("PORT", "9" * 5000, "PORT"),
        ("ADMIN_KEY", "schlüssel-mit-umlaut", "ASCII"),
        ("PUBLIC_URL", "http://keepwell.example.com", "must begin with https://"),
        ("PUBLIC_URL", "keepwell.example.com", "must begin with https://"),
        ("PUBLIC_URL", "https://", "must begin with https://"),
        ("PUBLIC_URL", "https://keepwell.example.com:x", "must begin with https://"),
        ("PUBLIC_URL", "https://example.com/keepwell", "a scheme and a host"),
        ("PUBLIC_URL", "https://example.com?a=b", "a scheme and a host"),
        ("PUBLIC_URL", "https://me:pw@example.com", "a scheme and a host"),
        ("LINK_KEYS", "too-short", "32 characters or more"),
        ("LINK_KEYS", f"{'a' * 32},", "32 characters or more"),
        ("LINK_KEYS", f"{'a' * 32},{'b' * 31}", "32 characters or more"),
        ("SLACK_API_URL", "slack.com/api", "must begin with https://"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(f"KEEPWELL_{name}", value)
    with pytest.raises(SettingsError, match=f"KEEPWELL_{name}") as refused:
        Settings.load()
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOG_LEVEL", "debug"),
        ("BROKER", "a:9092, [::1]:9093"),
        ("HOST", "::"),
        ("DATABASE_URL", "postgresql:///x?host=/tmp"),
    ],
)
def test_what_can_be_meant_is_taken(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"KEEPWELL_{name}", value)
    Settings.load()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://keepwell.example.com/", "https://keepwell.example.com"),
        ("https://keepwell.example.com:8443", "https://keepwell.example.com:8443"),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
        ("http://[::1]:8001/", "http://[::1]:8001"),
    ],
)
def test_a_public_address_is_kept_without_a_slash_at_its_end(given: str, kept: str) -> None:
    assert Settings.load(public_url=given).public_url == kept


def test_the_newest_of_the_keys_that_sign_links_comes_first() -> None:
    new, old = "n" * 32, "o" * 40
    assert Settings.load(link_keys=f"{new}, {old}").signing_keys == (new, old)
    assert Settings.load().signing_keys == ()


def test_an_env_file_that_is_no_text_is_named() -> None:
    Path(".env").write_bytes(b"KEEPWELL_HOME=caf\xe9\n")
    with pytest.raises(SettingsError, match=r"The file .env can't be read: it is not UTF-8 text"):
        Settings.load()


def test_a_service_ends_with_78_and_a_sentence() -> None:
    given = {**os.environ, "KEEPWELL_LOG_LEVEL": "LOUD", "KEEPWELL_PARTITIONS": "none", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-m", "services.ingest.main"], env=given, capture_output=True, check=False)
    assert ended.returncode == 78
    said = ended.stderr.decode()
    assert "KEEPWELL_LOG_LEVEL is 'LOUD'" in said
    assert "KEEPWELL_PARTITIONS is 'none'" in said
    assert "Traceback" not in said


def test_a_host_that_is_not_this_machines_is_named() -> None:
    with pytest.raises(SettingsError, match=r"KEEPWELL_HOST is '203.0.113.7', where nothing can listen"):
        listening("203.0.113.7", 0)


def test_a_port_that_is_taken_is_named() -> None:
    with listening("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(PortTaken, match=f"The port {port} at 127.0.0.1 is taken"):
            listening("127.0.0.1", port)


@pytest.mark.parametrize("password", ["p@ss", "a/b", "100%", "%2", "a:b", "a#b?c", "[x]", "pässword", "plain"])
def test_a_database_password_is_taken_as_people_write_it(password: str) -> None:
    """By itself, and in a URL, where some of these letters should have been written otherwise."""
    apart = Settings.load(database_url="postgresql://keepwell@db:5432/keepwell", database_password=password)
    within = Settings.load(database_url=f"postgresql://keepwell:{password}@db:5432/keepwell")
    for settings in (apart, within):
        url = make_url(settings.database() or "")
        assert (url.username, url.password, url.host, url.port) == ("keepwell", password, "db", 5432)
        split = urlsplit(settings.database() or "")
        assert (unquote(split.password or ""), split.hostname, split.port) == (password, "db", 5432)


def test_a_database_password_that_is_written_as_a_url_must_have_it_is_read_so() -> None:
    settings = Settings.load(database_url="postgresql://keepwell:p%40ss%2F@db/keepwell")
    assert make_url(settings.database() or "").password == "p@ss/"


@pytest.mark.parametrize("url", ["postgresql://db:5432/keepwell", "postgresql://keepwell@db/keepwell"])
def test_a_database_without_a_password_needs_none(url: str) -> None:
    assert Settings.load(database_url=url).database() == url
    assert Settings.load(database_password="alone").database() is None
