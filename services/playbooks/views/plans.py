"""What a change of playbooks and people touches, as it is told."""

from pydantic import BaseModel

from shared.documents.together import Plan, Planned


class PlaybookTouches(BaseModel):
    """What a changed playbook meets."""

    episodes: dict[str, int]
    """Those that are under way, by state: they stay with the version that opened them."""
    open: dict[str, int]
    """Tasks, alerts and flags that these feed."""
    in_scope: int
    """Accounts that it is for."""
    holds: int
    """Of these, where what it asks is so now; 0 where it waits for events."""
    held_before: int
    """Where what the text in force asks is so."""
    found: int
    """Where it would be found so: listed, and nothing asked for. What comes after fires."""


class PersonTouched(BaseModel):
    """Somebody who comes or goes."""

    id: str
    name: str
    open: dict[str, int]
    """Tasks, alerts and flags that they have."""
    accounts: int
    """That they own."""


class PeopleTouches(BaseModel):
    """Who comes into the directory, and who goes."""

    appear: list[PersonTouched]
    """What lies with nobody, and comes to them by the rules, does so within a minute."""
    go: list[PersonTouched]
    """What they have is handed over by the rules; their accounts keep them as owner until somebody says another."""


class PlannedHere(Planned):
    """What becomes of a playbook or the directory, and what that touches."""

    touches: PlaybookTouches | PeopleTouches | None = None


class Lists(BaseModel):
    """Messages that one person gets."""

    recipient: str | None
    """None: of accounts without an owner here, so nobody in particular."""
    messages: int
    accounts: int
    """How many times an account is on them."""


class FirstHour(BaseModel):
    """What is told within an hour of the change: lists of what was found so."""

    messages: int
    recipients: list[Lists]
    """The ten that get most, the most first."""


class PlanHere(Plan):
    """What becomes of each document that was named, over the accounts as they are."""

    items: list[PlannedHere]  # type: ignore[assignment]
    accounts: int
    looked_at: int
    """Of more, numbers of accounts are estimated from these, which were taken by chance."""
    first_hour: FirstHour
