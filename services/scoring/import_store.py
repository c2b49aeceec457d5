"""The SQL of imports: by whom their end was told, and which accounts they touched."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_CLOSED = text("SELECT import_id FROM imports WHERE partition = :partition AND closed_at IS NOT NULL")
_END_IMPORT = text(
    """
    INSERT INTO imports AS i (partition, import_id, topics, act_on_found)
    VALUES (:partition, :import_id, ARRAY[CAST(:topic AS text)], :act)
    ON CONFLICT (partition, import_id) DO UPDATE SET
        topics = CASE WHEN :topic = ANY(i.topics) THEN i.topics ELSE i.topics || CAST(:topic AS text) END,
        act_on_found = i.act_on_found OR excluded.act_on_found
    RETURNING topics, act_on_found
    """
)
_CLOSE_IMPORT = text(
    "UPDATE imports SET closed_at = :now WHERE partition = :partition AND import_id = :import_id AND closed_at IS NULL"
)
_FIND_IN = text(
    """
    UPDATE accounts SET imports = array_remove(imports, :import_id), marked_at = coalesce(marked_at, :now),
        found_in = :import_id, act_on_found = act_on_found OR :act
    WHERE partition = :partition AND imports <> '{}'::text[] AND :import_id = ANY(imports)
    RETURNING id
    """
)


async def closed_imports(c: AsyncConnection, partition: int) -> set[str]:
    """The imports that were closed in a partition."""
    return {row.import_id for row in await c.execute(_CLOSED, {"partition": partition})}


async def end_import(
    c: AsyncConnection, partition: int, import_id: str, topic: str, act: bool
) -> tuple[set[str], bool]:
    """Note that a topic told an import's end. Returns the topics that have, and whether to act on what is found."""
    parameters = {"partition": partition, "import_id": import_id, "topic": topic, "act": act}
    row = (await c.execute(_END_IMPORT, parameters)).one()
    return set(row.topics), row.act_on_found


async def close_import(c: AsyncConnection, partition: int, import_id: str, act: bool, now: datetime) -> list[str]:
    """Close an import: every account that it touched waits to be told what was found. Returns their ids."""
    parameters = {"partition": partition, "import_id": import_id, "now": now}
    await c.execute(_CLOSE_IMPORT, parameters)
    return [row.id for row in await c.execute(_FIND_IN, {**parameters, "act": act})]
