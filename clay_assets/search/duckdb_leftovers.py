"""Removing what builds of the DuckDB index leave behind: unfinished files, and rows in no index."""

import time
from collections.abc import Set
from pathlib import Path

from clay_assets.search.duckdb_before import Before
from clay_assets.search.duckdb_tables import INDEX_KEY
from clay_assets.search.row_files import ROW_FOLDER
from clay_assets.store import PARTIAL_SUFFIX, Store

_ABANDONED_S = 3600  # a build that lives writes more often than this


def remove_abandoned(path: Path) -> None:
    """Remove what builds that were killed have left behind, where the index at `path` goes."""
    folders = {path.parent: Path(INDEX_KEY).name, path.parent / Path(ROW_FOLDER).name: ""}
    for folder, name in folders.items():
        for leftover in folder.glob(f".{name}*{PARTIAL_SUFFIX}"):
            if time.time() - leftover.stat().st_mtime > _ABANDONED_S:
                leftover.unlink()


def remove_unused(store: Store, used: Set[str], before: Before) -> None:
    """Remove rows of indexes that are gone: those just replaced, or left long ago.

    Args:
        store: where they lie.
        used: keys of the files of rows that the index needs.
        before: the index that was replaced.
    """
    for file in store.files(ROW_FOLDER):
        is_old = time.time() - file.modified.timestamp() > _ABANDONED_S
        if file.key not in used and (file.key in before.keys or is_old):
            store.delete([file.key])
