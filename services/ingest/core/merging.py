"""Accounts that go on as others: where their events go, and which account may be merged into which."""

from collections.abc import Collection, Mapping
from typing import Final

Merged = Mapping[str, str]
"""Accounts that were merged, with the account that each was merged into; there is no circle in it."""
_OF_ITSELF: Final = frozenset({"account.merged", "account.erased"})
"""What is said of an old account is meant of it alone, whatever it goes on as."""
_OF_BOTH: Final = "contact.erased"
"""What is known of a person stands with the old account up to the merging, and with the new one since."""


def goes_on_as(merged: Merged, account: str) -> str:
    """The account that one is now, after all mergings."""
    while (into := merged.get(account)) is not None:
        account = into
    return account


def homes_of(type: str, account: str, merged: Merged) -> tuple[str, ...]:
    """The accounts that an event of this type goes to, which was sent for one."""
    now = goes_on_as(merged, account)
    if type in _OF_ITSELF or now == account:
        return (account,)
    return (account, now) if type == _OF_BOTH else (now,)


def why_not_merged(account: str, into: str, merged: Merged, known: Collection[str]) -> tuple[str, str] | None:
    """Why an account can't go on as another: a code and a sentence. `known` has the accounts that were heard of."""
    target, now = goes_on_as(merged, into), goes_on_as(merged, account)
    if target == account:
        return "circle", f"{into!r} goes on as {account!r} already: the two can't go on as each other."
    if now not in (account, target):
        return "already_merged", f"{account!r} goes on as {now!r} already. Merge {now!r} instead, if that is meant."
    if target not in known:
        words = f"There is no account {target!r}. Send something of it first, or put the right account's id in 'into'."
        return "unknown_account", words
    return None
