"""How somebody is forgotten: known again by a digest alone, and found in what was written about them.

A text that names whoever is forgotten goes as a whole: what is left of one without the name may still be about them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

import msgspec

from shared.messages.accounts import AccountErased, ContactErased
from shared.messages.actions import AccountCard, ActionRequested, ContactCard
from shared.messages.digests import DayCard, DayLine
from shared.words import clean

ERASED: Final = "[erased]"
"""In place of a text that named them."""
NAMES_NOBODY: Final = frozenset(
    {
        *("score", "survey_kind", "survey_id", "touchpoint", "product", "kind"),
        *("ticket_id", "priority", "opened_at", "first_response_at", "closed_at", "merged_into"),
    }
)
"""Fields of events that may stay when their contact is forgotten."""
MOST_TEXTS: Final = 250
_BEGINNING: Final = 60
_TELLING: Final = 12
"""A shorter text of theirs is found only in quotation marks, and a shorter id not at all: it may stand for anything."""


@lru_cache(maxsize=1 << 14)
def digest_of(contact: str) -> str:
    """What is kept of a contact that was erased: enough to know them again, not to name them."""
    return blake2b(contact.encode(), digest_size=9, person=b"keepwell").hexdigest()


def said(text: str) -> str:
    """By what a text that somebody wrote is found where it is quoted: its beginning."""
    begin = clean(text, _BEGINNING).rstrip("…")
    return begin if len(begin) >= _TELLING or not begin else f'"{begin}"'


class Forgetting:
    """What is to be forgotten: a contact of an account, or without one the account with all that was said of it."""

    def __init__(self, account: str, contact_id: str | None = None, texts: Iterable[str] = ()) -> None:
        self.account, self.contact_id = account, contact_id
        self.texts = list(dict.fromkeys(texts))[:MOST_TEXTS]
        tells = contact_id is not None and ("@" in contact_id or len(contact_id) >= _TELLING)
        self._is_named = _finder([*self.texts, contact_id or ""] if tells else self.texts)

    @classmethod
    def of(cls, account: str, data: ContactErased | AccountErased) -> "Forgetting":
        """As it is asked for."""
        return cls(account, data.contact_id, data.texts) if isinstance(data, ContactErased) else cls(account)

    @property
    def data(self) -> ContactErased | AccountErased:
        """What tells others to forget the same."""
        if self.contact_id is None:
            return AccountErased()
        return ContactErased(contact_id=self.contact_id, texts=self.texts)

    @property
    def whole(self) -> bool:
        """All of the account is to be forgotten."""
        return self.contact_id is None

    def with_texts(self, texts: Iterable[str]) -> "Forgetting":
        """The same, found by these texts too."""
        return Forgetting(self.account, self.contact_id, [*self.texts, *texts])

    def is_about(self, data: Mapping[str, Any]) -> bool:
        """Whether an event's data is about them."""
        return self.contact_id in (None, data.get("contact_id"), data.get("requester"))

    def names(self, text: str | None) -> bool:
        """Whether a text is to go."""
        return bool(text) and (self.whole or self._is_named(text or ""))

    def clean(self, text: str) -> str:
        """The text, unless it is to go."""
        return ERASED if self.names(text) else text

    def id(self, id: str) -> str:
        """An id as it may stay: a digest for theirs."""
        return digest_of(id) if id and (self.whole or id == self.contact_id) else id

    def fact(self, name: str, value: Any) -> Any:
        """The value of a fact, as it may stay."""
        return self.id(value) if name.endswith("_id") and isinstance(value, str) else self.within(value)

    def within(self, value: Any) -> Any:
        """A value with what is in it."""
        match value:
            case str():
                return self.clean(value)
            case list() | tuple():
                return type(value)(self.within(one) for one in value)
            case dict():
                return {name: self.within(one) for name, one in value.items()}
            case _:
                return value

    def action(self, said: ActionRequested, *, about: bool | None = None) -> ActionRequested:
        """What was asked for, as it may stay; `about` says whether it is about them alone, where that is known."""
        said = msgspec.structs.replace(said, account=self._card(said.account))
        if said.kind == "digest":
            return self._digest(said)
        theirs = said.contact_id == self.contact_id or self.names(said.contact)
        if self.whole or (theirs if about is None else about):
            return _bare(said, keeps_account=not self.whole)
        task, flag = said.task, said.flag
        return msgspec.structs.replace(
            said,
            contact_id=None if theirs else said.contact_id,
            contact=None if theirs else said.contact,
            title=self.clean(said.title),
            do=self.clean(said.do) if said.do else said.do,
            **{name: self.within(getattr(said, name)) for name in ("why", "trouble", "open_work")},
            drivers=[msgspec.structs.replace(one, reason=self.clean(one.reason)) for one in said.drivers],
            task=task and msgspec.structs.replace(task, title=self.clean(task.title)),
            message=said.message and self._letter(said.message),
            flag=flag
            and msgspec.structs.replace(flag, title=self.clean(flag.title), reasons=self.within(flag.reasons)),
        )

    def _card(self, account: AccountCard) -> AccountCard:
        """An account at a glance, without whom one calls there."""
        if account.contact_id != self.contact_id and not self.names(account.contact):
            return account
        return msgspec.structs.replace(account, contact_id=None, contact=None)

    def _letter(self, card: ContactCard) -> ContactCard:
        """A message to a customer's people, without what names them: what others read says nothing in its place."""
        facts = {name: value for name, value in card.facts.items() if self.fact(name, value) == value}
        contact = None if card.contact_id == self.contact_id else card.contact_id
        return msgspec.structs.replace(card, facts=facts, contact_id=contact)

    def _digest(self, said: ActionRequested) -> ActionRequested:
        """A list tells of many accounts: what it says of this one."""
        found = [one if one.get("account_id") != self.account else self.within(one) for one in said.found]
        if self.whole:
            found = [one for one in said.found if one.get("account_id") != self.account]
        is_theirs = self.whole and said.account.id == self.account
        account = AccountCard(id=self.account, name=self.account) if is_theirs else said.account
        return msgspec.structs.replace(said, found=found, account=account, day=said.day and self._day(said.day))

    def _day(self, day: DayCard) -> DayCard:
        """Somebody's day: the same, without its lines of whoever is forgotten."""
        others = [one for one in day.lines if not self.whole or one.account_id != self.account]
        return msgspec.structs.replace(day, lines=[self._line(one) for one in others])

    def _line(self, line: DayLine) -> DayLine:
        if line.account_id != self.account:
            return line
        contact = "" if self.names(line.contact) else line.contact
        return msgspec.structs.replace(line, title=self.clean(line.title), note=self.clean(line.note), contact=contact)


