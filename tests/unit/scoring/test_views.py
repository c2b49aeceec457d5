"""What HTTP answers: messages' structs as they are, but in points, and described so."""

from typing import Any

from pydantic import BaseModel

from services.scoring import views
from services.scoring.core.decision import Hold
from shared.messages.assessments import Driver, MeasureReading

WHOLE: dict[str, Any] = {
    "id": "acme",
    "name": None,
    "score": 7412,
    "band": "amber",
    "coverage": 8550,
    "reason": "",
    "assessed_at": None,
    "left": None,
    "scorecard": "default@1",
    "measures": [
        MeasureReading(name="usage.trend", weight=20, raw=-3.5, unit="%", points=8125, words="usage fell"),
        MeasureReading(name="feedback.nps", weight=15, words="no NPS answer in 180 days"),
    ],
    "caps": [Hold(4000, "billing.overdue >= 30 days")],
    "changes": [
        {
            "rev": 3,
            "at": "2026-05-20T12:00:00Z",
            "previous_score": None,
            "score": 7412,
            "band": "amber",
            "previous_band": "unknown",
            "cause": {"kind": "time"},
            "scorecard": "default@1",
            "coverage": 8550,
            "found_in": None,
            "reason": "",
            "drivers": [{"kind": "cap", "name": "x", "points": -305, "reason": "as the ledger keeps it"}],
        }
    ],
}


def written(answer: BaseModel) -> Any:
    """As HTTP sends it."""
    return answer.model_dump(mode="json", by_alias=True)


def test_hundredths_become_points_wherever_they_stand() -> None:
    told = written(views.Explanation(**WHOLE))
    assert (told["score"], told["coverage"]) == (74.12, 85.5)
    assert [(one["raw"], one["points"], one["weight"]) for one in told["measures"]] == [
        (-3.5, 81.25, 20),
        (None, None, 15),
    ]
    assert told["caps"] == [{"at_most": 40, "while": "billing.overdue >= 30 days"}]
    (change,) = told["changes"]
    assert (change["from"], change["to"]) == (None, 74.12)
    assert change["drivers"] == [
        {"kind": "cap", "name": "x", "points": -3.05, "reason": "as the ledger keeps it", "events": []}
    ]


def test_every_field_of_a_struct_is_described_as_it_is_sent() -> None:
    schema = views.Explanation.model_json_schema(mode="serialization")
    measure = schema["properties"]["measures"]["items"]
    assert set(measure["properties"]) == set(MeasureReading.__struct_fields__)
    assert measure["properties"]["points"] == {"anyOf": [{"type": "number"}, {"type": "null"}]}
    assert schema["properties"]["caps"]["items"]["properties"]["at_most"] == {"type": "number"}
    driver = schema["$defs"]["Change"]["properties"]["drivers"]["items"]
    assert set(driver["properties"]) == set(Driver.__struct_fields__)
    assert driver["properties"]["points"] == {"type": "number"}
