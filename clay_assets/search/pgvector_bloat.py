"""Rows that were taken away: giving their space back before it slows searches down."""

import psycopg

_VACUUM_SHARE = 0.1
"""Share of dead rows from which on a table is vacuumed."""
_REWRITE_SHARE = 0.5
"""Share of a table's file that may be empty before the table is written anew."""
_SMALL_BYTES = 64 << 20  # below, an empty half does not matter
_ROW_HEAD_BYTES = 28


def dead_share(connection: psycopg.Connection, table: str) -> float:
    """Share of a table's rows that were deleted or replaced and not vacuumed yet."""
    connection.execute("SELECT pg_stat_force_next_flush()")
    live, dead = connection.execute(
        "SELECT n_live_tup, n_dead_tup FROM pg_stat_all_tables WHERE relid = %s::regclass",
        [table.replace("%%", "%")],
    ).fetchall()[0]
    return float(dead / max(1, live + dead))


def empty_share(connection: psycopg.Connection, table: str) -> float:
    """Share of a table's file that holds no row; 0 for a small file."""
    size, rows = connection.execute(
        "SELECT pg_relation_size(oid), reltuples FROM pg_class WHERE oid = %s::regclass",
        [table.replace("%%", "%")],
    ).fetchall()[0]
    if size <= _SMALL_BYTES:
        return 0.0
    sampled = f"SELECT avg(pg_column_size(rows.*)) FROM (SELECT * FROM {table} LIMIT 1000) AS rows"
    width = connection.execute(sampled.encode()).fetchall()[0][0] or 0
    return float(max(0.0, 1 - rows * (float(width) + _ROW_HEAD_BYTES) / size))


def tidy(connection: psycopg.Connection, table: str) -> str | None:
    """Vacuum a table, or write it anew, where that is due.

    Args:
        connection: commits each statement.
        table: its quoted name.

    Returns:
        What was done: `vacuumed`, `rewritten`, or None.
    """
    if dead_share(connection, table) < _VACUUM_SHARE:
        return None
    connection.execute(f"VACUUM (ANALYZE) {table}".encode())
    if empty_share(connection, table) < _REWRITE_SHARE:
        return "vacuumed"
    connection.execute(f"VACUUM (FULL, ANALYZE) {table}".encode())
    return "rewritten"
