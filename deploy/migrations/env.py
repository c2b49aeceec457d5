"""Alembic's entry: it works on the connection that `run` or `new` has opened, in the schema that is set there."""

from alembic import context

schema = context.config.attributes["schema"]
connection = context.config.attributes["connection"]

# Tables are never qualified: the search path names the one schema that a version works on.
connection.dialect.default_schema_name = schema.name
context.configure(
    connection=connection,
    target_metadata=schema.metadata() if context.config.attributes.get("compare") else None,
    compare_type=True,
    compare_server_default=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
