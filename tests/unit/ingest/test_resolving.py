"""Aliases: who gets them, who waits, who is refused."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.core.checking import Checked
from services.ingest.core.resolving import names_of, released, resolve, value_of
from tests.support.ingest import an_event, judged
from tests.support.stream import NOON

ALIASES = ["stripe:1", "stripe:2", "zendesk:1"]


def usage(id: str, subject: str) -> dict[str, object]:
    return an_event(id, account=subject)


def update(id: str, subject: str, *aliases: str) -> dict[str, object]:
    return an_event(id, "account.updated", subject, data={"traits": {"aliases": list(aliases)}})


def checked(*events: dict[str, object]) -> list[Checked]:
    good, refused = judged(*events)
    assert refused == []
    return good


def test_an_event_of_a_known_alias_goes_under_its_account() -> None:
    out = resolve(checked(usage("e1", "stripe:1")), {"stripe:1": "northwind"})
    assert [e.subject for e in out.ready] == ["northwind"]
    assert msgspec.json.decode(value_of(out.ready[0]))["subject"] == "northwind"


def test_an_update_whose_alias_is_taken_sets_none_of_its_aliases() -> None:
    out = resolve(checked(update("a", "contoso", "stripe:2", "stripe:1")), {"stripe:1": "northwind", "stripe:2": None})
    assert [r.code for r in out.refused] == ["alias_taken"]
    assert (out.ready, out.newly_set) == ([], {})


def test_within_a_request_the_first_update_gets_the_alias() -> None:
    events = checked(update("a", "northwind", "stripe:1"), update("b", "contoso", "stripe:1"))
    out = resolve(events, {"stripe:1": None})
    assert out.newly_set == {"stripe:1": "northwind"}
    assert [r.id for r in out.refused] == ["b"]


def test_a_released_event_is_accepted_now_and_history_only_when_it_is_old() -> None:
    [event] = checked(usage("e1", "stripe:1"))
    fresh = msgspec.json.decode(released(value_of(event), "northwind", NOON, None))
    assert (fresh["subject"], fresh["accepted"], "history" in fresh) == ("northwind", "2026-05-20T12:00:00Z", False)
    old = msgspec.json.decode(released(value_of(event), "northwind", NOON, "imp_1"))
    assert old["history"] == "imp_1"


SUBJECTS = st.sampled_from([*ALIASES, "northwind", "contoso"])
UPDATES = st.builds(update, st.uuids().map(str), SUBJECTS, *[st.sampled_from(ALIASES)] * 2)
REQUESTS = st.lists(st.builds(usage, st.uuids().map(str), SUBJECTS) | UPDATES, max_size=8)


@given(REQUESTS, st.dictionaries(st.sampled_from(ALIASES), st.sampled_from(["northwind", "contoso"])))
def test_every_event_goes_waits_or_is_refused_and_no_alias_moves(
    events: list[dict[str, object]], set_before: dict[str, str]
) -> None:
    good = checked(*events)
    known = {name: set_before.get(name) for event in good for name in names_of(event)}
    out = resolve(good, known)
    everything = [e.index for e in out.ready] + [e.index for e in out.waiting] + [r.index for r in out.refused]
    assert sorted(everything) == list(range(len(events)))
    assert not set(out.newly_set) & {name for name, account in known.items() if account}
    after = {**known, **out.newly_set}
    assert all(after[e.subject] is None for e in out.waiting)
    for event in out.ready:
        assert all(after[name] == event.subject for name in event.aliases)
