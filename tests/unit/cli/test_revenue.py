from typing import Any

from deploy.cli import renewals
from deploy.cli.revenue import app, clv
from tests.support.cli import Answer, FakeStack, one_command, page


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


def test_what_became_of_revenue_is_told_with_why_they_left_and_what_hangs_over_it(stack: FakeStack) -> None:
    euros: dict[str, Any] = {
        **{"period": "2026-05-01/2026-05-21", "currency": "EUR", "group": None, "start_minor": 100_000},
        **{"new_minor": 7_000, "reactivated_minor": 0, "expanded_minor": 5_000, "contracted_minor": 0},
        **{"churned_minor": 10_000, "end_minor": 102_000, "grr": 90.0, "nrr": 95.0, "customers": 10},
        **{"customers_end": 10, "churn_rate": 10.0, "renewal_rate": None, "silent_minor": 3_000},
        **{"mrr_at_risk_minor": 0, "committed_minor": None},
        "reasons": [{"reason": "too_dear", "voluntary": False, "customers": 1, "minor": 10_000}],
    }
    stack.on("GET /scoring/v1/revenue", page(euros, definition="Start + new."))
    lines = stack.run(app(), "--from", "2026-05-01", "--by", "plan").output.splitlines()
    assert "95 %" in lines[1]
    assert "10 → 10" in lines[1]
    assert lines[-3:] == ["1 customer left (€100): too dear, involuntarily", "€30 silent", "Start + new."]
    assert stack.asked[0].query == {"from": "2026-05-01", "by": "plan"}
    gone = {"account_name": None, "account_id": "a1", "reason": "too_dear", "owner": "ana@example.com"}
    stack.on("GET /scoring/v1/revenue/accounts", page({**gone, "currency": "EUR", "start_minor": 500, "end_minor": 0}))
    assert "too dear" in stack.run(app(), "accounts", "--figure", "involuntary").output
    assert stack.asked[-1].query["figure"] == "involuntary"


def test_renewals_are_listed_with_their_sums_and_a_forecast_is_said(stack: FakeStack) -> None:
    one = {
        **{"id": "rn_1", "account_name": "Northwind", "ends_at": "2026-06-19T00:00:00Z", "currency": "EUR"},
        **{"notice_at": "2026-05-20T00:00:00Z", "amount_minor": 120_000, "band": "amber", "forecast": "at_risk"},
        **{"outcome": None, "reason": "their CFO", "owner": "ana@example.com"},
    }
    rung = {"group": "2026-06", "forecast": "at_risk", "outcome": None, "currency": "EUR", "renewals": 1}
    stack.on("GET /scoring/v1/renewals", page(one, ladder=[{**rung, "amount_minor": 120_000}]))
    lines = stack.run(renewals.app(), "--open", "true", "--from", "2026-06-01").output.splitlines()
    assert "19 Jun 2026" in lines[1]
    assert lines[-1] == "2026-06: 1 renewal at risk, €1,200"
    assert stack.asked[0].query["from"] == "2026-06-01"
    stack.on("PUT /scoring/v1/renewals/rn_1", Answer({"source": "keepwell/people", "id": "x"}, 202))
    said = stack.run(renewals.app(), "update", "rn_1", "--forecast", "likely")
    assert said.output == "It stands with renewal rn_1.\n"
    assert stack.asked[-1].json() == {"forecast": "likely"}
    assert stack.run(renewals.app(), "update", "rn_1").exit_code == 2
