import pytest
import torch

from clay_assets.errors import CheckpointError
from clay_assets.models.shapes import count, length


def test_a_length_is_that_of_an_axis():
    tensors = {"conv.weight": torch.zeros(8, 3, 5, 7)}
    assert [length("conv.weight", axis, tensors, "a.pth") for axis in (0, 2, -1)] == [8, 5, 7]


def test_parts_are_counted_by_their_numbers():
    names = [f"blocks.{number}.bias" for number in (0, 1, 10, 10)] + ["other.11.bias"]
    assert count(r"blocks\.(\d+)\.", names) == 3
    assert count(r"stages\.(\d+)\.", names) == 0


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({}, "a.pth lacks the tensor conv.weight"),
        ({"conv.weight": torch.zeros(8)}, r"conv.weight has the impossible shape \(8,\)"),
        ({"conv.weight": torch.zeros(8, 0)}, r"conv.weight has the impossible shape \(8, 0\)"),
    ],
)
def test_tensors_that_are_missing_or_empty_are_named(tensors, message):
    with pytest.raises(CheckpointError, match=message):
        length("conv.weight", 1, tensors, "a.pth")
