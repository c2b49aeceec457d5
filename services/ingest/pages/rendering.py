"""Turns what a page says into HTML, by sandboxed templates: no script, nothing from elsewhere, nothing that is kept."""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fastapi import Response
from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

_TEMPLATES: Final = Path(__file__).parent.parent / "templates"


class Pages:
    """Holds the compiled templates, whose text is escaped always, and what a browser may do with the pages."""

    def __init__(self) -> None:
        environment = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        style = (_TEMPLATES / "page.css").read_text(encoding="utf-8")
        environment.globals["style"] = Markup(style)  # noqa: S704 - a file of our own
        self._environment = environment
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self._headers = {
            "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "X-Robots-Tag": "noindex, nofollow",
            "Cross-Origin-Opener-Policy": "same-origin",
        }

    def page(self, template: str, status: int, *, headers: Mapping[str, str] | None = None, **said: Any) -> Response:
        """A page as the answer to a request."""
        html = self._environment.get_template(template).render(**said)
        return Response(html, status, headers={**self._headers, **(headers or {})}, media_type="text/html")
