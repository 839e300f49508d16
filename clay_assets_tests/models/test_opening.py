"""Files that may be checkpoints: whole modules, other programs' files, damage and bombs."""

import copy
import gzip
import io
import json
import pickle
import sys
import tarfile
import zipfile
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from clay_assets.errors import CheckpointError, NotFoundError
from clay_assets.models import read_original
from clay_assets.models.opening import open_checkpoint
from clay_assets_tests.models.test_pickled import archive, by_hand, text


class Residual(nn.Module):
    """Two layers of any kind, each with a norm."""

    def __init__(self, first: str, second: str, layer, norm):
        super().__init__()
        for number, name in enumerate((first, second), 1):
            setattr(self, name, layer())
            setattr(self, f"bn{number}", norm())


class Windows(nn.Module):
    """Names and order as in VectorGeo's published files; shared/reference, 1.11."""

    def __init__(self, width: int = 64):
        super().__init__()
        self.conv_0 = nn.Conv2d(23, width, 3)
        for index in range(2):
            block = Residual(
                "conv1",
                "conv2",
                lambda: nn.Conv2d(width, width, 3),
                lambda: nn.BatchNorm2d(width),
            )
            self.add_module(f"resblock_conv_{index}", block)
        self.conv_1, self.conv_2 = nn.Conv2d(width, width, 3), nn.Conv2d(width, width, 3)
        self.dense = nn.Linear(1024, width)


class ResnetTripletEmbedding(nn.Module):
    """The class that VectorGeo pickled whole."""

    def __init__(self, width: int = 64):
        super().__init__()
        self.encoder = Windows(width)
        self.dense_blocks = nn.Sequential(
            *(
                Residual("fc1", "fc2", lambda: nn.Linear(width, width), lambda: nn.BatchNorm1d(64))
                for _ in range(2)
            )
        )
        self.output_layer = nn.Linear(width, 16)
        self.register_buffer("scratch", torch.ones(3), persistent=False)


def save_whole(module: nn.Module, path: Path, name: str = "vectorgeo.models") -> Path:
    """Pickle a module as a program would whose classes nobody else has."""
    classes = (Residual, Windows, ResnetTripletEmbedding)
    home = ModuleType(name)
    sys.modules |= {name.partition(".")[0]: ModuleType("vectorgeo"), name: home}
    own = Windows.__module__
    try:
        for kind in classes:
            kind.__module__ = name
            setattr(home, kind.__name__, kind)
        torch.save(module, path)
    finally:
        for kind in classes:
            kind.__module__ = own
        del sys.modules[name], sys.modules[name.partition(".")[0]]
    return path


@pytest.fixture
def network() -> ResnetTripletEmbedding:
    torch.manual_seed(0)
    return ResnetTripletEmbedding()


def test_a_module_that_was_pickled_whole_is_read(network, tmp_path: Path):
    path = save_whole(network, tmp_path / "resnet-triplet-lc.pt")
    with pytest.raises(ModuleNotFoundError):
        torch.load(path, weights_only=False)  # its class is not here
    found = read_original(path)
    expected = network.state_dict()
    assert list(found.tensors) == list(expected)
    assert all(torch.equal(found.tensors[name], expected[name]) for name in expected)
    assert found.card["class"] == "vectorgeo.models.ResnetTripletEmbedding"
    assert (found.family, found.config.output_width, found.config.normalize) == (
        "triplet",
        16,
        False,
    )


def test_attributes_of_a_module_are_heard(network, tmp_path: Path):
    network.normalize = True
    assert read_original(save_whole(network, tmp_path / "later.pt")).config.normalize


def test_the_published_tensors_are_the_same_from_a_whole_module(goldens: Path, tmp_path: Path):
    tensors = goldens / "vectorgeo_resnet-triplet-lc.safetensors"
    network = ResnetTripletEmbedding()
    network.load_state_dict(load_file(tensors))
    from_module = read_original(save_whole(network, tmp_path / "resnet-triplet-lc.pt"))
    assert from_module.id == read_original(tensors).id


def test_a_module_inside_a_dict_and_a_wrapper_is_read(network, tmp_path: Path):
    path = save_whole({"model": nn.DataParallel(network), "epoch": 3}, tmp_path / "run.pt")
    found = read_original(path)
    assert torch.equal(found.tensors["output_layer.bias"], network.output_layer.bias)
    assert found.card["epoch"] == 3


def test_half_precision_and_views_are_read(network, tmp_path: Path):
    network.half()
    network.output_layer.weight = nn.Parameter(torch.randn(64, 16).half().T)
    found = read_original(save_whole(network, tmp_path / "half.pt"))
    assert torch.equal(found.tensors["output_layer.weight"], network.output_layer.weight.float())


def test_foreign_objects_beside_the_tensors_do_no_harm(tmp_path: Path):
    content = {"state_dict": {"a": torch.ones(2)}, "best": Fraction(1, 2), "where": tmp_path}
    torch.save(content, tmp_path / "run.ckpt")
    found = open_checkpoint(tmp_path / "run.ckpt")
    assert torch.equal(found["state_dict"]["a"], torch.ones(2))
    assert found["best"] == "fractions.Fraction"
    assert found["where"] == str(tmp_path)


