"""
Copies a PostgreSQL database into an SQLite file, row by row, for the independent checker and other readers.

It imports nothing of the engine: the tables are as PostgreSQL's own catalogue describes them.
"""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

_TYPES = {"integer": "INTEGER", "bigint": "INTEGER", "boolean": "INTEGER", "bytea": "BLOB"}
_COLUMNS = """
SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns AS c
JOIN information_schema.tables AS t USING (table_schema, table_name)
WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' ORDER BY c.table_name, c.ordinal_position
"""
_FOREIGN_KEYS = """
SELECT conrelid::regclass::text, confrelid::regclass::text,
    ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS k(n, i)
        JOIN pg_attribute ON attrelid = conrelid AND attnum = n ORDER BY i),
    ARRAY(SELECT attname::text FROM unnest(confkey) WITH ORDINALITY AS k(n, i)
        JOIN pg_attribute ON attrelid = confrelid AND attnum = n ORDER BY i)
FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace
"""


def plain(value: Any) -> Any:  # noqa: ANN401 - any column's value
    """Write a value as the SQLite side of Passation does."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return int(value) if isinstance(value, bool) else value


def copy(source: "psycopg.Connection[Any]", file: Path) -> Path:
    """Copy one snapshot of every table; foreign keys are described, so that the checker can ask them."""
    with closing(sqlite3.connect(file, isolation_level=None)) as target, source.transaction():
        source.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        tables: dict[str, list[tuple[str, str]]] = {}
        for table, column, kind in source.execute(_COLUMNS):
            tables.setdefault(table, []).append((column, _TYPES.get(kind, "TEXT")))
        keys: dict[str, list[str]] = {}
        for child, parent, columns, others in source.execute(_FOREIGN_KEYS):
            reference = f"FOREIGN KEY ({', '.join(columns)}) REFERENCES {parent} ({', '.join(others)})"
            keys.setdefault(child, []).append(reference)
            # SQLite asks for a unique key where a foreign key points at.
            unique = f"UNIQUE ({', '.join(others)})"
            if unique not in keys.setdefault(parent, []):
                keys[parent].append(unique)
        target.execute("BEGIN")
        for table, columns in tables.items():
            lines = [f'"{name}" {kind}' for name, kind in columns] + keys.get(table, [])
            target.execute(f'CREATE TABLE "{table}" ({", ".join(lines)})')
            marks = ", ".join("?" for _ in columns)
            rows = source.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))
            target.executemany(
                f'INSERT INTO "{table}" VALUES ({marks})', (tuple(map(plain, row)) for row in rows)
            )
        target.execute("COMMIT")
    return file
