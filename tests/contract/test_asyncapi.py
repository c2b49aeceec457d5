"""AsyncAPI's own parser reads the document of the topics."""

import json
import subprocess

from shared.messages import asyncapi
from tests.support.clients import Client, available, command_of
from tests.support.verify import STRUCTS

PARSER = Client("asyncapi.mjs", "node", "document")


def test_its_own_parser_finds_nothing_wrong() -> None:
    available(PARSER)
    done = subprocess.run([*command_of(PARSER), asyncapi.PAGE], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {
        "messages": len(STRUCTS),
        "operations": len(asyncapi.SENT) + len(asyncapi.RECEIVED),
        "faults": [],
    }
