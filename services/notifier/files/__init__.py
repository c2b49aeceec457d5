"""The notifier's files: templates of messages to customers, refused with everything that is wrong."""

from services.notifier.files.rules import TEMPLATES, Templates, read_texts, shipped
from services.notifier.files.schema import SCHEMAS, TEMPLATE_SCHEMA
from services.notifier.files.template import TemplateFile, Written

__all__ = ["SCHEMAS", "TEMPLATES", "TEMPLATE_SCHEMA", "TemplateFile", "Templates", "Written", "read_texts", "shipped"]
