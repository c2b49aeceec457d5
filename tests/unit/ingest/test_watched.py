"""What is noted of what comes in: how much, of whom, and what is said of it."""

from typing import Any

import msgspec
import pytest

from services.ingest.core.checking import Adjusted, Answer, Refusal, Waits
from services.ingest.core.senders import Sender
from services.ingest.core.sent import Knows, Record, Said, Same
from services.ingest.core.watched import (
    LARGEST,
    Fate,
    Noted,
    Pair,
    Sampling,
    Seen,
    chosen,
    fate_of,
    is_of_erased,
    seen,
    texts_in,
)
from shared.messages.erasing import digest_of
from tests.support.ingest import an_event
from tests.support.stream import NOON

WEB = Sender("segment-prod", "web")


def a_note(sent: Any, said: list[Said] | None = None, fate: Fate = "taken", reason: str = "") -> Noted:
    """A record as it came."""
    raw = sent if isinstance(sent, bytes) else msgspec.json.encode(sent)
    return Noted(NOON, WEB, "events", "", raw, said, fate, "", reason, 0)


def kept(sent: Any, said: list[Said] | None = None, fate: Fate = "taken", reason: str = "") -> Seen:
    """What is kept of it."""
    found = seen(a_note(sent, said, fate, reason))
    assert found is not None
    return found


def test_the_first_records_of_a_second_are_noted_and_the_others_counted() -> None:
    sampling, other = Sampling(a_key=5, all=8), Sender("app", "app")
    assert [sampling.room(WEB, 3, second=1) for _ in range(3)] == [3, 2, 0]
    assert sampling.room(other, 9, second=1) == 3, "three are left of all"
    assert (sampling.skipped(WEB), sampling.skipped(other), sampling.skipped(WEB)) == (4, 6, 0)
    assert sampling.room(WEB, 9, second=2) == 5


def test_keys_in_test_mode_have_room_of_their_own() -> None:
    sampling = Sampling(a_key=5, all=5)
    assert sampling.room(WEB, 9, second=1) == 5
    assert sampling.room(Sender("web", "web-test", test=True), 9, second=1) == 5


def test_what_was_refused_or_waits_is_noted_before_what_went_well() -> None:
    answer = Answer(98, [Refusal(90, "x", "c", "m")], [Waits(50, "y", "crm:1")])
    assert list(chosen(100, 4, answer)) == [0, 1, 50, 90]
    assert list(chosen(100, 1, answer)) == [90]
    assert list(chosen(3, 9, answer)) == [0, 1, 2]


def test_a_record_has_one_fate() -> None:
    answer = Answer(3, [Refusal(0, "x", "invalid_data", "No score.")], [Waits(1, "y", "crm:1")])
    said = (Said(id="a", type="usage.recorded", data={}),)
    assert fate_of(0, None, answer) == ("refused", "invalid_data", "No score.")
    assert fate_of(1, Record(sent=b"", said=said), answer)[::2] == (
        "waiting",
        "nobody has said which account 'crm:1' is",
    )
    theirs = Said(id="a", type="usage.recorded", data={}, account="crm:1", user="u1")
    why = fate_of(1, Record(sent=b"", said=(theirs,)), answer)[2]
    assert why == "nobody has said which account user 'u1' belongs to"
    assert fate_of(2, Record(sent=b"", said=said), answer) == ("taken", "", "")
    dropped = Record(sent=b"", why="dropped by web@3: drop 'Heartbeat*'")
    assert fate_of(3, dropped, answer) == ("dropped", "", "dropped by web@3: drop 'Heartbeat*'")
    tells = Record(sent=b"", knows=(Knows("u1", "acme", NOON),), why="says where a user is")
    assert fate_of(3, tells, answer)[0] == "taken"
    same = Record(sent=b"", same=(Same("u1", "visitor-4", NOON),), why="says who is who")
    assert fate_of(3, same, answer)[0] == "taken"


