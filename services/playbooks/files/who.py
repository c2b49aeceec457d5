"""Who is named in a directory: whether they are there, and that nobody stands above or in for themselves."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from services.playbooks.core.directory import ROLES
from shared.conditions import Problem, did_you_mean
from shared.files.models import Reading
from shared.files.nodes import Fields, Items
from shared.messages.actions import SHARED


class _Named(NamedTuple):
    """A directory as it is written, whatever else is wrong with it."""

    people: list[Fields]
    teams: list[Fields]
    ids: Mapping[str, str]
    """Of whoever is there, by id and by e-mail; lower case all."""

    def to(self, one: Fields, field: str) -> str | None:
        """The id of whom a person names in a field, if they are there."""
        return self.ids.get(_key(one.get(field)))


def look_at(node: Fields, reading: Reading) -> None:
    """Note what is wrong with whom a directory names: with its place, and the nearest name."""
    people, teams = _mappings(node.get("csms")), _mappings(node.get("teams"))
    ids = {
        name: _key(one.get("id")) for one in people for name in (_key(one.get("email")), _key(one.get("id"))) if name
    }
    named = _Named(people, teams, ids)
    _look_for_twins(people, "by id or e-mail", ("id", "email"), reading)
    _look_for_twins(teams, "by id", ("id",), reading)
    _look_at_teams(named, reading)
    _look_at_persons(named, reading)
    roles = node.get("roles")
    roles = roles if isinstance(roles, Fields) else Fields(node.at)
    for role, place in roles.items():
        known = str(place).startswith(("slack:", "email")) or place in (None, "inbox") or SHARED.fullmatch(str(place))
        if role in ROLES and not known and _key(place) not in ids:
            said = f"`{role}` is `{_shown(place)}`, who is not in the directory."
            reading.note(said, roles.places[role], did_you_mean(place, ids))


def _look_for_twins(those: list[Fields], by: str, fields: tuple[str, ...], reading: Reading) -> None:
    seen = set[str]()
    for one in those:
        names = {_key(one.get(field)) for field in fields} - {""}
        if names & seen:
            reading.note(f"`{_shown(one.get('id'))}` is there twice, {by}.", one.at)
        seen |= names


def _look_at_teams(named: _Named, reading: Reading) -> None:
    ids = [str(one.get("id")) for one in named.teams]
    for team in named.teams:
        if team.get("lead") is not None and named.to(team, "lead") is None:
            said = f"The lead `{_shown(team.get('lead'))}` is not in the directory."
            reading.note(said, team.places["lead"], did_you_mean(team.get("lead"), named.ids))
        members = team.get("members")
        members = members if isinstance(members, Items) else Items(team.at)
        for place, name in enumerate(members):
            if name is not None and _key(name) not in named.ids:
                said = f"`{_shown(name)}` of the team is not in the directory."
                reading.note(said, members.places[place], did_you_mean(name, named.ids))
    for one in named.people if named.teams else ():
        if (own := one.get("team")) is not None and str(own) not in ids:
            reading.note(f"There is no team `{_shown(own)}`.", one.places["team"], did_you_mean(own, ids))


def _look_at_persons(named: _Named, reading: Reading) -> None:
    above = {_key(one.get("id")): named.to(one, "manager") or _lead_of(one, named) for one in named.people}
    deputies = {_key(one.get("id")): named.to(one, "deputy") for one in named.people}
    told = set[str]()
    for one in named.people:
        id = _key(one.get("id"))
        for field, what in (("manager", "hear of what is overdue"), ("deputy", "stand in for them")):
            if one.get(field) is None:
                continue
            if (other := named.to(one, field)) is None:
                said = f"The {field} `{_shown(one.get(field))}` is not in the directory."
                reading.note(said, one.places[field], did_you_mean(one.get(field), named.ids))
            elif other == id:
                reading.note(f"Nobody is their own {field}: who would {what}?", one.places[field])
        place = one.places.get("manager", one.at)
        if above[id] != id and id in _chain(id, above):
            reading.note(f"`{_shown(id)}` is, in the end, their own manager: who would hear of what is overdue?", place)
        circle = list(_chain(id, deputies))
        if id in circle and deputies[id] != id and id not in told:
            told |= {*circle}
            way = " → ".join(f"`{name}`" for name in (id, *circle))
            said = f"These stand in for each other: {way}. While all of them are away, none does."
            reading.take([Problem(said, one.places["deputy"])], certain=False)


def _lead_of(one: Fields, named: _Named) -> str | None:
    """Who leads the first of somebody's teams that is led by somebody else."""
    id = _key(one.get("id"))
    for team in named.teams:
        listed = team.get("members")
        members = {named.ids.get(_key(name)) for name in listed} if isinstance(listed, Items) else set()
        lead = named.to(team, "lead")
        if (id in members or (one.get("team") is not None and one.get("team") == team.get("id"))) and lead not in (
            None,
            id,
        ):
            return lead
    return None


def _chain(id: str, to: Mapping[str, str | None]) -> Iterator[str]:
    """Whom somebody leads to, and so on, until it comes round."""
    seen, at = set[str](), to.get(id)
    while at is not None and at not in seen:
        yield at
        seen.add(at)
        at = to.get(at)


def _mappings(node: Any) -> list[Fields]:
    return [one for one in node if isinstance(one, Fields)] if isinstance(node, Items) else []


def _key(name: Any) -> str:
    return "" if name is None else str(name).lower()


def _shown(name: Any) -> str:
    return str(name)[:60]