def _bare(said: ActionRequested, *, keeps_account: bool) -> ActionRequested:
    """What is left of an action about whoever is forgotten: that there was one, and how bad it was."""
    account = said.account if keeps_account else AccountCard(id=said.account.id, name=said.account.id)
    task, flag = said.task, said.flag
    return msgspec.structs.replace(
        said,
        **dict.fromkeys(("do", "contact_id", "contact")),
        **{name: [] for name in ("why", "trouble", "open_work", "drivers", "found")},
        title=ERASED,
        account=account,
        task=task and msgspec.structs.replace(task, title=ERASED),
        flag=flag and msgspec.structs.replace(flag, title=ERASED, reasons=[]),
        message=said.message and msgspec.structs.replace(said.message, facts={}, contact_id=None),
    )


def _finder(texts: Iterable[str]) -> Callable[[str], bool]:
    """Whether any of these texts stands in another, as words of their own, however it is written.

    A single word is looked for as it is written: a contact called Support is not in every text about support.
    """
    wanted = {clean(text) for text in texts}
    exact = _search({one for one in wanted if one.isalpha() and len(one) > 1})
    folded = _search({one.casefold() for one in wanted if one and not one.isalpha()})

    def stands_in(text: str) -> bool:
        line = clean(text)
        return exact(line) is not None or folded(line.casefold()) is not None

    return stands_in


def _search(texts: Iterable[str]) -> Callable[[str], object]:
    return re.compile("|".join(map(_as_words, sorted(texts))) or "(?!)").search


def _as_words(text: str) -> str:
    before, after = (r"(?<!\w)" if text[0].isalnum() else ""), (r"(?!\w)" if text[-1].isalnum() else "")
    return f"{before}{re.escape(text)}{after}"


def texts_of(data: Mapping[str, Any], name: str | None = None) -> Iterator[str]:
    """By what somebody is found whose event has this data: their name, and what they wrote."""
    if name:
        yield name
    answers = data.get("answers")
    more = answers.values() if isinstance(answers, dict) else ()
    for text in (data.get("comment"), data.get("title"), *more):
        if isinstance(text, str) and (begin := said(text)):
            yield begin
