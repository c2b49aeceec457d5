"""What a condition can never be, whatever the facts: found on the tree alone, before any account is looked at.

It looks for facts under which some conditions have the truths that are wished for: it intersects, fact by fact, where
each leaf has its truth, and goes through the branches of what is alternative. What it calls impossible is impossible;
of a very large condition it says nothing.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from shared.conditions.errors import Position, Problem
from shared.conditions.regions import ORDERED, Numbers, Region, region_of, subject_of
from shared.conditions.tree import AllOf, AnyOf, Condition, Leaf, Not, facts_of, leaves_of, one_line

_MOST_BRANCHES: Final = 1_000
_SHOWN: Final = 80


class _Wish(NamedTuple):
    """A condition is to be true, or, with `wanted` unset, false; with `unknown`, unknown will do as well."""

    condition: Condition
    wanted: bool
    unknown: bool = False


def can_hold(*conditions: Condition) -> bool:
    """Can all of these be true at once? False is certain."""
    return _Search().finds([_Wish(one, wanted=True) for one in conditions], {})


def implied(conclusion: Condition, *premises: Condition) -> bool:
    """Is the conclusion true whenever all premises are? True is certain."""
    wishes = [_Wish(one, wanted=True) for one in premises]
    return not _Search().finds([*wishes, _Wish(conclusion, wanted=False, unknown=True)], {})


def always_holds(condition: Condition) -> bool:
    """Is it never false, as far as its facts are known? True is certain."""
    return not _Search().finds([_Wish(condition, wanted=False)], {})


class _Search:
    """Looks for facts that fulfil wishes; gives up after a thousand branches, as if it had found them."""

    def __init__(self) -> None:
        self._left = _MOST_BRANCHES

    def finds(self, wishes: Iterable[_Wish], known: dict[str, Region]) -> bool:
        """Is there something that fulfils them, beside what is `known` of each fact?"""
        asked, choices, regions = list(wishes), list[_Wish](), dict(known)
        while asked:
            condition, wanted, unknown = wish = asked.pop()
            match condition:
                case Leaf():
                    name, found = subject_of(condition.subject), region_of(condition, wanted=wanted, unknown=unknown)
                    regions[name] = regions[name] & found if name in regions else found
                case Not(part):
                    asked.append(_Wish(part, not wanted, unknown))
                case AllOf(parts) if wanted:
                    asked += [_Wish(part, wanted, unknown) for part in parts]
                case AnyOf(parts) if not wanted:
                    asked += [_Wish(part, wanted, unknown) for part in parts]
                case _:
                    choices.append(wish)
        if any(region.is_empty for region in regions.values()) or not _agree(regions):
            return False
        self._left -= 1
        if not choices or self._left <= 0:
            return True
        (condition, wanted, unknown), *rest = choices
        parts = condition.parts if isinstance(condition, AllOf | AnyOf) else ()
        return any(self.finds([_Wish(part, wanted, unknown), *rest], regions) for part in parts)


def _agree(regions: dict[str, Region]) -> bool:
    """Days since an instant are known where the instant is, and nowhere else; what never exceeds another doesn't."""
    for name, days in regions.items():
        instant = regions.get(name.removeprefix("days_since ")) if name.startswith("days_since ") else None
        if instant and not (days.unknown and instant.unknown) and not (days.known and instant.known):
            return False
    return all(
        other.values.reaches(one.values)
        for lower, upper in ORDERED
        if _is_known(lower, regions) and _is_known(upper, regions)
        if (one := regions.get(lower)) and (other := regions.get(upper))
        if isinstance(one.values, Numbers) and isinstance(other.values, Numbers)
    )


def _is_known(subject: str, regions: dict[str, Region]) -> bool:
    """Is it, or the instant that it counts from, surely known?"""
    found = (regions.get(name) for name in (subject, subject.removeprefix("days_since ")))
    return any(one is not None and not one.unknown for one in found)


def contradictions(condition: Condition) -> Iterator[Problem]:
    """What can never hold, by its smallest part, with its place and what it is at odds with."""
    parts = condition.parts if isinstance(condition, AllOf | AnyOf) else ()
    parts = (condition.part,) if isinstance(condition, Not) else parts
    inside = [problem for part in parts for problem in contradictions(part)]
    yield from inside
    if not inside and not can_hold(condition):
        yield _at_odds(parts) if isinstance(condition, AllOf) else _impossible(condition)


def _impossible(condition: Condition) -> Problem:
    """That a condition can't hold by itself."""
    subject = condition.subject if isinstance(condition, Leaf) else None
    ends = "" if subject is None or subject.highest is None else f": it is {subject.lowest} to {subject.highest}"
    return Problem(f"This can never hold{ends}.", _place(condition), snippet=_shown(condition))


def at_odds(*conditions: Condition | None) -> Iterator[Problem]:
    """What can never hold beside the rest, where each alone can; None asks nothing."""
    given = [one for one in conditions if one is not None]
    if all(map(can_hold, given)) and not can_hold(*given):
        yield _at_odds([part for one in given for part in (one.parts if isinstance(one, AllOf) else (one,))])


def _at_odds(parts: Sequence[Condition]) -> Problem:
    """Which part of a conjunction can't hold beside which other."""
    late = bisect_left(range(len(parts) - 1), 1, key=lambda number: not can_hold(*parts[: number + 1]))
    other = next((one for one in parts[:late] if not can_hold(one, parts[late])), None)
    beside = f"`{_shown(other)}` in line {_place(other).line}" if other is not None else "what stands before it"
    said = f"This can never hold together with {beside}: `{_shown(parts[late])}`."
    return Problem(said, _place(parts[late]))


def idle(condition: Condition) -> Iterator[Problem]:
    """What asks nothing: what stands there twice, and alternatives of which one always holds."""
    parts = condition.parts if isinstance(condition, AllOf | AnyOf) else ()
    for number, part in enumerate(parts):
        if part in parts[:number]:
            yield Problem(f"This stands there twice: `{_shown(part)}`.", _place(part))
    if isinstance(condition, AnyOf) and always_holds(condition):
        said = f"One of these always holds, so nothing is asked: `{_shown(condition)}`."
        yield Problem(said, _place(condition), "Did you mean `all`?" if len(parts) > 1 else None)
        return
    for part in (condition.part,) if isinstance(condition, Not) else parts:
        yield from idle(part)


def exit_problem(exit_when: Condition, triggers: Sequence[Condition]) -> tuple[Problem, bool] | None:
    """What is wrong with an exit beside what it ends, and whether that is certain."""
    if not can_hold(*triggers):
        return None
    if implied(exit_when, *triggers):
        said = "This holds whenever the playbook fires, so each episode would end at once"
        return Problem(f"{said}: `{_shown(exit_when)}`.", _place(exit_when), "Turn it round, or leave it out."), True
    asked = frozenset[str]().union(*map(facts_of, triggers))
    if facts_of(exit_when) <= asked and can_hold(exit_when, *triggers):
        said = "This can hold while the playbook fires: such an episode would end at once"
        return Problem(f"{said}: `{_shown(exit_when)}`.", _place(exit_when)), False
    return None


def _place(condition: Condition) -> Position:
    return leaves_of(condition)[0].position


def _shown(condition: Condition) -> str:
    said = one_line(condition)
    return said if len(said) <= _SHOWN else f"{said[: _SHOWN - 1]}…"
