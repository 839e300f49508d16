"""Tensors and modules of a PyTorch archive, out of a pickle that is read and never run."""

import math
import zipfile
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from clay_assets.errors import CheckpointError
from clay_assets.models.pickled import Made, Name, Stored, read_pickle

_DTYPES = {
    "torch.FloatStorage": torch.float32,
    "torch.DoubleStorage": torch.float64,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
}
_TENSORS = ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2")
_PARAMETERS = ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state")
_DICTS = ("collections.OrderedDict", "collections.defaultdict")
TENSOR_MAKERS = (*_TENSORS, *_PARAMETERS, _DICTS[0])
"""What a file of plain values and tensors calls."""
_PATHS = ("pathlib.PosixPath", "pathlib.PurePosixPath", "pathlib._local.PosixPath")
_RECONSTRUCTORS = ("copyreg._reconstructor", "copy_reg._reconstructor")
_NONSENSE = (RuntimeError, TypeError, ValueError, LookupError, AttributeError, OverflowError)
_PLAIN = (str, int, float)
_KEYS = (*_PLAIN, bytes, type(None))
_MAX_DEPTH = 64
_MAX_MODULES = 10_000


def read_archive(archive: zipfile.ZipFile, root: str, name: str) -> Any:  # noqa: ANN401
    """Content of a PyTorch archive, with nothing in it run.

    Args:
        archive: the open file.
        root: folder in it that has `data.pkl`.
        name: what errors call it, a file's name.

    Returns:
        Plain values and tensors; a path is its text. A module is the dict of its tensors by dotted
        name, under `state_dict`, with the name of its `class` and its plain `attributes`. Other
        objects are told by the name of their class.

    Raises:
        CheckpointError: the pickle is damaged, or a tensor is not one of the usual kind.
    """
    try:
        content = read_pickle(archive.read(f"{root}/data.pkl"), name)
        return _Reader(archive, root, name).plain(content)
    except CheckpointError:
        raise
    except (*_NONSENSE, zipfile.BadZipFile, EOFError) as error:
        raise CheckpointError(f"{name} is damaged: {error}") from error


