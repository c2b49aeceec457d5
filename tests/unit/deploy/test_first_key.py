"""The first key of a stack in containers."""

from pathlib import Path

from deploy.first_key import keep


def test_a_key_is_made_once_shown_once_and_kept_from_others(tmp_path: Path) -> None:
    said = keep(tmp_path, None, lambda: "made-up")
    assert said.endswith("shown once: kw_made-up")
    file = tmp_path / "admin.key"
    assert file.read_text() == "kw_made-up\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "made-up" not in keep(tmp_path, None, lambda: "another")
    assert file.read_text() == "kw_made-up\n"


def test_a_given_key_replaces_it_and_is_never_shown(tmp_path: Path) -> None:
    keep(tmp_path, None, lambda: "made-up")
    assert "given-by-hand" not in keep(tmp_path, "given-by-hand", lambda: "another")
    assert (tmp_path / "admin.key").read_text() == "given-by-hand\n"
