"""Looks for words in every column of every table that holds text, JSON or bytes: what was erased stands nowhere."""

from collections.abc import Callable, Collection, Iterator

COLUMNS = """
SELECT c.table_schema, c.table_name, c.column_name, c.data_type FROM information_schema.columns c
JOIN information_schema.tables t USING (table_schema, table_name)
WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN ('pg_catalog', 'information_schema')
ORDER BY 1, 2, 3
"""
_IN = {
    "bytea": "position(convert_to('{word}', 'UTF8') IN {column}) > 0",
    "text": "{column} ILIKE '%{word}%'",
    "jsonb": "{column}::text ILIKE '%{word}%'",
    "ARRAY": "{column}::text ILIKE '%{word}%'",
}


def searches(
    columns: Collection[tuple[str, str, str, str]], words: Collection[str], but: Collection[str] = ()
) -> Iterator[tuple[str, str]]:
    """A place, such as `playbooks.items.note`, and the question how often one of the words stands there.

    `but` names schemas, or tables as `schema.table`, that are left out.
    """
    for schema, table, column, kind in columns:
        if kind in _IN and schema not in but and f"{schema}.{table}" not in but:
            asked = " OR ".join(_IN[kind].format(word=word, column=f'"{column}"') for word in words)
            yield f"{schema}.{table}.{column}", f'SELECT count(*) FROM "{schema}"."{table}" WHERE {asked}'


def stands(query: Callable[[str], str], words: Collection[str], but: Collection[str] = ()) -> list[str]:
    """The places in which one of the words stands; `query` answers as `psql` does, bare."""
    columns = [tuple(line.split("|")) for line in query(COLUMNS).splitlines()]
    counts = [f"SELECT '{place}', ({count})" for place, count in searches(columns, words, but)]  # type: ignore[arg-type]
    # A command line has no room for all of them at once.
    parts = (counts[first : first + 100] for first in range(0, len(counts), 100))
    found = (line.split("|") for part in parts for line in query(" UNION ALL ".join(part)).splitlines())
    return sorted(place for place, count in found if count != "0")
