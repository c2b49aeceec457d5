"""Every kind of file in every way that a file can be broken: it is refused with its places, or read.

What some of them guard against takes hours, which the suite's own bound on a test would tell.
"""

import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.playbooks.core.directory import Directory
from services.playbooks.files import load_all, load_people, load_playbook, read_people
from services.scoring.files import CatalogueFile, ScorecardFile, load_rules
from shared.conditions import Refused
from shared.files.nodes import DEEPEST, MOST_BYTES, load
from shared.files.reading import content_of, read

CARD = "id: x\nversion: 1\nmeasures:\n  usage.recency: {weight: 60}\n  support.urgent: {weight: 40}\n"
CATALOGUE = (
    "features: {pro: [reports]}\nworking_days: [Mon, tuesday]\ntraits: {tier: text}\n"
    "onboarding:\n  - {id: x, days: 30, milestones: {imported: 14}, for_accounts: account.traits.tier == gold}\n"
)
PLAYBOOK = "id: x\nwhen: usage.breadth < 40 %\nsteps:\n  - task: Call {{ account.name }}\n    due: 1 business day\n"
CSMS = "csms:\n  - id: ana\n    name: Ana\n    away:\n      - {from: 2026-01-01, to: 2026-01-02}\n"

KINDS: dict[str, tuple[str, Callable[[bytes], object]]] = {
    "scorecard": (CARD, lambda data: read(data, "f.yaml", ScorecardFile)),
    "catalogue": (CATALOGUE, lambda data: read(data, "f.yaml", CatalogueFile)),
    "playbook": (PLAYBOOK, lambda data: load_playbook(data, "f.yaml").playbook),
    "csms": (CSMS, lambda data: read_people(data, "f.yaml")),
}

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
"""Eight levels of aliases: 387 million values."""

REFUSED: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n\n",
    "only a comment": b"# nothing\n",
    "null": b"null\n",
    "a number": b"5\n",
    "a list": b"- a\n- b\n",
    "latin-1": "id: x\nname: Zoë\n".encode("latin-1"),
    "utf-16": "id: x\n".encode("utf-16"),
    "utf-32": "id: x\n".encode("utf-32"),
    "nul": b"id: \x00\n",
    "a control character": b"id: a\x1bb\n",
    "a lone surrogate, escaped": b'id: "\\ud800"\n',
    "a nul, escaped": b'id: "\\0"\n',
    "bytes of a picture": b"\x89PNG\r\n\x1a\n\x00\x00",
    "5,000 digits": b"id: " + b"9" * 5_000,
    "5,000 digits as a key": b"9" * 900 + b": x",
    "a number without end": b"id: 1e999\n",
    "not a number": b"id: .nan\n",
    "infinity": b"id: -.inf\n",
    "300 levels": b"[" * 300,
    "30,000 levels": b"[" * 30_000,
    "30,000 levels of mappings": b"{a: " * 30_000,
    "30,000 levels of lists": b"- " * 30_000,
    "30,000 levels of keys": b"? " * 30_000,
    "closed levels": b"id: " + b"[" * 300 + b"]" * 300,
    "alias bomb": BOMB.encode(),
    "an alias bomb of keys": BOMB.replace("[", "{k: [").replace("]", "]}").encode(),
    "recursive alias": b"&a\nid: *a\n",
    "a list in itself": b"id: &a [*a]\n",
    "a key in itself": b"&a ? *a\n: x\n",
    "unknown alias": b"id: *nothing\n",
    "merge of a text": b"<<: x\n",
    "merge of itself": b"&a\n<<: *a\n",
    "duplicate keys": b"id: x\nid: y\n",
    "a mapping as a key": b"? {a: b}\n: c\n",
    "tabs": b"id:\n\t- x\n",
    "several documents": b"id: x\n---\nid: y\n",
    "a tag": b"id: !this x\n",
    "a tag of python": b"id: !!python/object/apply:os.system [echo]\n",
    "a binary tag": b"id: !!binary aGVsbG8=\n",
    "a set": b"id: !!set {a, b}\n",
    "a directive": b"%YAML 9.9\n---\nid: x\n",
    "unknown escape": b'id: "\\q"\n',
    "unfinished quotes": b'id: "x\n',
    "unfinished list": b"id: [x\n",
    "an indent too few": b"id:\n  a: 1\n b: 2\n",
    "html": b"<!doctype html>\n<html><body>404</body></html>\n",
    "json, cut off": b'{"id": "x", "steps": [',
    "a huge file": b"# x\n" * (MOST_BYTES // 4 + 1),
    "many values": b"id: [" + b"1," * 10_000 + b"]",
    "many unknown fields": b"".join(b"a%d: x\n" % number for number in range(3_000)),
    "a long name": b"x" * 100_000 + b": y\n",
    "a long unknown field": b"? " + b"x" * 100_000 + b"\n: y\n",
    "a timestamp as a key": b"2001-12-14t21:59:43.10-05:00: x\n",
    "a sexagesimal": b"190:20:30: x\n",
}
"""Files of no kind."""

