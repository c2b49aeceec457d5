from typing import Any

from services.playbooks.core.seen import MOST_SHOWN, Seen, SeenValue, Tally, example, never_seen, texts_asked
from shared.conditions import FACTS, Declared, Scope, parse
from tests.support.playbooks import DAY, MONDAY, a_playbook


def seen(name: str, *accounts: dict[str, Any]) -> Seen:
    tally = Tally([FACTS[name]], MONDAY)
    for values in accounts:
        tally.add(values)
    assert tally.accounts == len(accounts)
    return tally.summed_up()[name]


def test_of_a_text_the_most_frequent_come_first() -> None:
    plans = [{"account.plan": plan} for plan in ("pro", "free", "pro", "team", "free", "pro")]
    assert seen("account.plan", *plans, {}) == Seen(
        accounts=6, values=[SeenValue("pro", 3), SeenValue("free", 2), SeenValue("team", 1)], kinds=3
    )


def test_of_many_texts_a_few_are_shown() -> None:
    found = seen("account.name", *[{"account.name": f"Company {n:03}"} for n in range(100)])
    assert (found.kinds, len(found.values), found.values[0].value) == (100, MOST_SHOWN, "Company 000")


def test_a_list_counts_each_item_once_an_account() -> None:
    found = seen("usage.used_features", {"usage.used_features": ["a", "b", "a"]}, {"usage.used_features": ["a"]}, {})
    assert (found.accounts, found.values) == (2, [SeenValue("a", 2), SeenValue("b", 1)])


def test_of_a_number_the_lowest_the_median_and_the_highest() -> None:
    found = seen("account.seats", *[{"account.seats": seats} for seats in (40, 3, 10, 7)], {"account.seats": "many"})
    assert (found.accounts, found.minimum, found.median, found.maximum) == (4, 3, 7, 40)


def test_what_is_linear_in_time_is_counted_now() -> None:
    found = seen("relationship.silence", {"relationship.silent_since": (MONDAY - 3 * DAY).isoformat()})
    assert found.median == 3


def test_what_nobody_has_has_no_values() -> None:
    assert seen("account.seats", {}) == Seen(accounts=0)
    assert seen("account.plan", {}) == Seen(accounts=0)


def test_every_example_can_be_written() -> None:
    scope = Scope({"tier": "text"}, ["exports"], "feedback.nps")
    for spec in scope.facts.values():
        parse(example(spec, []), scope)
        parse(example(spec, ["big corp", "x"]), scope)


ASKS = """\
id: x
for_accounts: account.plan in [Pro, free]
when:
  - usage.unused_features contains export
steps: [alert: Hi]
"""


def told(declared: Declared, *accounts: dict[str, Any]) -> list[str]:
    playbook = a_playbook(ASKS)
    tally = Tally({leaf.subject.name: leaf.subject for leaf, _ in texts_asked(playbook)}.values(), MONDAY)
    for values in accounts:
        tally.add(values)
    return [str(problem) for problem in never_seen(playbook, declared, tally)]


def test_texts_that_no_account_has_are_told_with_the_nearest() -> None:
    accounts: list[dict[str, Any]] = [
        {"account.plan": "pro", "usage.unused_features": ["exports"]},
        {"account.plan": "free"},
    ]
    assert told(Declared(), *accounts) == [
        "line 2, column 15: None of the 2 accounts looked at has `Pro` for `account.plan`. Did you mean `pro`?",
        "line 4, column 5: None of the 2 accounts looked at has `export` for `usage.unused_features`. "
        "Did you mean `exports`?",
    ]


def test_what_a_catalogue_declares_or_nobody_can_tell_is_not_told() -> None:
    assert told(Declared()) == []
    assert told(Declared(plans=["Pro", "free"]), {"account.plan": "team"}) == []
