"""Links that sign what they let one do."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from itsdangerous import URLSafeSerializer

from shared.links import LASTING, Act, Links, Tampered
from shared.messages.actions import Colleague
from tests.support.stream import NOON

OLD, NEW = "o" * 32, "n" * 32


def an_act(**changes: Any) -> Act:
    fields: dict[str, Any] = {
        "letter": "dlv-1",
        "item_id": "tsk-41",
        "account_id": "northwind",
        "kind": "task",
        "move": "done",
        "who": "dana@example.com",
        "subject": "Northwind: call their admin — “now” 😀",
        "expires": int((NOON + LASTING).timestamp()),
    }
    return Act(**(fields | changes))


def token_of(links: Links, act: Act) -> str:
    return links.act_url(act).rpartition("/")[2]


def test_a_link_says_what_was_signed() -> None:
    links = Links([NEW], "https://keepwell.example.com")
    act = an_act(time_zone="Europe/Berlin", to=[Colleague(id="csm-4", name="Säm")])
    url = links.act_url(act)
    assert url.startswith("https://keepwell.example.com/a/")
    assert url.isascii()
    assert links.read_act(url.rpartition("/")[2]) == act


def test_a_key_is_replaced_by_one_before_it() -> None:
    signed_before, signed_after = token_of(Links([OLD]), an_act()), token_of(Links([NEW, OLD]), an_act())
    both = Links([NEW, OLD])
    assert both.read_act(signed_before) == both.read_act(signed_after) == an_act()
    assert Links([NEW]).read_act(signed_after) == an_act()
    with pytest.raises(Tampered):
        Links([NEW]).read_act(signed_before)


def test_nobody_changes_a_token() -> None:
    links = Links([NEW])
    token = token_of(links, an_act())
    for at in range(0, len(token), 3):
        other = "B" if token[at] != "B" else "C"
        with pytest.raises(Tampered):
            links.read_act(token[:at] + other + token[at + 1 :])


@pytest.mark.parametrize("token", ["", ".", "a.b", "é" * 40, "A" * 10_000, "..", "%00"])
def test_what_is_no_token_is_none(token: str) -> None:
    with pytest.raises(Tampered):
        Links([NEW]).read_act(token)


def test_what_was_signed_for_another_purpose_is_no_link_of_this_one() -> None:
    said = msgspec.json.encode(an_act()).decode()
    other = URLSafeSerializer([NEW], salt=b"keepwell.survey").dumps(said)
    with pytest.raises(Tampered):
        Links([NEW]).read_act(other)


def test_it_expires_at_its_instant() -> None:
    act = an_act()
    assert not act.is_over(NOON + LASTING - timedelta(seconds=1))
    assert act.is_over(NOON + LASTING)
    assert act.expires_at == NOON + LASTING


def test_a_link_stays_short_however_many_people_there_are() -> None:
    crowd = [Colleague(id=f"csm-{n:05}", name=f"Somebody {n * 7919} with a name") for n in range(500)]
    links = Links([NEW], "https://keepwell.example.com")
    url = links.act_url(an_act(move="reassign", to=crowd))
    assert len(url) < 2_000
    assert links.read_act(url.rpartition("/")[2]).to == crowd[: len(links.read_act(url.rpartition("/")[2]).to)] != []


def test_a_letter_that_came_twice_gives_one_answer() -> None:
    again = an_act(expires=int((NOON + LASTING).timestamp()) + 60)
    assert an_act().response_id() == again.response_id()
    others = [an_act(letter="dlv-2"), an_act(item_id="tsk-42"), an_act(move="take")]
    assert len({one.response_id() for one in (an_act(), *others)} | {an_act().response_id("1")}) == 5