def test_a_module_of_odd_tensors_is_refused(network, tmp_path: Path):
    network.output_layer.weight = nn.Parameter(torch.ones(16, 64).to_sparse())
    with pytest.raises(
        CheckpointError, match=r"output_layer.weight is made by torch._utils._rebuild_sparse_tensor"
    ):
        open_checkpoint(save_whole(network, tmp_path / "sparse.pt"))


def test_a_module_that_holds_itself_is_refused(network, tmp_path: Path):
    network._modules["again"] = network
    with pytest.raises(CheckpointError, match=r"more than 64 deep .* or one that holds itself"):
        open_checkpoint(save_whole(network, tmp_path / "loop.pt"))


def test_modules_that_multiply_are_refused(tmp_path: Path):
    inner = ResnetTripletEmbedding(1)
    for _ in range(20):
        outer = nn.Module()
        outer._modules |= {"a": inner, "b": inner}
        inner = outer
    with pytest.raises(CheckpointError, match="more than 10,000 of them"):
        open_checkpoint(save_whole(inner, tmp_path / "laughs.pt"))


STORAGE = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu")
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n("


def tensor_pickle(count: int, size: bytes, stride: bytes = b"K\x01\x85") -> bytes:
    """`{"w": tensor}` of a storage of `count` numbers that claims a size."""
    storage = STORAGE + b"J" + count.to_bytes(4, "little") + b"tQ"
    object_that_torch_refuses = b"cfractions\nFraction\nK\x01\x85R"
    return by_hand(
        b"}" + text("w"),
        REBUILD + storage + b"K\x00" + size + stride + b"\x89}tRs",
        text("x") + object_that_torch_refuses + b"s",
    )


@pytest.mark.parametrize(
    ("content", "members", "message"),
    [
        (
            tensor_pickle(2**30, b"K\x02\x85"),
            {"0": b"\0" * 8},
            "w wants 4294967296 bytes, .* has 8",
        ),
        (
            tensor_pickle(2, b"J\xff\xff\xff\x7f\x85", b"K\x00\x85"),
            {"0": b"\0" * 8},
            r"w has shape \(2147483647,\), but only 2 numbers are stored",
        ),
        (tensor_pickle(2, b"K\x02\x85"), {}, "lacks archive/data/0, where w should be"),
        (
            tensor_pickle(2, b"K\x02\x85").replace(b"FloatStorage", b"QUInt8Storage"),
            {"0": b"\0" * 8},
            "w is stored as torch.QUInt8Storage, expected one of",
        ),
        (tensor_pickle(2, b"K\x02\x85", b"K\x07\x85"), {"0": b"\0" * 8}, "is damaged: "),
    ],
)
def test_storages_that_promise_too_much_are_refused(content, members, message, tmp_path: Path):
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(archive(content, tmp_path / "bomb.pt", **members))


def test_a_tensor_repeated_from_one_number_is_refused(tmp_path: Path):
    torch.save({"class_token": torch.ones(1).expand(10**9)}, tmp_path / "bomb.pt")
    with pytest.raises(CheckpointError, match="has tensors of 4,000,000,000 bytes in"):
        read_original(tmp_path / "bomb.pt")


def test_a_compressed_archive_is_not_unpacked(tmp_path: Path):
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", b"\0" * 10_000_000)
    with pytest.raises(CheckpointError, match=r"would unpack to 10,000,000 bytes .* is not opened"):
        open_checkpoint(path)


def test_members_that_share_their_bytes_are_not_unpacked(tmp_path: Path):
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps({}))
        file.writestr("archive/data/0", b"\0" * 1_000_000)
        for number in range(1, 50):
            again = copy.copy(file.getinfo("archive/data/0"))
            again.filename = f"archive/data/{number}"
            file.filelist.append(again)
    with pytest.raises(CheckpointError, match=r"would unpack to 50,000,\d+ bytes from 1,0"):
        open_checkpoint(path)


def test_a_huge_pickle_is_not_read(tmp_path: Path):
    path = archive(b"\0" * (65 << 20), tmp_path / "bomb.pt")
    with pytest.raises(CheckpointError, match=r"a pickle of 68,157,440 bytes .* are 67,108,864"):
        open_checkpoint(path)


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(goldens: Path, tmp_path: Path, cut: float):
    whole = (goldens / "clay_v0_tiny.ckpt").read_bytes()
    (tmp_path / "cut.ckpt").write_bytes(whole[: int(cut * len(whole))])
    with pytest.raises(
        CheckpointError, match=r"cut.ckpt is a truncated PyTorch file, copy it again"
    ):
        open_checkpoint(tmp_path / "cut.ckpt")


def test_flipped_bits_are_refused_or_harmless(network, tmp_path: Path):
    path = save_whole(network, tmp_path / "whole.pt")
    whole = path.read_bytes()
    flips = np.random.default_rng(0)
    for at in flips.integers(0, 20_000, 150):
        changed = bytearray(whole)
        changed[at] ^= 1 << int(flips.integers(8))
        path.write_bytes(changed)
        try:
            read_original(path)
        except CheckpointError:
            continue


