"""The files that keep an installation's secrets."""

import base64
import hashlib
import hmac
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy import SERVICES, secrets
from deploy.migrations.roles import verifier
from deploy.secrets import keep, keep_admin_key


def test_a_key_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    file = tmp_path / "admin.key"
    made = keep_admin_key(file)
    assert made.startswith("kw_")
    assert len(made) > 40
    assert file.read_text() == f"{made}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert keep_admin_key(file) == made


def test_a_given_key_replaces_it(tmp_path: Path) -> None:
    keep_admin_key(tmp_path / "admin.key")
    assert keep_admin_key(tmp_path / "admin.key", "given-by-hand") == "given-by-hand"
    assert (tmp_path / "admin.key").read_text() == "given-by-hand\n"
    assert (tmp_path / "admin.key").stat().st_mode & 0o777 == 0o600


def test_what_a_killed_start_left_half_written_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / "password.new").write_text("ha")
    (tmp_path / "password.new").chmod(0o644)
    made = keep(tmp_path / "password")
    assert made != "ha"
    assert (tmp_path / "password").stat().st_mode & 0o777 == 0o600


def test_containers_get_one_directory_a_service_and_none_of_it_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KEEPWELL_HOME", str(tmp_path))
    assert secrets.main() == 0
    files = {path: path.read_text().strip() for path in (tmp_path / "secrets").rglob("*") if path.is_file()}
    named = {str(path.relative_to(tmp_path / "secrets")) for path in files}
    keys = {"ingest/admin.key", "ingest/link.keys", "notifier/link.keys"}
    assert named == {*keys, "owner/password", *(f"{service}/password" for service in SERVICES)}
    assert len(set(files.values())) == 7, "both who sign links and who read them have one key"
    said = capsys.readouterr().out
    assert not any(secret in said for secret in files.values())
    assert secrets.main() == 0
    assert {path: path.read_text().strip() for path in files} == files, "a second start changes nothing"


@given(
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1), st.binary(min_size=16, max_size=16)
)
def test_a_verifier_proves_the_password_by_the_rules_of_scram(password: str, salt: bytes) -> None:
    """The client's side of RFC 5803: its proof, undone, must hash to the stored key."""
    kind, rounds, keys = verifier(password, salt).split("$")
    iterations, kept_salt = rounds.split(":")
    stored, server = (base64.b64decode(key) for key in keys.split(":"))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(kept_salt), int(iterations))
    client = hmac.new(salted, b"Client Key", hashlib.sha256).digest()
    assert kind == "SCRAM-SHA-256"
    assert hashlib.sha256(client).digest() == stored
    assert hmac.new(salted, b"Server Key", hashlib.sha256).digest() == server
