"""How users of cloudevents post: by requests, with urllib3's retries, which wait as long as Retry-After says."""

from requests import Session
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry


def session_with_retries(key: str) -> Session:
    """A session that sends again what met a 503 or lost its answer."""
    retry = Retry(total=8, backoff_factor=0.2, status_forcelist=[429, 503], allowed_methods=None)
    session = Session()
    session.headers["Authorization"] = f"Bearer {key}"
    session.mount("http://", HTTPAdapter(max_retries=retry))
    return session
