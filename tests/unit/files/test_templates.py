"""Texts of playbooks: what can grow without end is refused when the file is read, and all else is bounded."""

import tracemalloc
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.playbooks.files import load_playbook
from shared.conditions import Facts, Refused, Scope
from shared.files.sandbox import Unwritable
from shared.files.templates import problems_of, render, written
from shared.files.tongues import Tongue

NOW = datetime(2026, 3, 2, tzinfo=UTC)
FACTS = Facts.of(
    {
        "account.name": "Northwind" * 10_000,
        "account.seats": 10**9,
        "usage.trend": -12.5,
        "usage.unused_features": ["reports" * 1_000] * 5_000,
    }
)

GROWS = [
    "{% for a in range(10**9) %}{% for b in range(10**9) %}x{% endfor %}{% endfor %}",
    "{% for a in usage.unused_features %}{% for b in usage.unused_features %}{{ b }}{% endfor %}{% endfor %}",
    "{% for a in usage.unused_features recursive %}{{ loop(usage.unused_features) }}{% endfor %}",
    "{% for a in account.name %}x{% endfor %}",
    "{% for a in [1, 2, 3] %}x{% endfor %}",
    "{% for a, b in usage.unused_features %}x{% endfor %}",
    "{% for a in usage.unused_features %}{{ account.name | list" + " | sort" * 5 + " }}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% call account.name() %}{% endcall %}",
    "{{ '%0999999999d' % 1 }}",
    "{{ '%0999999999d' | format(1) }}",
    "{{ 'x' * 10**9 }}",
    "{{ 10**9 * 'x' }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ [0] * account.seats }}",
    "{{ range(10**9) | list }}",
    "{{ lipsum(n=10**9) }}",
    "{{ cycler(1) }}",
    "{{ namespace(a=1) }}",
    "{{ dict(a=1) }}",
    "{{ account.name | center(10**9) }}",
    "{{ account.name | center(999999999) }}",
    "{{ account.name | indent(999999999) }}",
    "{{ account.name | wordwrap(1) }}",
    "{{ account.name | list | slice(999999999) | list }}",
    "{{ account.name | batch(999999999, 0) | list }}",
    "{{ account.name | urlize }}",
    "{{ account.seats | round(999999999, 'ceil') }}",
    "{{ account.seats | round(account.seats, 'ceil') }}",
    "{{ account.seats | round(900 * 900, 'ceil') }}",
    "{{ account.seats | round(precision=999999999) }}",
    "{{ account.seats | round(*usage.unused_features) }}",
    "{{ account.seats | round(**account) }}",
    "{% set a = 'xx' %}" + "{% set a = a ~ a %}" * 60 + "{{ a }}",
    "{% with a = account.name %}{{ a }}{% endwith %}",
    "{% filter replace('a', 'aa') %}a{% endfilter %}",
    "{% include 'x' %}",
    "{% import 'x' as x %}",
    "{% extends 'x' %}",
    "{% block a %}{% endblock %}",
    "{% raw %}" + "x" * 5_000 + "{% endraw %}",
    "{{ account.name.upper() }}",
    "{{ account.name.__class__ }}",
    "{{ account.name.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''.__class__ }}",
    "{{ (account.name | list).__class__ }}",
    "{{ account.name | attr('__class__') }}",
    "{{ usage.unused_features | map(attribute='__class__') | list }}",
    "{{ self }}",
    "{{ loop }}",
    "{{ " + "(" * 900 + "1" + ")" * 900 + " }}",
    "{{ " + "-" * 1_900 + "1 }}",
    "{{ " + "9" * 1_990 + " }}" + "x" * 100,
    "{% if account.name %}" * 80 + "x" + "{% endif %}" * 80,
    "{{ 1" + "0" * 4_400 + " }}",
]
"""Texts that can never work, or that work without end: the suite's own bound on a test would tell."""


@pytest.mark.parametrize("text", GROWS, ids=lambda text: text[:40])
def test_what_can_grow_is_refused_when_the_file_is_read(text: str) -> None:
    with pytest.raises(Refused) as caught:
        load_playbook(f"id: x\nwhen: usage.breadth < 4\nsteps:\n  - task: >-\n      {text}\n", "p.yaml")
    problem = caught.value.problems[0]
    assert (problem.file, problem.position.line) == ("p.yaml", 4)
    assert problem.message.endswith(".")


@pytest.mark.parametrize("text", GROWS, ids=lambda text: text[:40])
def test_what_was_never_checked_is_not_filled_in_either(text: str) -> None:
    assert len(render(text, FACTS, NOW)) <= 500


def test_a_refusal_says_what_to_do() -> None:
    def said(text: str) -> str:
        return " ".join(str(part) for problem in problems_of(text, Scope()) for part in problem if part)

    assert said("{% macro m() %}{% endmacro %}") == (
        "The text can't be filled in: a text has no macro. Write facts, filters, if, and for over a list."
    )
    assert "there is no filter `uper`. Did you mean `upper`?" in said("{{ account.name | uper }}")
    assert said("{% for a in account.name %}x{% endfor %}").startswith("A loop goes over a fact that is a list.")
    assert said("{{ acount.name }}") == "There is no fact `acount.name`. Did you mean `account.name`?"


