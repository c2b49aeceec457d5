"""Ingest's files: mappings, which say how what clients send is understood; refused with everything that is wrong."""

from services.ingest.files.mapping import MappingFile
from services.ingest.files.rules import MAPPINGS, Mappings, read_texts, shipped
from services.ingest.files.schema import MAPPING_SCHEMA, SCHEMAS

__all__ = ["MAPPINGS", "MAPPING_SCHEMA", "SCHEMAS", "MappingFile", "Mappings", "read_texts", "shipped"]
