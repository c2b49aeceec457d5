"""Who gets it: the rules of an `assign`."""

from typing import Annotated, Final

from pydantic import AfterValidator, Tag

from services.playbooks.core.directory import ROLES
from services.playbooks.core.strategy import BYS, By, Rule
from services.playbooks.files.checks import ByShape, held_by, is_team, is_there
from shared.files.kinds import Name, one_of
from shared.files.models import FileModel, Reading
from shared.files.nodes import Fields

_WAYS: Final = (Rule(), Rule("manager"), Rule("deputy"), Rule("team"), Rule("least_loaded"), Rule("round_robin"))
RULES: Final[dict[str, Rule]] = {one.kind: one for one in _WAYS} | {name: Rule("role", name) for name in ROLES}
"""Those that are named without more."""


Team = Annotated[Name, AfterValidator(is_team)]
"""A team of the directory."""


class PoolFile(FileModel):
    """Whom to choose from; nothing given is everybody."""

    tier: Annotated[Name, held_by(lambda csm: [csm.tier], "tier")] | None = None
    skill: Annotated[Name, held_by(lambda csm: csm.skills, "skill")] | None = None
    team: Team | None = None


class LeastLoadedFile(PoolFile):
    """Whom to choose from, and by what."""

    by: Annotated[By, one_of(BYS, "measure of load")] | None = None
    """Unless it is said: tasks, where work is given; accounts, where an account gets its owner."""


class AssignFile(FileModel):
    """One rule of an assignment list."""

    person: Annotated[Name, AfterValidator(is_there)] | None = None
    team: Team | None = None
    """The least loaded of it."""
    least_loaded: LeastLoadedFile | None = None
    round_robin: PoolFile | None = None

    @classmethod
    def look(cls, node: Fields, reading: Reading) -> None:
        """It is one rule."""
        if len(node.keys() & cls.model_fields) != 1:
            reading.note("An assignment rule is one of owner, person, team, least_loaded, round_robin.", node.at)

    def rule(self) -> Rule:
        """As the core knows it."""
        if self.person is not None:
            return Rule("person", self.person)
        if self.team is not None:
            return Rule("least_loaded", team=self.team)
        pool = self.least_loaded or self.round_robin
        assert pool is not None
        kind: Final = "least_loaded" if self.least_loaded else "round_robin"
        return Rule(kind, **pool.given())


def rules_of(assign: "str | AssignFile | list[str | AssignFile]") -> tuple[Rule, ...]:
    """As the core knows them; a name that is no rule is a person's."""
    rules = assign if isinstance(assign, list) else [assign]
    return tuple((RULES.get(one) or Rule("person", one)) if isinstance(one, str) else one.rule() for one in rules)


RuleName = Annotated[str, one_of(RULES, "rule for assigning"), Tag("text")]
OneRule = Annotated[RuleName | Annotated[AssignFile, Tag("mapping")], ByShape]
Rules = Annotated[RuleName | Annotated[AssignFile, Tag("mapping")] | Annotated[list[OneRule], Tag("list")], ByShape]