EVERYWHERE: dict[str, Callable[[str], str]] = {
    "an unknown field": lambda text: f"{text}nonsense: 5\n",
    "a field that is there twice": lambda text: text + text,
    "a list in place of a text": lambda text: re.sub(r"\b(x|ana|pro|14)\b", "[[]]", text, count=1),
    "a mapping in place of a text": lambda text: re.sub(r"\b(1|Ana|reports|Call.*)(?=\n|\])", "{a: 1}", text, count=1),
    "values taken out": lambda text: re.sub(r"(id|weight|14|Mon)(: *\w*|\b)", r"\1:", text, count=1),
    "everything empty": lambda text: re.sub(r": .*", ":", text),
    "numbers for names": lambda text: re.sub(r"\b(x|Ana|reports)\b", "2026", text),
    "dates that are not": lambda text: re.sub(r"2026-01-02|: 14|1 business day|60", ": 2026-02-30", text),
    "an end before its beginning": lambda text: re.sub(r"2026-01-02|14\b|Mon|60|40", "1999-01-01", text),
}
"""Breakages that each kind is changed by."""


def assert_told_with_places(error: Refused) -> None:
    assert error.problems
    assert len(str(error)) < 100_000
    for problem in error.problems:
        assert re.match(r"f\.yaml:\d+:\d+: [A-Z`'<].*[.?]", str(problem)), problem
        assert "Traceback" not in str(problem)


def content(found: object) -> object:
    return found.csms if isinstance(found, Directory) else found


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_right_is_read(kind: str) -> None:
    text, reading = KINDS[kind]
    plain = reading(text.encode())
    for same in (
        b"\xef\xbb\xbf" + text.encode(),
        text.replace("\n", "\r\n").encode(),
        f"%YAML 1.2\n---\n{text}...\n".encode(),
    ):
        found = reading(same)
        assert content(found) == content(plain)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("breakage", REFUSED)
def test_what_is_no_file_of_its_kind_is_refused(kind: str, breakage: str) -> None:
    if kind == "csms" and breakage in ("empty", "blank", "only a comment", "null"):
        assert content(KINDS[kind][1](REFUSED[breakage])) == ()  # There nobody is listed.
        return
    with pytest.raises(Refused) as caught:
        KINDS[kind][1](REFUSED[breakage])
    assert_told_with_places(caught.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("breakage", EVERYWHERE)
def test_what_was_right_and_is_broken_is_refused_with_its_place(kind: str, breakage: str) -> None:
    text, reading = KINDS[kind]
    broken = EVERYWHERE[breakage](text)
    assert broken != text
    if kind == "catalogue" and breakage == "everything empty":
        return  # There it is as if the fields were left out.
    with pytest.raises(Refused) as caught:
        reading(broken.encode())
    assert_told_with_places(caught.value)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150)
@given(data=st.binary(max_size=300))
def test_random_bytes_are_read_or_refused(kind: str, data: bytes) -> None:
    try:
        KINDS[kind][1](data)
    except Refused as error:
        assert_told_with_places(error)


