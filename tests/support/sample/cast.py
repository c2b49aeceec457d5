"""The sample company's customers and the people who look after them, by role."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tests.support.sample import stories

CURRENCY: Final = "EUR"
COMPANY_MRR: Final = 21_200_000
"""What all accounts pay together a month, in cents."""

NAMES: Final[Mapping[str, str]] = {
    "starter": """Alderbrook Bakery|Bluebarn Cafes|Brightwater Dental|Candlewick Studio|Coppergate Books|Driftwood Surf
        |Ember Yoga|Fernhill Vets|Foxglove Florists|Gable Cottages|Greyfriars Print|Harvest Lane|Honeycomb Nursery
        |Juniper Spa|Kestrel Cycles|Lanternfish Travel|Maplewood Joinery|Nettle Kitchen|Oakrise Physio|Pebble Opticians
        |Quillpen Agency|Redstart Roofing|Saltmarsh Brewery|Thistle Tailors|Tidepool Swim School|Umber Ceramics
        |Willowbank Care|Wren Bookkeeping""",
    "pro": """Northwind|Hollowell Foods|Tern Logistics|Sablewood Hotels|Larkspur Clinics|Merrow Marine|Cobalt Couriers
        |Amberline Insurance|Beaconfield Homes|Cinder Foundry|Dovetail Furniture|Eastbank Rentals|Fathom Diving
        |Glasshouse Growers|Hazelmere Schools|Ironbridge Tools|Kelpie Seafoods|Longshore Freight|Moorgate Catering
        |Nightjar Security|Orchard Press|Plover Facilities""",
    "enterprise": """Ashdown Energy|Castellan Retail|Delphinium Health|Evergate Airports|Highmoor Water|Meridian Rail
        |Palisade Bank|Rookwood Pharma|Summerfield Supermarkets|Tamarack Timber""",
}
SEATS: Final = {"starter": (5, 14), "pro": (16, 44), "enterprise": (55, 110)}
PRICE: Final = {"starter": (400, 1_200), "pro": (2_600, 5_600), "enterprise": (7_500, 12_500)}
SEGMENT: Final = {"starter": "small business", "pro": "mid-market", "enterprise": "enterprise"}
OWNERS: Final[Mapping[str, Sequence[str]]] = {
    "starter": ("starter-one", "starter-two"),
    "pro": ("pro-one", "pro-two", "pro-three", "pro-four"),
    "enterprise": ("enterprise-north", "enterprise-south"),
}
NEWCOMERS: Final = "onboarding"
"""Who looks after accounts in their first 90 days."""
FEATURES: Final[Mapping[str, Sequence[str]]] = {
    "starter": ("reports", "dashboards", "import"),
    "pro": ("reports", "dashboards", "import", "automations", "api", "integrations"),
    "enterprise": ("reports", "dashboards", "import", "automations", "api", "integrations", "sso", "audit_log"),
}
"""What each plan has, as in the demo's catalogue."""
MILESTONES: Final = ("workspace_created", "data_imported", "team_invited", "first_report")


@dataclass(frozen=True, slots=True)
class Account:
    """One customer and how it behaves. Days are counted from the demo day."""

    id: str
    name: str
    plan: str
    owner: str
    mrr_minor: int
    seats: int
    signed: int
    renews: int
    users: int
    """How many of the seats are used in a month."""
    features: tuple[str, ...]
    mood: float
    """0 is angry, 1 delighted: answers and tickets follow it."""
    pays_late: int
    """Days after an invoice is due; below 0 is early."""

    @property
    def email(self) -> str:
        """The owner's address."""
        return f"csm.{self.owner}@example.com"

    def contact(self, role: str) -> str:
        """The id of a person there, by role."""
        return f"{self.id}-{role}"


def accounts(rng: random.Random) -> list[Account]:
    """Sixty accounts on three plans; together they pay `COMPANY_MRR`."""
    drawn = [
        _account(rng, plan, place, name.strip())
        for plan, names in NAMES.items()
        for place, name in enumerate(names.split("|"))
    ]
    told = [replace(account, **stories.TOLD.get(account.id, {})) for account in drawn]
    # The largest accounts that no story names take up what is missing to the round sum.
    free = [account for account in told if account.plan == "enterprise" and account.id not in stories.TOLD]
    missing = COMPANY_MRR - sum(account.mrr_minor for account in told)
    share = missing // len(free) // 10_000 * 10_000
    paid = {account.id: account.mrr_minor + share for account in free}
    paid[free[0].id] += missing - share * len(free)
    return [replace(account, mrr_minor=paid.get(account.id, account.mrr_minor)) for account in told]


def _account(rng: random.Random, plan: str, place: int, name: str) -> Account:
    seats = rng.randint(*SEATS[plan])
    signed = rng.randint(130, 1_300)
    features = list(FEATURES[plan])
    left_out = rng.choice((0, 0, 1, 2)) if plan != "starter" else rng.choice((0, 0, 0, 1))
    mood = rng.choice((0.95, 0.95, 0.9, 0.85, 0.8, 0.75, 0.6, 0.45))
    return Account(
        id=name.lower().replace(" ", "-"),
        name=name,
        plan=plan,
        owner=OWNERS[plan][place % len(OWNERS[plan])],
        mrr_minor=rng.randint(*PRICE[plan]) * 100,
        seats=seats,
        signed=-signed,
        renews=365 - signed % 365,
        users=max(2, round(seats * rng.uniform(0.55, 0.82) * (1 if mood > 0.7 else 0.7))),
        features=tuple(features[: len(features) - left_out]),
        mood=mood,
        pays_late=rng.choice((-6, -4, -3, -1, 0, 0, 1, 2, 3, 4)),
    )