def test_what_of_a_record_was_left_out_or_changed_is_said_though_it_is_taken() -> None:
    ahead = Adjusted(0, "x", "2026-05-20T21:30:00Z", NOON, "time lies ahead; taken as now.")
    answer = Answer(2, [], adjusted=[ahead])
    group = Record(sent=b"", said=(Said(id="a", type="account.updated", data={}),), why="left out: mrr_minor")
    assert fate_of(0, group, answer) == ("taken", "", "time lies ahead; taken as now.")
    assert fate_of(1, group, answer) == ("taken", "", "left out: mrr_minor")
    assert fate_of(0, None, answer) == ("taken", "", "time lies ahead; taken as now.")


def test_an_event_of_ours_is_understood_as_it_is() -> None:
    found = kept(an_event("e1", data={"feature": "reports", "user_id": "u1"}))
    (one,) = found.understood
    assert (one.type, one.id, one.account, one.user, one.feature) == (
        "usage.recorded",
        "e1",
        "northwind",
        "u1",
        "reports",
    )
    assert (found.kind, found.name, found.key, found.source) == ("usage.recorded", "", "web", "segment-prod")


def test_a_clients_record_is_understood_as_what_it_comes_to() -> None:
    said = [Said(id="m1", type="usage.recorded", data={"feature": "reports"}, account="acme", user="u1")]
    found = kept({"type": "track", "event": "Report Opened", "userId": "u1"}, said)
    assert (found.kind, found.name) == ("track", "Report Opened")
    assert [(one.type, one.account, one.user) for one in found.understood] == [("usage.recorded", "acme", "u1")]


@pytest.mark.parametrize("sent", [b"", b"[", b"null", b"[1]", b'"x"', b'{"type": 3, "event": {}}', b"\xff\xfe"])
def test_whatever_it_is_it_can_be_shown(sent: bytes) -> None:
    found = kept(sent)
    assert (found.sent, found.kind, found.name) == (sent, "", "")


def test_a_large_record_is_cut_and_says_how_large_it_was() -> None:
    found = kept({"type": "track", "x": "y" * 100_000}, [Said(id="1", type="usage.recorded", data={})])
    assert (len(found.sent), found.size > 100_000) == (LARGEST, True)
    assert [one.type for one in found.understood] == ["usage.recorded"]


def test_no_text_of_it_stops_a_database() -> None:
    found = kept({"type": "tr\0ack", "event": "x\0", "id": "a\0"}, fate="refused", reason="It says '\0'\ud800.")
    assert (found.kind, found.name, found.reason) == ("track", "x", "It says ''?.")
    assert [one.id for one in found.understood] == ["a"]


def test_what_erases_somebody_is_not_kept() -> None:
    assert seen(a_note(an_event("e1", "contact.erased", data={"contact_id": "kim@example.com"}))) is None
    assert seen(a_note(an_event("e1", "account.erased", data={}))) is None


def test_ids_are_found_wherever_they_stand() -> None:
    assert texts_in(msgspec.json.encode({"a": [{"b": "kim"}, 42, True, None], "c": 1.5})) == {"kim", "42"}
    assert texts_in(b"nothing") == set()
    assert texts_in(kept({"a": "kim", "b": 'le"e', "c": "x" * LARGEST}).sent) >= {"kim", 'le"e'}, "in one that is cut"


def test_a_record_about_somebody_who_was_erased_is_known_by_digests_alone() -> None:
    kim = Pair(digest_of("acme"), digest_of("kim"))
    acme = Pair(digest_of("acme"), "")

    def is_of(pair: Pair, account: str | None, user: str) -> bool:
        said = [Said(id="1", type="usage.recorded", data={}, account=account)]
        return is_of_erased(kept({"userId": user}, said), [pair])

    assert is_of(kim, "acme", "kim")
    assert not is_of(kim, "acme", "lee")
    assert not is_of(kim, "contoso", "kim"), "another Kim"
    assert is_of(kim, None, "kim"), "nobody knows of which account"
    assert is_of(acme, "acme", "lee")
    assert not is_of(acme, "contoso", "lee")
    assert is_of(acme, None, "acme"), "it names the account somewhere"


def test_it_has_the_account_whose_alias_was_sent() -> None:
    found = kept(an_event(account="crm:1")).with_owners({"crm:1": "acme"})
    assert [(one.account, one.alias) for one in found.understood] == [("acme", "crm:1")]
    assert found.accounts == {"acme"}
    assert kept(an_event(account="crm:1")).with_owners({"crm:1": None}).accounts == {"crm:1"}