class _Reader:
    """Turns records into values; each storage is read once."""

    def __init__(self, archive: zipfile.ZipFile, root: str, name: str) -> None:
        self.archive, self.root, self.name = archive, root, name
        self.storages: dict[str, Tensor] = {}
        self.seen: dict[int, Any] = {}
        self.modules = 0

    def plain(self, value: Any, key: str = "it", depth: int = 0) -> Any:  # noqa: ANN401
        """A value without records in it; what is nested deeper than anyone would is cut off."""
        if isinstance(value, str | int | float | bytes | None):
            return value
        if id(value) not in self.seen:
            self.seen[id(value)] = "itself"  # until it is known: a pickle may hold itself
            self.seen[id(value)] = self._plain(value, key, depth + 1)
        return self.seen[id(value)]

    def _plain(self, value: Any, key: str, depth: int) -> Any:  # noqa: ANN401
        if depth > _MAX_DEPTH:
            return "too deep"
        if (found := _as_dict(value)) is not None:
            return {
                name if isinstance(name, _KEYS) else _class_of(name): self.plain(
                    item, name if isinstance(name, str) else "it", depth
                )
                for name, item in found.items()
            }
        if isinstance(value, list | tuple):
            return [self.plain(item, key, depth) for item in value]
        if isinstance(value, Made) and value.dotted in _TENSORS + _PARAMETERS:
            return self.tensor(value, key)
        if _is_module(value):
            found = dict(self.tensors_of(value, "", depth))
            plain = {name: item for name, item in value.state.items() if isinstance(item, _PLAIN)}
            return {"state_dict": found, "class": _class_of(value), "attributes": plain}
        if isinstance(value, Made) and value.dotted in _PATHS:
            return "/".join(map(str, value.arguments)).replace("//", "/", 1)
        return _class_of(value)

    def tensors_of(self, module: Made, prefix: str, depth: int) -> Iterator[tuple[str, Tensor]]:
        """Parameters and buffers by dotted name, in the order of `state_dict`."""
        self.modules += 1
        if depth > _MAX_DEPTH or self.modules > _MAX_MODULES:
            raise CheckpointError(
                f"{self.name} holds modules more than {_MAX_DEPTH} deep or more than "
                f"{_MAX_MODULES:,} of them, or one that holds itself"
            )
        passing = _members(module.state.get("_non_persistent_buffers_set"))
        for part in ("_parameters", "_buffers"):
            for key, value in (_as_dict(module.state.get(part)) or {}).items():
                if value is not None and isinstance(key, str) and key not in passing:
                    yield f"{prefix}{key}", self.tensor(value, f"{prefix}{key}")
        for key, value in (_as_dict(module.state["_modules"]) or {}).items():
            if _is_module(value) and isinstance(key, str):
                yield from self.tensors_of(value, f"{prefix}{key}.", depth + 1)

    def tensor(self, value: Any, key: str) -> Tensor:  # noqa: ANN401
        """The dense tensor that a record describes."""
        if isinstance(value, Made) and value.dotted in _PARAMETERS:
            return self.tensor(value.arguments[0], key)
        if isinstance(value, Made) and value.dotted in _TENSORS:
            stored, offset, size, stride = value.arguments[:4]
            storage = self.storage(stored.about, key)
            if math.prod(size) > storage.numel():
                raise CheckpointError(
                    f"{self.name}: {key} has shape {tuple(size)}, but only {storage.numel()} "
                    "numbers are stored for it"
                )
            return storage.as_strided(size, stride, offset)
        raise CheckpointError(
            f"{self.name}: {key} is made by {_class_of(value)}, which is never run; expected a "
            "dense tensor. Save the network's state_dict() with torch.save where it comes from, "
            "and import that"
        )

    def storage(self, about: Any, key: str) -> Tensor:  # noqa: ANN401
        """Numbers of a storage, (N,)."""
        _, kind, record, _, count = about
        dtype = _DTYPES.get(kind.dotted)
        if dtype is None:
            raise CheckpointError(
                f"{self.name}: {key} is stored as {kind.dotted}, expected one of "
                f"{', '.join(_DTYPES)}"
            )
        path = f"{self.root}/data/{record}"
        if path not in self.storages:
            if path not in self.archive.namelist():
                raise CheckpointError(f"{self.name} lacks {path}, where {key} should be")
            has, wants = self.archive.getinfo(path).file_size, count * dtype.itemsize
            if has != wants:
                raise CheckpointError(f"{self.name}: {key} wants {wants} bytes, {path} has {has}")
            content = bytearray(self.archive.read(path))
            empty = torch.zeros(0, dtype=torch.uint8)
            self.storages[path] = torch.frombuffer(content, dtype=torch.uint8) if content else empty
        return self.storages[path].view(dtype)


def _is_module(value: Any) -> bool:  # noqa: ANN401
    return (
        isinstance(value, Made)
        and isinstance(value.state, dict)
        and {"_parameters", "_modules"} <= set(value.state)
    )


def _as_dict(value: Any) -> dict[Any, Any] | None:  # noqa: ANN401
    """A dict, or the items of a record of one."""
    if isinstance(value, dict):
        return value
    if isinstance(value, Made) and value.dotted in _DICTS:
        given = value.arguments[0] if value.arguments and value.dotted == _DICTS[0] else []
        pairs = {key: item for key, item in given if isinstance(key, str)}  # as Python 2 wrote it
        return pairs | value.items
    return None


def _members(value: Any) -> list[Any]:  # noqa: ANN401
    """Members of a set."""
    if not isinstance(value, Made):
        return []
    given = value.arguments[0] if value.arguments else []
    return list(given) + value.members


def _class_of(value: Any) -> str:  # noqa: ANN401
    """Name of the class of a record."""
    if isinstance(value, Made):
        given = value.arguments[:1] if isinstance(value.arguments, tuple) else ()
        if value.dotted in _RECONSTRUCTORS and given and isinstance(given[0], Name):
            return given[0].dotted
        return value.dotted or "an unnamed call"
    if isinstance(value, Name):
        return value.dotted
    return "a storage" if isinstance(value, Stored) else type(value).__name__
