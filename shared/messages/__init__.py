"""Everything that travels: the CloudEvents envelope, one definition of each type, and the topics they travel on.

Pure: no I/O, no clock, no random. Types only grow: a new field is optional; a breaking change is a new type.
"""
