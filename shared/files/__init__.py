"""YAML files that people write: one reader for every kind, which tells all that is wrong with a file at once.

A kind is a `FileModel` (pydantic) in a service's `files`; `read` makes one of a file's bytes, or raises `Refused` with
each fault's file, line, column, and what may have been meant. The JSON Schema for editors comes from the same models.
"""
