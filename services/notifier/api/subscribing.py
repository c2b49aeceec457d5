"""What is said of an endpoint when it is made or changed."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, model_validator

from services.notifier.core.endpoints import Filter, is_of_items
from services.notifier.views.endpoints import EndpointFilter
from shared.conditions import did_you_mean
from shared.messages.outward import WEBHOOK_TYPES


def _is_type(text: str) -> str:
    if text not in WEBHOOK_TYPES:
        hint = did_you_mean(text, WEBHOOK_TYPES) or f"Known are {', '.join(WEBHOOK_TYPES)}."
        raise ValueError(f"There is no type `{text}`. {hint}")
    return text


_Types = Annotated[
    list[Annotated[str, AfterValidator(_is_type)]] | None,
    Field(min_length=1, max_length=len(WEBHOOK_TYPES), examples=[["task.opened", "health.changed"]]),
]
_Name = Annotated[str | None, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", examples=["crm"])]
_Points = Annotated[float | None, Field(gt=0, le=100)]
_Url = Annotated[str, Field(max_length=2_000, examples=["https://crm.example.com/hooks/keepwell"])]


class Subscription(BaseModel, extra="forbid"):
    """What an endpoint is told, and how it is called here."""

    types: _Types = None
    """What it hears of; null is all."""
    name: _Name = None
    """By which a playbook's step `webhook` calls it; no other has it."""
    description: Annotated[str, Field(max_length=500)] = ""
    filter: EndpointFilter = EndpointFilter()
    score_by: _Points = None
    """Of health: points by which the score must have moved since this endpoint was told last; null: only another band
    is told."""

    @model_validator(mode="after")
    def _can_fit(self) -> Self:
        only_items = self.kept_filter.for_items
        never = [one for one in self.types or () if only_items and not is_of_items(one)]
        if never:
            words = f"`{never[0]}` has none, so the filter by {' and '.join(only_items)} would keep it back for ever."
            raise ValueError(f"{words} Leave the one or the other out, or make two endpoints.")
        return self

    @property
    def kept_filter(self) -> Filter:
        """As it is kept."""
        return Filter(**self.filter.model_dump())

    def values(self) -> dict[str, Any]:
        """The table's columns of what is said."""
        names = ("types", "name", "description", "score_by")
        return {**{name: getattr(self, name) for name in names}, "filter": self.kept_filter}


class NewEndpoint(
    Subscription,
    json_schema_extra={
        "examples": [
            {"url": "https://crm.example.com/hooks", "types": ["task.opened", "health.changed"], "name": "crm"}
        ]
    },
):
    """An endpoint to be made."""

    url: _Url
    """An https:// URL at a public address; others must be allowed by KEEPWELL_WEBHOOK_NETWORKS."""


class ChangeEndpoint(
    BaseModel, extra="forbid", json_schema_extra={"examples": [{"types": ["task.opened"], "enabled": True}]}
):
    """What is to be another; what is left out stays."""

    url: _Url | None = None
    types: _Types = None
    name: _Name = None
    description: Annotated[str | None, Field(max_length=500)] = None
    filter: EndpointFilter | None = None
    score_by: _Points = None
    enabled: bool | None = None
    """False: it is called no more, and what comes is kept as missed. True: it is called again, as if it had never
    failed; what it has missed goes when it is replayed."""

    def on(self, known: Subscription) -> Subscription:
        """What is said then. Raises `ValidationError`, as for a new one."""
        given = {name: getattr(self, name) for name in self.model_fields_set & set(Subscription.model_fields)}
        given = {name: value.model_dump() if isinstance(value, BaseModel) else value for name, value in given.items()}
        empty = {"filter": {}, "description": ""}
        given |= {name: empty[name] for name, value in given.items() if value is None and name in empty}
        return Subscription(**{**known.model_dump(), **given})


class Replay(
    BaseModel,
    extra="forbid",
    json_schema_extra={"examples": [{"since": "2026-05-19T00:00:00Z", "undelivered_only": True}]},
):
    """What is to be sent again: what was told from one instant to another."""

    since: AwareDatetime
    until: AwareDatetime | None = None
    """Before then; null: by now."""
    undelivered_only: bool = False
    """Not what has arrived."""

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.until is not None and self.until <= self.since:
            raise ValueError("`until` is not after `since`, so nothing was told between them.")
        return self
