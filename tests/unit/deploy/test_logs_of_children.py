import json
from pathlib import Path

import pytest

from deploy.local.child import last_words, open_log
from deploy.local.stack import listed


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("one\ntwo\n", "two"),
        ('{"message": "started"}\n{"level": "error", "message": "no database"}\n', "no database"),
        ("[1]\n", "[1]"),
        (json.dumps({"message": "can't serve", "exception": "at line\n" * 5000}), "can't serve"),
        ("", ""),
        (None, ""),
    ],
)
def test_the_last_words_of_a_log_are_its_last_message(tmp_path: Path, log: str | None, words: str) -> None:
    if log is not None:
        (tmp_path / "x.log").write_text(log)
    assert last_words(tmp_path / "x.log") == words


def test_a_large_log_is_set_aside_before_it_is_written_on(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "ingest.log"
    for text in (b"a" * 10_000_001, b"b", b"c"):
        with open_log(log) as file:
            file.write(text)
    assert log.read_bytes() == b"bc"
    assert log.with_suffix(".log.1").stat().st_size == 10_000_001


def test_names_are_listed_as_in_a_sentence() -> None:
    assert [listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
