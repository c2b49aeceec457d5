"""The condition language: one pure package for scorecards and playbooks.

In come YAML nodes such as `usage.breadth < 40 %` and an account's facts; out go a checked tree, its three-valued truth,
each leaf with the value that it saw, and the instant at which time alone will change it. A fact that nobody knows makes
a condition unknown, not false.
"""

from shared.conditions.analysis import always_holds, at_odds, can_hold, contradictions, exit_problem, idle, implied
from shared.conditions.catalogue import (
    FACTS,
    INVOICE_FACTS,
    MEASURES,
    STEP_FACTS,
    WATCHED_DAYS,
    FactSpec,
    FactType,
    allowance_facts,
    source_of,
    watched_fact,
)
from shared.conditions.declared import Declared, asked_texts, strangers
from shared.conditions.errors import Position, Problem, Refused, did_you_mean
from shared.conditions.evaluation import Truth, evaluate
from shared.conditions.facts import NOWHERE, Facts, Value
from shared.conditions.flips import first_flip, flip_instant
from shared.conditions.goals import goal_leaf, why_no_goal
from shared.conditions.parsing import parse
from shared.conditions.scope import Scope, event_facts
from shared.conditions.tree import AllOf, AnyOf, Condition, Leaf, Not, facts_of, leaves_of, needs_of, one_line
from shared.conditions.words import LeafReading, described, leaves
