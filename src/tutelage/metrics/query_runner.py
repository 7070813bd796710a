"""Runs one query on SQLite, reading only. `text_to_sql` sends this file's text into the sandbox."""

import sqlite3

ALLOWED = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
MOST_ROWS = 100_000
LONGEST_VALUE = 1 << 24


def run(database: str | None, schema: str, query: str) -> list[tuple[object, ...]]:
    """The rows that a query finds.

    Args:
        database: a file of SQLite's, or None for a database in memory.
        schema: SQL that makes the database in memory.
        query: untrusted; one statement.

    Raises:
        sqlite3.Error: it is no query, or does more than read.
        ValueError: it finds more than 100,000 rows.
    """
    if database is None:
        connection = sqlite3.connect(":memory:")
        connection.executescript(schema)
    else:
        connection = sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True)
    connection.text_factory = lambda text: text.decode(errors="surrogateescape")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
    connection.set_authorizer(
        lambda action, *_: sqlite3.SQLITE_OK if action in ALLOWED else sqlite3.SQLITE_DENY
    )
    rows = connection.execute(query).fetchmany(MOST_ROWS + 1)
    if len(rows) > MOST_ROWS:
        raise ValueError(f"more than {MOST_ROWS:,} rows")
    return rows
