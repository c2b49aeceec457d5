"""Many things as one message: those of a group, and the list of what an import found. The worst first."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from services.notifier.core import composing as single
from services.notifier.core import your_day
from services.notifier.core.composing import LONGEST_LINE, clean_todo
from services.notifier.core.message import Item, Message, Reason
from services.notifier.core.standing import AS_TOLD, Stands, as_it_stands
from shared.messages.actions import KINDS, ActionRequested
from shared.words import clean, counted, money, monthly

NOBODY: Final[Mapping[str, str]] = {}
"""How nobody is reached."""
UNTOUCHED: Final[Mapping[str, Stands]] = {}
"""Nothing happened to anything."""
MOST_ITEMS: Final = 10
MOST_FOUND: Final = 20
MOST_NAMES: Final = 30

_FOUND_BEFORE: Final = "Nothing was started: this was so before it was found"
"""Of a list of what was found; one of what moved from somebody to others names items."""
_BAND_RANK: Final = {"red": 0, "amber": 1, "unknown": 2, "green": 3}
_SEVERITY_RANK: Final = {"critical": 0, "high": 1, "medium": 2, "low": 3, "info": 4}


def compose_group(
    actions: Sequence[ActionRequested],
    now: datetime,
    *,
    shared: bool = False,
    reach: Mapping[str, str] = NOBODY,
    stands: Mapping[str, Stands] = UNTOUCHED,
) -> Message:
    """What goes as one message: a single action as itself, several with the worst first. `reach` says, by action, how
    the person that it is about is reached, and `stands` what happened since it was told."""
    if any(one.day is not None for one in actions):
        return _day(actions, now, shared, reach, stands)
    if len(actions) == 1:
        only, id = actions[0], actions[0].action_id
        if only.kind == "digest":
            return _digest(only, shared)
        return single.compose(only, now, shared=shared, reach=reach.get(id, ""), stands=stands.get(id, AS_TOLD))
    ranked = sorted(actions, key=_rank)
    people = {a.recipient.id: a.recipient for a in ranked if a.recipient}
    recipient, mention = single.reader(people.values(), shared)
    title = _group_title(ranked, shared)
    by_account = _by_account(ranked)
    shown, more = _shown(by_account)
    return Message(
        kind="group",
        label=_count_kinds(ranked),
        severity=min((a.severity for a in ranked), key=_SEVERITY_RANK.__getitem__),
        band=min((a.account.band for a in ranked), key=lambda band: _BAND_RANK.get(band, 2)),
        subject=title if len(by_account) == 1 else f"{title}; the worst: {single.name_of(ranked[0].account)}",
        title=title,
        headline=_at_stake(ranked),
        items=_items(shown, ranked, by_account, now, shared, reach, stands),
        more=_with_place(more, ranked, people),
        todo=clean_todo(ranked[0]) if len({a.do for a in ranked}) == 1 else "",
        recipient=recipient,
        mention=mention,
        footer=" · ".join(dict.fromkeys(clean(a.playbook_title, 80) for a in ranked))[:300],
        shows=_ids(shown),
        accounts=list(dict.fromkeys(a.account.id for a in ranked)),
    )


def _with_place(more: str, actions: Sequence[ActionRequested], people: Collection[str]) -> str:
    """With where all of them are listed, where not even their names are: if they are of one kind, and of one person."""
    kinds, number = {one.kind for one in actions}, len({one.account.id for one in actions})
    if (
        number <= MOST_ITEMS + MOST_NAMES
        or len(people) != 1
        or len(kinds) != 1
        or (kind := next(iter(kinds))) not in KINDS
    ):
        return more
    return f"{more}; all of them: keepwell {kind}s --assignee {clean(next(iter(people)), 80)}"


def _day(
    actions: Sequence[ActionRequested],
    now: datetime,
    shared: bool,
    reach: Mapping[str, str],
    stands: Mapping[str, Stands],
) -> Message:
    """Somebody's day, and what else waited for it; of several days, as after an outage, the last."""
    day = max((one for one in actions if one.day is not None), key=lambda one: (one.not_before or now, one.action_id))
    ranked = sorted((one for one in actions if one.day is None), key=_rank)
    by_account = _by_account(ranked)
    shown, more = _shown(by_account)
    items = _items(shown, ranked, by_account, now, shared, reach, stands)
    # It tells of its own day, however much later what came with it moves.
    of_day = min(now, day.not_before or now)
    message = your_day.compose(day, your_day.New(shown, items, more, len(ranked)), of_day, shared=shared)
    return msgspec.structs.replace(message, shows=_ids(shown))


def _by_account(ranked: Sequence[ActionRequested]) -> dict[str, list[ActionRequested]]:
    found: dict[str, list[ActionRequested]] = {}
    for action in ranked:
        found.setdefault(action.account.id, []).append(action)
    return found


def _shown(by_account: Mapping[str, Sequence[ActionRequested]]) -> tuple[list[ActionRequested], str]:
    """Several kinds of things about one account are each told; more of the same are counted. And who else is meant."""
    told = [one for of_one in by_account.values() for one in _first_of_each(of_one)]
    left = dict.fromkeys(one.account.id for one in told[MOST_ITEMS:])
    return told[:MOST_ITEMS], _more([single.name_of(by_account[id][0].account) for id in left])


