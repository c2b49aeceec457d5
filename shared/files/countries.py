"""Public holidays of countries and their parts, by the codes of ISO 3166: `PL`, `DE-BY`."""

import re
import warnings
from datetime import date
from functools import cache
from typing import Final

import holidays

from shared.conditions import did_you_mean
from shared.files.models import fault

FIRST: Final = 2020
LAST: Final = 2040
"""The years whose holidays are known; where a law leaves one to the moon's sighting, it is an estimate."""
_CODE: Final = re.compile(r"([A-Z]{2})(?:-([A-Z0-9]{1,3}))?")


def is_country(text: str) -> bool:
    """Has it the form of a country's code, with or without a part of it?"""
    return _CODE.fullmatch(text) is not None


@cache
def holidays_of(code: str) -> tuple[date, ...]:
    """The public holidays of a country such as `PL`, or a part of one such as `DE-BY`, in order.

    Raises `ValueError` with what is wrong.
    """
    found = _CODE.fullmatch(code)
    country, part = (found[1], found[2]) if found is not None else (code, None)
    parts = _countries().get(country)
    if parts is None:
        hint = did_you_mean(country, _countries()) or "Write the two letters of ISO 3166, such as PL or DE-BY."
        raise fault(f"There is no country `{country}` whose holidays are known.", hint)
    if part is not None and part not in parts:
        hint = did_you_mean(part, parts) or (f"There are {', '.join(parts)}." if parts else f"Write {country} alone.")
        raise fault(f"`{country}` has no part `{part}` whose holidays are known.", hint)
    with warnings.catch_warnings():
        # Of some countries fewer years are known.
        warnings.simplefilter("ignore")
        days = holidays.country_holidays(country, subdiv=part, years=range(FIRST, LAST + 1))
    return tuple(sorted(days))


@cache
def _countries() -> dict[str, list[str]]:
    """The parts of each, by code; names of parts that are none are left out."""
    known = holidays.list_supported_countries(include_aliases=False)
    return {
        country: [part for part in parts if _CODE.fullmatch(f"{country}-{part}")] for country, parts in known.items()
    }
