"""`keepwell revenue` and `keepwell clv`: what became of revenue, who is behind it, and what a customer is worth."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from deploy.cli import show
from deploy.cli.client import Keepwell, connected
from deploy.cli.listing import Column, Item, JsonOption, Listing, option
from shared.words import counted, listed, number

_PERIOD: Final = {
    "by": option("month, quarter, plan, segment, owner, region or stage."),
    "since": option("The first day, such as 2026-01-01; over 100 days ago the first of a month.", "--from"),
    "until": option("The day after the last.", "--to"),
}


def _money(heading: str, name: str) -> Column:
    return Column(heading, lambda one: show.money(one[name], one["currency"]), is_number=True)


def _share(heading: str, name: str) -> Column:
    def cell(one: Item) -> str:
        return "–" if one[name] is None else f"{number(one[name], 1)} %"

    return Column(heading, cell, is_number=True)


def _group(one: Item) -> str:
    return one["group"] or (one["period"] if "/" not in one["period"] else "all")


def _customers(one: Item) -> str:
    return f"{number(one['customers'])} → {number(one['customers_end'])}"


def _why(keepwell: Keepwell, given: Mapping[str, Any]) -> None:
    """Why customers left, what hangs over it, and what it means."""
    found = keepwell.get("scoring", "/v1/revenue", **{**given, "by": None})
    out = show.console()
    for one in found["items"]:
        parts = [
            f"{counted(why['customers'], 'customer')} left ({show.money(why['minor'], one['currency'])}): "
            + (why["reason"] or "nobody said why").replace("_", " ")
            + ("" if why["voluntary"] else ", involuntarily")
            for why in one["reasons"]
        ]
        names = (("silent", "silent_minor"), ("at risk", "mrr_at_risk_minor"), ("committed to go", "committed_minor"))
        now = [f"{show.money(one[name], one['currency'])} {said}" for said, name in names if one[name]]
        for line in [*parts, *([listed(now)] if now else [])]:
            out.print(show.text(line))
    out.print(show.text(found["definition"], "dim"))


REVENUE: Final = Listing(
    help="Show what became of revenue: by default over the last twelve months.",
    at=("scoring", "/v1/revenue"),
    is_paged=False,
    filters=_PERIOD,
    called={"since": "from", "until": "to"},
    columns=(
        Column("Of", _group),
        _money("Start", "start_minor"),
        _money("New", "new_minor"),
        _money("Back", "reactivated_minor"),
        _money("Expanded", "expanded_minor"),
        _money("Contracted", "contracted_minor"),
        _money("Churned", "churned_minor"),
        _money("End", "end_minor"),
        _share("Gross", "grr"),
        _share("Net", "nrr"),
        Column("Customers", _customers, is_number=True),
        _share("Churn", "churn_rate"),
        _share("Renewed", "renewal_rate"),
    ),
    empty="Nobody has brought anything yet.",
    after=_why,
)

BEHIND: Final = Listing(
    help="List the accounts behind a revenue figure, those with the most money first.",
    at=("scoring", "/v1/revenue/accounts"),
    filters={
        "figure": option(
            "start, end, expanded, contracted, churned, involuntary, new, reactivated, silent, at_risk or committed."
        ),
        "group": option("Only this plan, segment, owner, region or stage; say which with --by."),
        "currency": option("Only what is in this currency."),
        **_PERIOD,
    },
    called={"since": "from", "until": "to"},
    given={"figure": "churned"},
    columns=(
        Column("Account", lambda one: one["account_name"] or one["account_id"]),
        _money("Start", "start_minor"),
        _money("End", "end_minor"),
        Column("Why", lambda one: (one["reason"] or "–").replace("_", " ")),
        Column("Owner", lambda one: one["owner"] or "–"),
    ),
    limit=50,
    empty="Nobody.",
)


def app() -> typer.Typer:
    """`keepwell revenue`, and `keepwell revenue accounts`."""
    made = REVENUE.app()
    made.add_typer(BEHIND.app(), name="accounts")
    return made


def clv(
    mean_purchase_minor: Annotated[float | None, typer.Option(help="What a purchase brings, in minor units.")] = None,
    purchases_per_year: Annotated[float | None, typer.Option(help="How often somebody buys.")] = None,
    years: Annotated[float | None, typer.Option(help="How long a customer stays.")] = None,
    json: JsonOption = False,
) -> None:
    """Reckon what a customer is worth over the years; what isn't given is measured."""
    given = {"mean_purchase_minor": mean_purchase_minor, "purchases_per_year": purchases_per_year, "years": years}
    with connected() as keepwell:
        found = keepwell.get("scoring", "/v1/clv", **given)
    if json:
        show.as_json(found)
        return
    mean, stay, currency = found["mean_purchase_minor"], found["years"], found["currency"]
    factors = (
        show.money(None if mean is None else round(mean), currency),
        f"{number(found['purchases_per_year'], 1)} a year",
        "years unknown" if stay is None else f"{number(stay, 1)} years",
    )
    show.say(f"{show.money(found['clv_minor'], currency)}: {' × '.join(factors)}")
    show.console().print(show.text(found["definition"], "dim"))
