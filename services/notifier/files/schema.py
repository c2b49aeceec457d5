"""Where editors find the JSON Schema of a template, and what is in it."""

from pathlib import Path
from typing import Final

from services.notifier.files.template import TemplateFile
from shared.files.schema import Schema

TEMPLATE_SCHEMA: Final = Schema("Keepwell message template", TemplateFile)
SCHEMAS: Final = {Path(__file__).parents[1] / "template.schema.json": TEMPLATE_SCHEMA}
"""Where editors find them."""
