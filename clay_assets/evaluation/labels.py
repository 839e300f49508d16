"""Labels of chips and pictures: from their file names by a rule, or from a table."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from clay_assets.errors import InvalidValueError, NotFoundError
from clay_assets.store import Store

GENUS_SPECIES = "genus_species"
"""Name of the rule of the SimCLR note: the first two parts of a file's name between `_`."""
_RULES = {GENUS_SPECIES: r"(?:^|/)([^_/]+_[^_/.]+)(?=[_.][^/]*$|$)"}
_ID_COLUMNS = ("filename", "chip_id")

Names = Mapping[str, Sequence[str]]
"""What rows can be found by: `filename`, and `chip_id` if they are chips; row by row."""


class Labels(Protocol):
    """Something that knows a label for each row, or that it has none."""

    def of(self, names: Names) -> list[str | None]:
        """The label of each row, in order; None where there is none."""


class RuleLabels:
    """Labels by a rule on file names.

    >>> RuleLabels("genus_species").of({"filename": ["birds/Parus_major_M_1.jpg", "x.jpg"]})
    ['Parus_major', None]
    >>> RuleLabels("^([^/]+)/").of({"filename": ["birds/Parus_major_M_1.jpg"]})
    ['birds']
    """

    def __init__(self, rule: str) -> None:
        """Take `genus_species`, or a regular expression with one group, the label.

        Raises:
            InvalidValueError: it is no regular expression, or has not one group.
        """
        try:
            self._pattern = re.compile(_RULES.get(rule, rule))
        except re.error as error:
            raise InvalidValueError(
                f"label rule {rule!r} is neither {GENUS_SPECIES!r} nor a regular expression: "
                f"{error}"
            ) from error
        if self._pattern.groups != 1:
            raise InvalidValueError(
                f"label rule {rule!r} must be {GENUS_SPECIES!r} or have one group in parentheses, "
                f"which is the label; it has {self._pattern.groups}, and `(?:...)` is none"
            )
        self.rule = rule

    def of(self, names: Names) -> list[str | None]:
        """The label of each file; None where the rule does not match.

        Raises:
            InvalidValueError: it matches none of them.
        """
        found = [self._pattern.search(name) for name in names["filename"]]
        labels = [match.group(1) if match else None for match in found]
        if labels and not any(labels):
            raise InvalidValueError(
                f"label rule {self.rule!r} matches no file name, such as {names['filename'][0]!r}"
            )
        return labels


class TableLabels:
    """Labels from a table with `filename` or `chip_id`, and a column of labels."""

    def __init__(self, path: str | Path, column: str = "label") -> None:
        """Read a CSV or Parquet file, of this machine or an `s3://` URL.

        Raises:
            NotFoundError: there is no such file.
            InvalidValueError: it is not a table, lacks a column, or gives a file two labels.
        """
        path = str(path)
        table = _read_table(path)
        keys = [name for name in _ID_COLUMNS if name in table.column_names]
        missing = column not in table.column_names
        if missing or not keys:
            wanted = repr(column) if missing else " or ".join(map(repr, _ID_COLUMNS))
            raise InvalidValueError(
                f"label table {path} has no column {wanted}; it has {', '.join(table.column_names)}"
            )
        self.path = path
        try:
            self._labels = {key: _labels_by(path, table[key], table[column], key) for key in keys}
        except pa.ArrowNotImplementedError as error:
            raise InvalidValueError(
                f"label table {path} must have texts or numbers in {', '.join((*keys, column))}, "
                f"and has {', '.join(str(table[name].type) for name in (*keys, column))}"
            ) from error

    def of(self, names: Names) -> list[str | None]:
        """The label of each row; None for rows that the table does not list.

        Raises:
            InvalidValueError: it lists none of them.
        """
        for key, labels in self._labels.items():
            found = [labels.get(name) for name in names.get(key, ())]
            if any(found):
                return found
        key, known = next(iter(self._labels.items()))
        ours = next((own[0] for own in names.values() if own), "none")
        raise InvalidValueError(
            f"label table {self.path} has none of the embedded files: its {key} is such as "
            f"{next(iter(known), None)!r}, that of the embeddings such as {ours!r}"
        )


def labels_of(source: str) -> Labels:
    """Labels from the path of a table, or else by a rule.

    Raises:
        NotFoundError, InvalidValueError: see `TableLabels` and `RuleLabels`.
    """
    return TableLabels(source) if _is_table(source) else RuleLabels(source)


def absolute_source(source: str, folder: Path | None = None) -> str:
    """A rule as it is, and the path of a table so that it means the same from any folder.

    >>> absolute_source("genus_species"), absolute_source("a.csv", Path("/data"))
    ('genus_species', '/data/a.csv')
    """
    if not _is_table(source) or "://" in source:
        return source
    return str((folder or Path.cwd()) / Path(source).expanduser())


def _is_table(source: str) -> bool:
    return PurePosixPath(source).suffix.lower() in (".csv", ".parquet")


def _read_table(path: str) -> pa.Table:
    root, _, name = path.rpartition("/")
    local = Path(path).expanduser()
    try:
        with Store(root, Path()).open(name) if "://" in path else local.open("rb") as file:
            if name.lower().endswith(".parquet"):
                return pq.read_table(file)
            return pyarrow.csv.read_csv(file)
    except (FileNotFoundError, NotFoundError) as error:
        raise NotFoundError(f"label table {path} does not exist") from error
    except (pa.ArrowInvalid, OSError) as error:
        raise InvalidValueError(
            f"label table {path} must be a CSV or Parquet file, and it cannot be read: {error}"
        ) from error


def _labels_by(
    path: str, names: pa.ChunkedArray, labels: pa.ChunkedArray, key: str
) -> dict[str, str]:
    found: dict[str, str] = {}
    texts = zip(
        names.cast(pa.string()).to_pylist(), labels.cast(pa.string()).to_pylist(), strict=True
    )
    for name, label in texts:
        if name is None or not label:
            continue
        if found.setdefault(name, label) != label:
            raise InvalidValueError(
                f"label table {path} gives {key} {name} two labels, {found[name]!r} and {label!r}"
            )
    return found
