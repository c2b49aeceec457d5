"""The manifest of the Slack app names what the code calls, and where it listens."""

from pathlib import Path
from urllib.parse import urlsplit

from ruamel.yaml import YAML

from services.ingest import api

FILE = Path(__file__).parents[3] / "deploy" / "slack" / "manifest.yaml"


def test_slack_is_sent_to_where_ingest_listens() -> None:
    interactivity = YAML(typ="safe").load(FILE)["settings"]["interactivity"]
    assert interactivity["is_enabled"] is True
    path = urlsplit(interactivity["request_url"]).path
    assert path in {getattr(route, "path", "") for router in api.ROUTERS for route in router.routes}


def test_the_bot_may_do_what_keepwell_asks_of_it_and_no_more() -> None:
    scopes = YAML(typ="safe").load(FILE)["oauth_config"]["scopes"]
    assert scopes == {"bot": ["chat:write", "chat:write.public", "users:read", "users:read.email"]}