@pytest.mark.parametrize("at", [b"PK\x01\x02", b"PK\x06\x07"])
def test_a_damaged_end_is_refused_or_harmless(network, tmp_path: Path, at: bytes):
    path = save_whole(network, tmp_path / "whole.pt")
    whole = path.read_bytes()
    start = whole.rindex(at)
    refused = 0
    for place in range(start, min(start + 60, len(whole))):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xF5]) + whole[place + 1 :])
        try:
            read_original(path)
        except CheckpointError:
            refused += 1
    assert refused > 5


def test_a_storage_that_is_a_number_is_refused(tmp_path: Path):
    with pytest.raises(CheckpointError, match="holds a storage, no tensors with names"):
        open_checkpoint(archive(by_hand(b"K\x01Q"), tmp_path / "file.pt"))


def legacy(path: Path) -> None:
    torch.save({"w": torch.ones(2)}, path, _use_new_zipfile_serialization=False)


def scripted(path: Path) -> None:
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)), path)


def tarred(path: Path) -> None:
    with tarfile.open(path, "w") as file:
        file.addfile(tarfile.TarInfo("storages"), io.BytesIO())


def keras(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("model.weights.h5", b"")


def numpy_archive(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=np.ones(2))


def numpy_array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.ones(2))


def bytes_of(content: bytes):
    return lambda path: path.write_bytes(content)


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize(
    ("write", "message"),
    [
        (bytes_of(b""), "is empty"),
        (
            bytes_of(b"version https://git-lfs.github.com/spec/v1\noid"),
            "a Git LFS pointer.*lfs pull",
        ),
        (bytes_of(b"<!DOCTYPE html><html>"), "a web page, .* download the file itself"),
        (bytes_of(b'<?xml version="1.0"?><Error><Code>AccessDenied'), "an XML text"),
        (bytes_of(json.dumps({"detail": "no"}).encode()), "a JSON text"),
        (bytes_of(b"\x89HDF\r\n\x1a\n" + b"\0" * 100), "an HDF5 file, such as Keras"),
        (bytes_of(b"\x08\x08\x12\x07pytorch\x1a\x052.1.0"), "an ONNX file"),
        (bytes_of(gzip.compress(b"x")), "compressed by gzip"),
        (bytes_of(pickle.dumps({"w": 1})), "a bare pickle, which is never run"),
        (bytes_of(b"\x89PNG\r\n\x1a\n"), "a picture"),
        (bytes_of(b"\x1c\0\0\0TFL3\x14"), "a TensorFlow Lite file"),
        (bytes_of(b"hello"), "no PyTorch file"),
        (numpy_array, "a numpy array"),
        (numpy_archive, "a numpy archive of arrays"),
        (keras, "a Keras file"),
        (tarred, "a tar archive"),
        (legacy, r"a PyTorch file of before 1.6, .* never run; load it where you trust it"),
        (scripted, "a TorchScript archive, .* never run; save its tensors where it comes from"),
        (lambda path: torch.save([torch.ones(2)], path), "holds a bare list, no tensors with"),
        (lambda path: torch.save(torch.ones(2), path), "holds a bare Tensor, no tensors with"),
        (lambda path: torch.save(Fraction(1, 2), path), "holds fractions.Fraction, no tensors"),
    ],
)
def test_other_files_are_told_what_they_are(write, message: str, tmp_path: Path):
    path = tmp_path / "file.pt"
    write(path)
    with pytest.raises(CheckpointError, match=f"{path} (is|holds)? ?{message}.*; accepted are"):
        open_checkpoint(path)


def test_an_archive_without_a_pickle_is_refused(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "archive.ckpt", "w") as file:
        file.writestr("hello.txt", "hello")
    with pytest.raises(CheckpointError, match=r"archive.ckpt is damaged or no PyTorch checkpoint"):
        open_checkpoint(tmp_path / "archive.ckpt")


def test_files_that_are_not_there_are_named(tmp_path: Path):
    with pytest.raises(NotFoundError, match=r"nothing.ckpt does not exist"):
        open_checkpoint(tmp_path / "nothing.ckpt")
    with pytest.raises(NotFoundError, match="is a folder, give the file in it"):
        read_original(tmp_path)
    (tmp_path / "empty.ckpt").touch()
    with pytest.raises(CheckpointError, match=r"empty.ckpt is empty"):
        read_original(tmp_path / "empty.ckpt")


def test_a_safetensors_file_may_begin_with_any_byte(tmp_path: Path):
    # The first bytes are the header's length: here those of a pickle, and of a JSON text.
    for length in (0x0280, 0x7B):
        header = json.dumps({"__metadata__": {"a": ""}})
        header = header.replace('""', json.dumps("x" * (length - len(header))))
        path = tmp_path / f"{length}.safetensors"
        path.write_bytes(length.to_bytes(8, "little") + header.encode())
        assert open_checkpoint(path) == {}
