"""What a draft of a mapping would change is counted, and shown by examples."""

from services.ingest.core.previewing import EXAMPLES, Both, Tally
from services.ingest.core.sent import Record, Said
from tests.support.stream import NOON


def a_use(feature: str, account: str | None = "acme", user: str | None = None) -> list[Record]:
    """A record that comes to a use."""
    said = Said(id="1", type="usage.recorded", data={"feature": feature}, account=account, user=user)
    return [Record(sent=b"", said=(said,))]


def test_records_are_counted_by_what_they_come_to() -> None:
    tally = Tally()
    dropped = [Record(sent=b"", why="dropped by web@3: drop 'x'")]
    refused = [Record(sent=b"", refused=("no_name", "It has no name."))]
    for _ in range(3):
        tally.add(
            b'{"event":"Report Opened"}', NOON, "web", "track Report Opened", a_use("Report Opened"), a_use("reports")
        )
    tally.add(b"{}", NOON, "web", "track x", a_use("x"), dropped)
    tally.add(b"{}", NOON, "web", "track y", a_use("y", None), refused)
    tally.add(b"{}", NOON, "web", "track z", a_use("z", None, "u1"), a_use("z", None, "u1"))
    found = tally.result
    assert (found.records, found.differ) == (6, 5)
    assert found.becomes == [
        Both("usage.recorded reports", 0, 3),
        Both("usage.recorded Report Opened", 3, 0),
        Both("dropped by web@3: drop 'x'", 0, 1),
        Both("refused", 0, 1),
        Both("usage.recorded x", 1, 0),
        Both("usage.recorded y, of no account", 1, 0),
        Both("usage.recorded z", 1, 1),
    ]
    first = found.examples[0]
    assert (first.name, first.sent) == ("track Report Opened", '{"event":"Report Opened"}')
    assert first.before == ['usage.recorded of acme: {"feature":"Report Opened"}']
    assert first.after == ['usage.recorded of acme: {"feature":"reports"}']
    assert [one.after for one in found.examples[1:]] == [["dropped by web@3: drop 'x'"], ["refused: It has no name."]]


def test_another_account_is_a_difference_though_it_is_counted_as_the_same() -> None:
    tally = Tally()
    tally.add(b"{}", NOON, "web", "", a_use("x", None, "u1"), a_use("x", "acme", "u1"))
    found = tally.result
    assert (found.differ, found.becomes) == (1, [Both("usage.recorded x", 1, 1)])
    assert found.examples[0].before == ['usage.recorded of the account of user u1: {"feature":"x"}']


def test_there_are_so_many_examples_and_names_however_much_changes() -> None:
    tally = Tally()
    for number in range(300):
        tally.add(b"\xff" * 5_000, NOON, "web", "", a_use(f"a{number}"), a_use("reports"))
    found = tally.result
    assert (found.differ, len(found.examples), len(found.becomes)) == (300, EXAMPLES, 101)
    assert (found.becomes[0].after, found.becomes[-1].what, found.becomes[-1].before) == (300, "others", 201)
    assert len(found.examples[0].sent) == 2_000