NO_DAY = "There is no such day as `2026-02-30`."


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("csms", f"holidays: [2026-02-30]\n{CSMS}", f"f.yaml:1:12: {NO_DAY}"),
        ("csms", CSMS.replace("2026-01-02", "2026-02-30"), f"f.yaml:5:32: {NO_DAY}"),
        ("catalogue", f"{CATALOGUE}closed: [2026-12-24, 2026-02-30]\n", f"f.yaml:6:22: {NO_DAY}"),
        ("catalogue", f"{CATALOGUE}sources: {{usage: 2026-02-30}}\n", "f.yaml:6:18: `2026-02-30` is neither"),
        ("playbook", f"{PLAYBOOK}for_accounts: account.renews_at > 2026-02-30\n", "f.yaml:6:35: There is no such time"),
        ("scorecard", f"{CARD}for_accounts: account.renews_at > 2026-02-30\n", "f.yaml:6:35: There is no such time"),
    ],
)  # fmt: skip
def test_a_day_that_is_none_is_one_sentence_with_its_place(kind: str, text: str, said: str) -> None:
    with pytest.raises(Refused) as caught:
        KINDS[kind][1](text.encode())
    [problem] = caught.value.problems
    assert str(problem).startswith(said)


WORDS = (
    "id",
    "when",
    "steps",
    "csms",
    "measures",
    "traits",
    "x",
    "5",
    "~",
    "2026-02-30",
    "usage.breadth < 4",
    "{{ a }}",
)
MARKS = (
    ": ",
    "- ",
    "? ",
    "\n",
    "\n  ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "&a ",
    "*a",
    "!b ",
    "<<: ",
    '"',
    "'",
    "|\n",
    "#",
    "\t",
)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=300)
@given(text=st.lists(st.sampled_from([*WORDS, *MARKS]), max_size=40).map("".join), after=st.booleans())
def test_what_looks_like_yaml_is_read_or_refused(kind: str, text: str, after: bool) -> None:
    right, reading = KINDS[kind]
    try:
        reading(((right if after else "") + text).encode())
    except Refused as error:
        assert_told_with_places(error)


def test_all_faults_of_a_file_are_told_at_once() -> None:
    text = (
        "csms:\n"
        "  - id: ana\n"
        "    nmae: Ana\n"
        "    days: [Mon, wednesdy, 2026-01-01]\n"
        "    time_zone: Europe/Berln\n"
        "    hours: 17:00-09:00\n"
        "    holidays: [2026-02-30, soon]\n"
        "    away: [{from: 2026-05-02, to: 2026-05-01}]\n"
        "    capacity: many\n"
        "    tier:\n"
        "    manager: anna\n"
        "  - id: Ana\n"
        "    name: 5\n"
    )
    with pytest.raises(Refused) as caught:
        read_people(text, "csms.yaml")
    assert str(caught.value).splitlines() == [
        "csms.yaml:2:5: `name` is missing.",
        "csms.yaml:3:5: There is no field `nmae`. Did you mean `name`?",
        "csms.yaml:4:17: `wednesdy` is no day of the week; write monday or mon. Did you mean `wednesday`?",
        "csms.yaml:4:27: `2026-01-01` is no day of the week; write monday or mon.",
        "csms.yaml:5:16: There is no time zone `Europe/Berln`. Did you mean `Europe/Berlin`?",
        "csms.yaml:6:12: `17:00-09:00` are no working hours; write them as 09:00-17:00.",
        "csms.yaml:7:16: There is no such day as `2026-02-30`.",
        "csms.yaml:7:28: `soon` is no date; write one such as 2026-12-25, or a country such as PL or DE-BY.",
        "csms.yaml:8:35: `to` lies before `from`.",
        "csms.yaml:9:15: `capacity` must be a whole number, not `many`.",
        "csms.yaml:10:5: `tier` has no value. Give it one, or take the line out; a value with `#` in front of it needs "
        "quotes.",
        "csms.yaml:11:14: The manager `anna` is not in the directory. Did you mean `ana`?",
        "csms.yaml:12:5: `Ana` is there twice, by id or e-mail.",
        'csms.yaml:13:11: `name` must be text, not `5`. Write "5" in quotes.',
    ]


