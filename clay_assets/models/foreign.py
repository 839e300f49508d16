"""Files and networks of other kinds, told by their first bytes or the names in them."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

_BYTES: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself; run `git lfs pull`"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, such as Keras weights"),
    (b"\x93NUMPY", "a numpy array"),
    (b"GGUF", "a GGUF file of a language model"),
    (b"\x1f\x8b", "compressed by gzip; unpack it first"),
    (b"BZh", "compressed by bzip2; unpack it first"),
    (b"\xfd7zXZ", "compressed by xz; unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it first"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"II*\x00", "a TIFF"),
    (b"MM\x00*", "a TIFF"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF", "a PDF"),
)
_TEXTS: tuple[tuple[bytes, str], ...] = (
    (b"<!doctype html", "a web page, perhaps an error or a login; download the file itself"),
    (b"<html", "a web page, perhaps an error or a login; download the file itself"),
    (b"<?xml", "an XML text, perhaps an error of the storage; download the file itself"),
    (b"<error", "an XML text, perhaps an error of the storage; download the file itself"),
    (b"{", "a JSON text"),
    (b"[", "a JSON text"),
)
_LEGACY_TORCH = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"  # its magic number as pickles write it
_RESAVE = (
    "load it where you trust it and save its tensors with torch.save(state_dict, path), "
    "then import that"
)
_TAR_MARK = slice(257, 262)


def foreign_bytes(head: bytes) -> str | None:
    """What a file of another kind is, None where it may be a checkpoint.

    Args:
        head: its first bytes, some hundreds.
    """
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        return "empty"
    if _LEGACY_TORCH in head[:32]:
        return f"a PyTorch file of before 1.6, a bare pickle that is never run; {_RESAVE}"
    if head[_TAR_MARK] == b"ustar":
        return f"a tar archive, or a PyTorch file of before 0.1.10; {_RESAVE}"
    if re.match(rb"\x80[\x02-\x05]", head):
        return f"a bare pickle, which is never run; {_RESAVE}"
    if head[4:8] == b"TFL3":
        return "a TensorFlow Lite file, a compiled network"
    if head[:1] == b"\x08" and re.search(rb"pytorch|onnx|tf2onnx|keras2onnx", head[:64]):
        return "an ONNX file, a compiled network"
    for start, what in _BYTES:
        if head.startswith(start):
            return what
    return next((what for start, what in _TEXTS if text.startswith(start)), None)


def foreign_zip(names: Collection[str]) -> str | None:
    """What a zip archive of another kind is, None where it may be a PyTorch file."""
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
        return (
            "a TorchScript archive, a program that is never run; save its tensors where it comes "
            "from with torch.save(torch.jit.load(path).state_dict(), new_path), and import that"
        )
    if any(name.endswith(".weights.h5") for name in names):
        return "a Keras file"
    if names and all(name.endswith(".npy") for name in names):
        return "a numpy archive of arrays"
    return None


def _has(*parts: str) -> Callable[[str], bool]:
    """Whether all the parts occur in the names, one a line."""
    return lambda text: all(re.search(part, text, re.MULTILINE) for part in parts)


_NETWORKS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("SatMAE, a masked autoencoder", _has(r"\bchannel_embed$", r"blocks\.0\.")),
    ("Prithvi or another masked autoencoder", _has(r"\bdecoder_blocks\.0\.", r"\bmask_token$")),
    ("DINOv2", _has(r"blocks\.(\d+\.)?0\.ls1\.gamma$", r"patch_embed\.proj\.weight$")),
    ("a vision transformer of timm", _has(r"blocks\.0\.attn\.qkv", r"patch_embed\.proj\.weight$")),
    ("CLIP", _has(r"visual\.transformer\.resblocks|vision_model\.encoder\.layers")),
    ("a Swin transformer", _has(r"relative_position_bias_table$")),
    (
        "a vision transformer of Hugging Face",
        _has(r"embeddings\.patch_embeddings\.projection\.weight$"),
    ),
    ("a language model", _has(r"(embed_tokens|wte|word_embeddings)\.weight$")),
    ("a U-Net", _has(r"(^|\.)(up1|up_blocks|decoder\.blocks|upconv\w*|ups)\b")),
    ("a ConvNeXt", _has(r"stages\.0\.(blocks\.)?0?.*gamma$|downsample_layers\.0")),
    ("an EfficientNet", _has(r"_blocks\.0\._depthwise|conv_stem\.weight$")),
    ("a LoRA adapter without its network", _has(r"lora_[AB]|lora_down")),
)


def foreign_network(names: Collection[str]) -> str | None:
    """Which other network tensors of these names look like, None where nobody knows."""
    text = "\n".join(sorted(names))
    return next((title for title, matches in _NETWORKS if matches(text)), None)


def foreign_content(content: Mapping[str, Any]) -> str | None:
    """What a file without a network's tensors looks like, None where nobody knows."""
    if {"state", "param_groups"} <= set(content):
        return "the state of an optimiser, without its network"
    if "optimizer" in content or "optimizer_states" in content:
        return "the state of a training run, without its network"
    return None
