"""How Keepwell speaks: the one place for money, spans, dates, numbers and text from outside, for every face.

Slack, mail, the inbox, playbooks' titles, scoring's reasons, the command line, the API and the demo all say a thing by
calling it here, so that two of them never say it differently. Pure, and the lowest storey: it imports the standard
library alone.

- money: `money(420_000, "EUR")` is `€4,200`; `monthly` adds `/month`; `minor(4_200, "EUR")` reads it back; `decimals`.
- numbers: `counted(2, "day")` is `2 days`; `number(−12.5)`; `rounded`, half away from zero; `listed(["a", "b"])` is
  `a and b`; `scored(5230)` is `52`; `signed(-13)` is `−13`; `apportioned` makes drivers' whole points that sum to the
  change that is shown, heaviest first; `in_whole` rounds any parts so that they sum to their whole.
- time: `span(timedelta)` is `5 hours`; `exact_span` loses nothing; `ago` and `in_days` look from now; `renewal` is
  `renews tomorrow`; `date_words` is `2 Mar 2026`, `day_words` is `Monday 2 Mar 2026`; `on_day` is `Monday`; `moment` is
  `today 15:00` and `clock_time` is `Mon 2 Mar 2026, 15:00 Berlin time` on somebody's clock; `zone` and `zone_label`.
- people: `person("Kim", "admin")` is `Kim (admin)`; without a name `their admin`.
- `clean(text, limit)`: text from outside as one safe line. Whoever makes a sentence of such a text cleans it;
  `clean_lines` keeps a layout.
"""

from shared.words.cleaning import clean, clean_lines
from shared.words.languages import closest
from shared.words.money import decimals, minor, money, monthly
from shared.words.numbers import apportioned, counted, in_whole, listed, number, rounded, scored, signed, whole
from shared.words.people import person
from shared.words.time import (
    ago,
    clock_time,
    date_words,
    day_words,
    exact_span,
    in_days,
    moment,
    on_day,
    renewal,
    span,
    zone,
    zone_label,
)

__all__ = [
    "ago",
    "apportioned",
    "clean",
    "clean_lines",
    "clock_time",
    "closest",
    "counted",
    "date_words",
    "day_words",
    "decimals",
    "exact_span",
    "in_days",
    "in_whole",
    "listed",
    "minor",
    "moment",
    "money",
    "monthly",
    "number",
    "on_day",
    "person",
    "renewal",
    "rounded",
    "scored",
    "signed",
    "span",
    "whole",
    "zone",
    "zone_label",
]
