"""A checkpoint file opened: tensors and plain values, whatever wrote it, and nothing in it run."""

import pickle
import struct
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from clay_assets.errors import CheckpointError, NotFoundError
from clay_assets.models.foreign import foreign_bytes, foreign_zip
from clay_assets.models.pickled import makes_only
from clay_assets.models.pickled_tensors import TENSOR_MAKERS, read_archive

ACCEPTED = (
    "accepted are checkpoints of Clay v0 and v1, vision transformers and ResNet-50 with the names "
    "of torchvision (SimCLR's too) and VectorGeo's triplet network, as .ckpt, .pth, .pt or "
    ".safetensors"
)
_HEAD_BYTES = 4096
_MAX_PICKLE_BYTES = 64 << 20
_DAMAGE = (
    RuntimeError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    EOFError,
    OSError,
    MemoryError,
    struct.error,
)
"""What readers of archives and of what is in them raise on nonsense, besides saying so."""
_STORED = zipfile.ZIP_STORED


def open_checkpoint(path: Path) -> dict[str, Any]:
    """Content of a checkpoint file.

    Args:
        path: a safetensors file, or an archive that `torch.save` wrote.

    Returns:
        Plain values and tensors, as they are nested in the file. A whole module is opened as its
        `state_dict` and the name of its `class`.

    Raises:
        NotFoundError: there is no such file.
        CheckpointError: it is damaged, or of another kind.
    """
    if not path.is_file():
        is_folder = "is a folder, give the file in it" if path.is_dir() else "does not exist"
        raise NotFoundError(f"{path} {is_folder}")
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    # First of all: any bytes may begin a safetensors file, whose header's length they are.
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
        return _open_safetensors(path)
    if (other := foreign_bytes(head)) is not None:
        raise CheckpointError(f"{path} is {other}; {ACCEPTED}")
    if not _is_zip(path):
        cut = "a truncated PyTorch file" if head.startswith(b"PK") else "no PyTorch file"
        raise CheckpointError(f"{path} is {cut}, copy it again if it should be one; {ACCEPTED}")
    content = _open_archive(path)
    if not isinstance(content, dict):
        what = content if isinstance(content, str) else f"a bare {type(content).__name__}"
        raise CheckpointError(f"{path} holds {what[:200]}, no tensors with names; {ACCEPTED}")
    return content


def _open_safetensors(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}
    except SafetensorError as error:
        raise CheckpointError(
            f"{path} is not a whole safetensors file ({error}); copy or export it again"
        ) from error


def _is_zip(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:  # it looked like one as far as its end
        return True


def _open_archive(path: Path) -> Any:  # noqa: ANN401
    """Content by PyTorch's own reader of plain values, or by ours where there is more in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            root = _checked_root(archive, path)
            if makes_only(archive.read(f"{root}/data.pkl"), TENSOR_MAKERS, str(path)):
                with suppress(pickle.UnpicklingError, *_DAMAGE):  # below it is said what is wrong
                    return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            return read_archive(archive, root, str(path))
    except CheckpointError:
        raise
    except (zipfile.BadZipFile, *_DAMAGE) as error:
        raise CheckpointError(
            f"{path} is damaged or no PyTorch checkpoint ({error}); {ACCEPTED}"
        ) from error


def _checked_root(archive: zipfile.ZipFile, path: Path) -> str:
    """Folder of the archive that holds its pickle; sizes are checked before anything is read."""
    members = archive.infolist()
    names = [member.filename for member in members]
    if (other := foreign_zip(names)) is not None:
        raise CheckpointError(f"{path} is {other}; {ACCEPTED}")
    roots = [name.removesuffix("/data.pkl") for name in names if name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise CheckpointError(f"{path} is damaged or no PyTorch checkpoint; {ACCEPTED}")
    sizes, whole = sum(member.file_size for member in members), path.stat().st_size
    if sizes > whole or any(member.compress_type != _STORED for member in members):
        raise CheckpointError(
            f"{path} would unpack to {sizes:,} bytes from {whole:,}; PyTorch never compresses, "
            "so this file is not opened"
        )
    if (size := archive.getinfo(f"{roots[0]}/data.pkl").file_size) > _MAX_PICKLE_BYTES:
        raise CheckpointError(
            f"{path} has a pickle of {size:,} bytes besides its tensors, allowed are "
            f"{_MAX_PICKLE_BYTES:,}"
        )
    return roots[0]