HEAVY = [
    "{{ " + "not " * 450 + "1 }}",
    "{% for a in usage.unused_features %}{{ a }}{{ account.name }}{% endfor %}",
    "{% for a in usage.unused_features %}{% if (account.name ~ account.name) | length < 1 %}x{% endif %}{% endfor %}",
    "{{ account.name" + " | replace('N', 'NNNNNNNNNN')" * 60 + " }}",
    "{{ account.name | replace('', '" + "x" * 1_500 + "') }}",
    "{{ usage.unused_features | join('" + "x" * 1_500 + "') }}",
    "{{ account.seats" + " * account.seats" * 100 + " }}",
    "{{ account.name" + " ~ account.name" * 100 + " }}",
    "{{ account.name" + " + account.name" * 100 + " }}",
    "{{ usage.unused_features" + " + usage.unused_features" * 60 + " }}",
    "{{ account.seats | round(1000, 'ceil') }}",
    *(
        "{% for a in usage.unused_features %}{% if (" + inside + ") == 0 %}x{% endif %}{% endfor %}"
        for inside in (
            "(" + " ~ ".join(["account.name"] * 100) + ")" + " | sort | title" * 2,
            "(" + " + ".join(["usage.unused_features"] * 60) + ")" + " | sort | unique | list",
        )
    ),
    "{{ account.name | int(0, 36) }}",
]


@pytest.mark.parametrize("text", HEAVY, ids=lambda text: text[:60])
def test_what_is_filled_in_is_bounded(text: str) -> None:
    assert list(problems_of(text, Scope())) == []
    tracemalloc.start()
    assert len(render(text, FACTS, NOW)) <= 500
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60_000_000


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{% for one in usage.unused_features %}{{ loop.index }} {{ one }}, {% endfor %}", "1 api, 2 sso,"),
        ("{{ usage.unused_features[0] }} {{ usage.unused_features | join(' and ') }}", "api api and sso"),
        ("{{ usage.trend * -1 + 2 * 3 }} {{ (usage.trend / 2) | round(1) | abs }}", "18 6.0"),
        ("{% if account.plan in ['pro', 'max'] and usage.trend < 0 %}less{% elif 1 %}more{% endif %}", "less"),
        (
            "{{ account.owner | default(account.name) | upper }} {{ 'a' if account.seats is defined else 'b' }}",
            "ACME b",
        ),
        (
            "{{ account.name ~ '!' }} {{ account.name[:2] }} {{ account.name | truncate(3, true, '…', 0) }}",
            "Acme! Ac Ac…",
        ),
    ],
)
def test_what_people_write_works_as_before(text: str, filled: str) -> None:
    known = {
        "account.name": "Acme",
        "account.plan": "pro",
        "usage.trend": -12.0,
        "usage.unused_features": ["api", "sso"],
    }
    assert list(problems_of(text, Scope())) == []
    assert render(text, Facts.of(known), NOW) == filled


PARTS = (
    *("{{", "}}", "{%", "%}", "for", "in", "if", "else", "endif", "endfor", "account.name", "usage.unused_features"),
    *("a", "9", "'x'", "(", ")", "[", "]", ".", ",", "|", "*", "**", "%", "~", "+", "-", "not"),
    *("range", "set a =", "replace", "round", "join", "upper"),
)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PARTS), max_size=30))
def test_any_text_is_told_of_and_filled_in(parts: list[str]) -> None:
    text = " ".join(parts)
    list(problems_of(text, Scope()))
    assert len(render(text, FACTS, NOW)) <= 500


@pytest.mark.parametrize("order", [("usage.limit.x", "usage.limit.x.pace"), ("usage.limit.x.pace", "usage.limit.x")])
def test_a_fact_and_one_that_is_named_as_a_part_of_it_are_both_filled_in(order: tuple[str, str]) -> None:
    facts = Facts.of({"usage.limit.x": 57.0, "usage.limit.x.pace": 120.0})
    text = " then ".join(f"{{{{ {name} }}}} %" for name in order)
    assert render(text, facts, NOW) in ("57 % then 120 %", "120 % then 57 %")
    assert "unknown" not in render(text, facts, NOW)


def test_a_text_for_a_customer_is_bounded_too_and_has_no_holes() -> None:
    tongue = Tongue("de")
    with pytest.raises(Unwritable, match="longer than 4,000 letters"):
        written("{% for a in usage.unused_features %}{{ a }}{% endfor %}", FACTS, NOW, tongue)
    assert written("{{ account.seats }} und {{ 2.5 }}", FACTS, NOW, tongue) == "1.000.000.000 und 2,5"
    for hole in (
        "{{ account.plan }}",
        "{{ account.plan ~ 'x' }}",
        "{{ account.plan | upper }}",
        "{{ account.plan + 1 }}",
    ):
        with pytest.raises(Unwritable, match="not known"):
            written(hole, FACTS, NOW, tongue)
    for filled in ("{{ account.plan | default('keiner') }}", "{% if not account.plan %}keiner{% endif %}"):
        assert written(filled, FACTS, NOW, tongue) == "keiner"


@pytest.mark.parametrize("money", ["account.name | money('EUR')", "1 | money('euro')", "1 | money(account.plan)"])
def test_what_is_no_money_is_not_written_as_such(money: str) -> None:
    with pytest.raises(Unwritable):
        written("{{ " + money + " }}", FACTS, NOW, Tongue("en"))


def test_money_in_a_playbooks_text_is_as_we_write_it() -> None:
    assert render("{{ 420000 | money('EUR') }} and {{ 5 | money('JPY') }}", FACTS, NOW) == "€4,200 and ¥5"
