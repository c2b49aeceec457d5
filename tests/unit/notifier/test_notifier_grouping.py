from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.notifier.core.grouping import WINDOW, Due, Gate, complete, hopeless, parcels, place, through
from services.notifier.core.retry import MOST_TRIES
from services.notifier.core.routing import Route
from tests.support.notifier import NOW, an_action, an_alert

DM = Route(transport="slack", target="U1")


def a_delivery(id: str, **changes: object) -> Due:
    given = Due(id=id, message_id=None, group="g", target="U1", due_at=NOW, held_until=None)
    return given._replace(**changes)  # type: ignore[arg-type]


def after(**by: float) -> timedelta:
    return timedelta(**by)


def test_the_first_goes_at_once_and_the_rest_of_the_minute_as_one() -> None:
    gate, first = through(None, NOW)
    gate, second = through(gate, NOW + after(seconds=1))
    _, third = through(gate, NOW + after(seconds=59))
    assert first == NOW
    assert second == third == NOW + WINDOW


def test_after_a_quiet_minute_the_next_goes_at_once_again() -> None:
    gate, _ = through(None, NOW)
    assert through(gate, NOW + after(seconds=61))[1] == NOW + after(seconds=61)


def test_while_they_keep_coming_one_goes_a_minute() -> None:
    gate, dues = None, set()
    for second in range(0, 300, 2):
        gate, due = through(gate, NOW + after(seconds=second))
        dues.add(due)
    assert sorted(dues) == [NOW + n * WINDOW for n in range(6)]


@given(st.lists(st.floats(0, 40), min_size=1, max_size=60))
def test_nobody_waits_longer_than_a_minute_and_no_more_than_two_messages_go_in_one(gaps: list[float]) -> None:
    gate: Gate | None = None
    now, dues = NOW, set()
    for gap in gaps:
        now += after(seconds=gap)
        gate, due = through(gate, now)
        assert now <= due <= now + WINDOW
        dues.add(due)
    ordered = sorted(dues)
    assert all(third - first >= WINDOW for first, third in zip(ordered, ordered[2:], strict=False))


@given(st.lists(st.tuples(st.floats(0, 40), st.sampled_from([0, 0, 0, 7200, 40 * 86400])), min_size=1, max_size=40))
def test_a_clock_that_was_ahead_holds_nothing_up_for_longer_than_a_minute(looks: list[tuple[float, int]]) -> None:
    gate: Gate | None = None
    now = NOW
    for gap, ahead in looks:
        now += after(seconds=gap)
        seen = now + after(seconds=ahead)
        gate, due = through(gate, seen)
        assert seen <= due <= seen + WINDOW


def test_groups_are_of_one_recipient_and_playbook_and_kind() -> None:
    base = place(an_alert("a"), DM, NOW).group
    assert place(an_alert("b", playbook="usage-falling@2"), DM, NOW).group == base
    assert place(an_alert("c", playbook="another@1"), DM, NOW).group != base
    assert place(an_action("d", playbook="usage-falling@1"), DM, NOW).group != base
    assert place(an_alert("e", recipient=None), DM, NOW).group != base


def test_what_time_caused_goes_with_whatever_else_waits_for_the_recipient() -> None:
    monday = NOW + after(days=5)
    one, other = (place(action, DM, NOW) for action in (an_alert(not_before=monday), an_action(not_before=monday)))
    assert one == other
    assert (one.not_before, one.gated) == (monday, False)
    assert place(an_alert(not_before=NOW), DM, NOW).gated


def test_a_digest_goes_by_itself() -> None:
    digest = place(an_alert("d", kind="digest"), DM, NOW)
    assert not digest.gated
    held = NOW + after(seconds=30)
    found = parcels([a_delivery("a", held_until=held), a_delivery("d", group=digest.group, held_until=held)], 10)
    assert len(found) == 2


def test_what_is_due_together_and_of_one_group_goes_as_one() -> None:
    due = [a_delivery("a"), a_delivery("b", group="h"), a_delivery("c")]
    assert [[d.id for d in parcel] for parcel in parcels(due, 10)] == [["a", "c"], ["b"]]


def test_what_waited_for_a_hold_goes_as_one_for_each_target() -> None:
    held = NOW + after(seconds=30)
    due = [
        a_delivery("a", group="g1", held_until=held, due_at=held),
        a_delivery("b", group="g2", held_until=held),
        a_delivery("c", group="g3", target="U2", held_until=held),
        a_delivery("d", group="g4", held_until=held, due_at=held + after(seconds=1)),
    ]
    assert sorted(sorted(d.id for d in parcel) for parcel in parcels(due, 10)) == [["a", "b"], ["c"], ["d"]]


def test_what_may_have_arrived_stays_with_its_company_under_its_id() -> None:
    due = [a_delivery("a", message_id="m1"), a_delivery("b", message_id="m1"), a_delivery("c")]
    assert [[d.id for d in parcel] for parcel in parcels(due, 10)] == [["a", "b"], ["c"]]


def test_all_of_a_message_goes_again_although_only_part_of_it_was_found_due() -> None:
    sent = [a_delivery(id, message_id="m1") for id in "ab"]
    sent.append(a_delivery("c", message_id="m1", due_at=NOW + after(hours=1)))
    [parcel] = parcels(complete(sent[:1], sent, NOW), 10)
    assert [(d.id, d.message_id) for d in parcel] == [("a", "m1"), ("b", "m1"), ("c", "m1")]


def test_while_part_of_a_message_is_being_sent_the_rest_of_it_waits() -> None:
    waits = a_delivery("a", message_id="m1")
    being_sent = a_delivery("b", message_id="m1", state="sending", due_at=NOW + after(seconds=30))
    assert complete([waits, a_delivery("c")], [waits, being_sent], NOW) == [a_delivery("c")]
    assert len(complete([waits], [waits, being_sent], NOW + after(seconds=30))) == 2


def test_what_is_left_of_a_message_has_an_id_of_its_own() -> None:
    left = [a_delivery(id, message_id="m1") for id in "ab"]
    for state in ("delivered", "failed", "cancelled"):
        found = complete(left, [*left, a_delivery("c", message_id="m1", state=state)], NOW)
        assert [d.id for d in found] == ["a", "b"]
        assert len({d.message_id for d in found} - {"m1"}) == 1


def test_a_message_is_given_up_when_all_of_it_was_tried_often_enough() -> None:
    cut_off = [a_delivery(id, message_id="m1", state="sending", tries=MOST_TRIES) for id in "ab"]
    assert hopeless(cut_off) == {"a", "b"}
    assert hopeless([cut_off[0], cut_off[1]._replace(tries=1)]) == set()
    assert hopeless([one._replace(state="waiting") for one in cut_off]) == set()


@given(
    st.lists(st.tuples(st.sampled_from("gh"), st.sampled_from(["", "m1", "m2"]), st.integers(0, 90)), max_size=40),
    st.integers(1, 5),
)
def test_no_delivery_is_in_two_parcels_and_none_is_lost_when_there_is_room(
    given: list[tuple[str, str, int]], most: int
) -> None:
    due = [
        a_delivery(str(n), group=group, message_id=message or None, due_at=NOW + after(seconds=second))
        for n, (group, message, second) in enumerate(given)
    ]
    found = parcels(due, most)
    ids = [d.id for parcel in found for d in parcel]
    assert len(found) <= most
    assert len(ids) == len(set(ids))
    if most >= 4:
        assert len(ids) == len(due)
