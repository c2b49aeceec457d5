"""The database's schemas and their versions: `run` brings a database up to date, `new` writes the next version."""
