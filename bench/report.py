"""How the measurements are shown: a row each, with what was asked for and the machine's limit beside it."""

from typing import NamedTuple


class Row(NamedTuple):
    """One figure. `target` and `beside` (the limit, or the share of it) may be empty."""

    where: str
    what: str
    figure: str
    target: str = ""
    beside: str = ""


def table(rows: list[Row]) -> str:
    """The rows as an aligned table for people."""
    heads = Row("stream", "measured", "figure", "target", "beside")
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [heads, *rows]]
    return "\n".join(line.rstrip() for line in lines)


def percentile(values: list[float], share: float) -> float:
    """The nearest-rank percentile; `share` from 0 to 1. Of nothing it is 0: another row tells how many came."""
    if not values:
        return 0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