def _items(
    shown: Sequence[ActionRequested],
    ranked: Sequence[ActionRequested],
    by_account: Mapping[str, Sequence[ActionRequested]],
    now: datetime,
    shared: bool,
    reach: Mapping[str, str],
    stands: Mapping[str, Stands],
) -> list[Item]:
    people = {a.recipient.id for a in ranked if a.recipient}
    return [
        single.item(
            *(a, now, shared, _todo(a, by_account[a.account.id], ranked, stands.get(a.action_id, AS_TOLD), shared)),
            name_reader=len(people) > 1,
            is_first=a is by_account[a.account.id][0],
            reach=reach.get(a.action_id, ""),
            stands=stands.get(a.action_id, AS_TOLD),
        )
        for a in shown
    ]


def _ids(shown: Sequence[ActionRequested]) -> list[str]:
    """Of what is told one by one."""
    return [id for one in shown for id in one.tells_of if id is not None]


def _first_of_each(actions: Sequence[ActionRequested]) -> list[ActionRequested]:
    """The first of each kind, playbook step and recipient; of what people wrote by hand, every one."""
    return list({_alike(action): action for action in reversed(actions)}.values())[::-1]


def _alike(action: ActionRequested) -> tuple[Any, ...]:
    own = "" if action.playbook else action.action_id
    return action.kind, action.playbook, action.step, action.recipient.id if action.recipient else "", own


def _rank(action: ActionRequested) -> tuple[Any, ...]:
    card = action.account
    score = 10_001 if card.score is None else card.score
    worst = (_SEVERITY_RANK[action.severity], _BAND_RANK.get(card.band, 2), score)
    return *worst, -(card.mrr_minor or 0), card.name, action.action_id


def _group_title(actions: Sequence[ActionRequested], shared: bool) -> str:
    accounts = len({a.account.id for a in actions})
    whose = counted(accounts, "account") if shared else f"{accounts:,} of your accounts"
    if accounts == 1:
        return f"{single.name_of(actions[0].account)}: {_count_kinds(actions)}"
    bands = {a.account.band for a in actions}
    if len(bands) == 1 and all(a.kind == "alert" and a.account.previous_band != a.account.band for a in actions):
        return f"{whose} turned {bands.pop()}"
    titles = {a.playbook_title for a in actions}
    if len(titles) == 1 and all(a.playbook for a in actions):
        return f"{clean(titles.pop(), 100)}: {whose}"
    return f"{_count_kinds(actions)} about {whose}"


def _count_kinds(actions: Sequence[ActionRequested]) -> str:
    counts: Counter[str] = Counter(action.kind for action in actions)
    return ", ".join(counted(counts[kind], single.noun(kind)) for kind in (*KINDS, "digest") if kind in counts)


def _at_stake(actions: Sequence[ActionRequested]) -> str:
    cards = {a.account.id: a.account for a in actions}
    sums: Counter[str | None] = Counter()
    for card in cards.values():
        if card.mrr_minor is not None:
            sums[card.currency] += card.mrr_minor
    amounts = [money(minor, code) for code, minor in sums.most_common()]
    return f"{' + '.join(amounts)} a month together" if amounts and len(cards) > 1 else ""


def _todo(
    action: ActionRequested,
    of_account: Sequence[ActionRequested],
    group: Sequence[ActionRequested],
    stands: Stands,
    shared: bool,
) -> str:
    """What it asks for. An alert of one playbook is told by the group's own title; a task or flag, or a mix, is not."""
    told = action.kind == "alert" and action.task is None and len({(a.kind, a.title) for a in group}) == 1
    same = sum(_alike(one) == _alike(action) for one in of_account) - 1
    more = f" (and {same:,} more like it)" if same else ""
    action = as_it_stands(action, stands.told, shared=shared)
    asked = clean(action.task.title, LONGEST_LINE) if action.task is not None else single.title_of(action)
    return f"{'' if told else asked}{more}".lstrip()


def _more(names: Sequence[str]) -> str:
    left = list(dict.fromkeys(clean(name, 60) for name in names))
    if not left:
        return ""
    listed = ", ".join(left[:MOST_NAMES])
    beyond = f" and {len(left) - MOST_NAMES:,} others" if len(left) > MOST_NAMES else ""
    return f"and {len(names):,} more: {listed}{beyond}"


def _digest(action: ActionRequested, shared: bool) -> Message:
    lines = [_found_line(found) for found in action.found]
    rest = [str(found.get("account_name", "")) for found in action.found[MOST_FOUND:]]
    recipient, mention = single.reader([action.recipient], shared)
    return Message(
        kind="digest",
        label=clean(action.playbook_title, 80) or "Found",
        severity=action.severity,
        band="unknown",
        subject=single.title_of(action),
        title=single.title_of(action),
        # The list tells the reasons of each.
        reasons=[] if lines else [Reason("", clean(why, LONGEST_LINE)) for why in action.why],
        todo=clean_todo(action),
        items=lines[:MOST_FOUND],
        more=_more(rest),
        recipient=recipient,
        mention=mention,
        footer="" if any("item_id" in one for one in action.found) else _FOUND_BEFORE,
        accounts=list(dict.fromkeys(str(found.get("account_id", "")) for found in action.found)),
    )


def _found_line(found: dict[str, Any]) -> Item:
    parts = [clean(str(found.get("account_name") or found.get("account_id") or "?"), 80)]
    mrr = found.get("mrr_minor")
    if isinstance(mrr, int):
        parts.append(monthly(mrr, found.get("currency")))
    why = found.get("why")
    text = "; ".join(str(line) for line in why) if isinstance(why, list) else str(why or "")
    title = clean(str(found.get("playbook_title") or ""), 80)
    return Item(
        headline=" · ".join(parts),
        reason=Reason("", clean(f"{title}: {text}" if title and text else title or text, LONGEST_LINE)),
    )