def test_all_faults_of_a_card_are_told_at_once() -> None:
    text = (
        "id: x\n"
        "versoin: 1\n"
        "measures:\n"
        "  usage.recncy: {weight: 60}\n"
        "  support.urgent: {weight: 400, missing: wurst, curve: {0: 100}}\n"
        "minimum_coverage: half\n"
        "caps:\n"
        "  - at_most: 40\n"
        "    while: billing.overdu >= 30 days\n"
        "bands: {green: 300, amber: red}\n"
    )
    with pytest.raises(Refused) as caught:
        read(text, "card.yaml", ScorecardFile)
    places = [str(problem).splitlines()[0].partition(": ") for problem in caught.value.problems]
    assert [place for place, _, _ in places] == [
        "card.yaml:1:1",
        "card.yaml:2:1",
        "card.yaml:4:3",
        "card.yaml:5:28",
        "card.yaml:5:42",
        "card.yaml:5:56",
        "card.yaml:6:19",
        "card.yaml:8:14",
        "card.yaml:9:12",
        "card.yaml:10:16",
        "card.yaml:10:28",
    ]
    told = str(caught.value)
    for hint in ("`version`?", "`usage.recency`?", "`worst`?", "`billing.overdue`?"):
        assert f"Did you mean {hint}" in told


def test_each_of_several_files_tells_all_of_its_faults(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("id: x\nwhen: usage.bredth < 4\nsteps: [alrt: Hi]\n")
    with pytest.raises(Refused) as caught:
        load_all(tmp_path)
    assert [(Path(one.file).name, one.position.line) for one in caught.value.problems] == [
        ("a.yaml", 2),
        ("a.yaml", 3),
        ("a.yaml", 3),
        ("b.yaml", 2),
        ("b.yaml", 3),
        ("b.yaml", 3),
    ]


def test_what_a_file_says_is_shown_on_a_terminal_as_one_safe_line() -> None:
    with pytest.raises(Refused) as caught:
        load_playbook(
            'id: x\nwhen: "usage.\u202ebredth\u2066 < 4"\n? |\n  a\u202e\n\n  b\n: 5\nsteps: [alert: Hi]\n', "f.yaml"
        )
    assert str(caught.value).isascii()
    assert [line.partition(": ")[0] for line in str(caught.value).splitlines() if line[0] != " "] == [
        "f.yaml:2:8",
        "f.yaml:3:3",
    ]


class TestWhereAFileShouldBe:
    def test_a_folder_in_place_of_a_file_is_said_to_be_none(self, tmp_path: Path) -> None:
        (tmp_path / "csms.yaml").mkdir()
        with pytest.raises(Refused, match=r"csms.yaml:1:1: This is no file."):
            load_people(tmp_path / "csms.yaml")
        for load_folder in (load_all, load_rules):
            with pytest.raises(Refused, match=r"csms.yaml:1:1: This is no file."):
                load_folder(tmp_path)

    def test_a_file_in_place_of_a_folder_is_said_to_be_none(self, tmp_path: Path) -> None:
        (tmp_path / "cards").write_text(CARD)
        for load_folder in (load_all, load_rules):
            with pytest.raises(Refused, match="The folder can't be read: Not a directory"):
                load_folder(tmp_path / "cards")
            with pytest.raises(Refused, match="The folder can't be read: No such file or directory"):
                load_folder(tmp_path / "nothing")

    def test_what_can_not_be_opened_is_said_to_be_so(self, tmp_path: Path) -> None:
        loop = tmp_path / "loop.yaml"
        loop.symlink_to(loop)
        with pytest.raises(Refused, match="The file can't be read: Too many levels of symbolic links"):
            content_of(loop)
        with pytest.raises(Refused, match="The file can't be read: No such file or directory"):
            content_of(tmp_path / "nothing.yaml")
        with pytest.raises(Refused, match="The file can't be read: File name too long"):
            load_people(tmp_path / ("x" * 5_000))
        assert not stat.S_ISREG(Path("/dev/zero").stat().st_mode)
        with pytest.raises(Refused, match="This is no file"):
            content_of(Path("/dev/zero"))

    def test_no_more_is_read_than_a_file_of_ours_has(self, tmp_path: Path) -> None:
        huge = tmp_path / "huge.yaml"
        with huge.open("wb") as opened:
            opened.truncate(50_000_000_000)
        with pytest.raises(Refused, match="The file is too large"):
            load(content_of(huge), "huge.yaml")


def test_anchors_work_where_they_stay_small() -> None:
    text = "a: &a {x: 1, y: &y [2]}\nb: *a\nc: *y\n"
    assert load(text, "f.yaml") == {"a": {"x": 1, "y": [2]}, "b": {"x": 1, "y": [2]}, "c": [2]}
    assert load("[" * (DEEPEST - 1) + "]" * (DEEPEST - 1), "f.yaml")
