from typing import Any

from deploy.cli.revenue import clv
from tests.support.cli import Answer, FakeStack, one_command


def test_a_lifetime_value_is_told_with_its_inputs(stack: FakeStack) -> None:
    found: dict[str, Any] = {
        "clv_minor": 1_200_000,
        "currency": "EUR",
        "mean_purchase_minor": 20_000.0,
        "purchases_per_year": 12.0,
        "years": 5.0,
        "definition": "Mean purchase x purchases a year x years.",
    }
    stack.on("GET /scoring/v1/clv", Answer(found))
    assert stack.run(one_command(clv), "--years", "5").output.startswith("€12,000: €200 × 12 a year × 5 years")
    assert stack.asked[0].query == {"years": "5.0"}
