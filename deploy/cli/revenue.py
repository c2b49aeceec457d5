"""`keepwell clv`: what a customer is worth."""

from typing import Annotated

import typer

from deploy.cli import show
from deploy.cli.client import connected
from deploy.cli.listing import JsonOption
from shared.words import number


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
