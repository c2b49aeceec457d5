"""What a service's connections keep prepared has room for all that the service says."""

import pytest

from services.ingest import main as ingest
from services.notifier import main as notifier
from services.playbooks import main as playbooks
from services.scoring import main as scoring
from shared.pg import bulk
from shared.pg.direct import standing
from shared.pg.pool import STATEMENTS


@pytest.mark.parametrize("service", [ingest, scoring, playbooks, notifier], ids=lambda one: str(one.__name__))
def test_no_statement_that_was_prepared_pushes_out_another(service: object) -> None:
    own = f"{getattr(service, '__package__', '')}."
    # Of all services together, and so more than any has.
    in_bulk = len(list(bulk.every()))
    assert 0 < len(list(standing(own, "shared."))) + in_bulk <= STATEMENTS * 0.9
