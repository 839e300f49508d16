"""Batches of one size, as a GPU gets them, on the CPU; see test_encoder.py for a GPU."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clay_assets.models.batches import FixedBatches, compiled

CPU = torch.device("cpu")
SIZE = 4


def sums(pixels, metadata):
    """(B, 2): what a batch holds, and how large it is."""
    assert len(pixels) == len(metadata) == SIZE
    return torch.stack([pixels.sum(dim=(1, 2, 3)), metadata[:, 0]], dim=1)


def chip(number):
    return np.full((2, 3, 3), number, np.float32)


@settings(max_examples=20)
@given(batches=st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=SIZE), max_size=6))
def test_every_chip_gets_its_own_row_whatever_came_before(batches):
    ring = FixedBatches(sums, batch_size=SIZE, device=CPU)
    flying = [
        ring.start([chip(n) for n in numbers], torch.tensor([[float(-n)] for n in numbers]))
        for numbers in batches
    ]
    for numbers, pending in zip(batches, flying, strict=True):
        assert pending.is_done
        assert pending.wait().tolist() == [[18.0 * n, -n] for n in numbers]


def test_batches_of_bytes_stay_bytes():
    seen = []

    def look(pixels, _):
        seen.append(pixels.dtype)
        return pixels.flatten(1).float()

    ring = FixedBatches(look, batch_size=2, device=CPU)
    found = ring.start([np.full((1, 1, 2), 255, np.uint8)], torch.zeros(1, 0)).wait()
    assert seen == [torch.uint8]
    assert found.tolist() == [[255.0, 255.0]]


def test_what_does_not_compile_here_is_computed_as_it_is(monkeypatch, caplog):
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("no-such-compiler",))
    monkeypatch.setattr("torch._inductor.config.fx_graph_cache", False)
    torch._dynamo.reset()
    run = compiled(lambda pixels, metadata: (pixels * 3).sin() + metadata)
    pixels, metadata = torch.rand(2, 5), torch.rand(2, 1)
    for _ in range(2):
        assert torch.equal(run(pixels, metadata), (pixels * 3).sin() + metadata)
    assert caplog.text.count("torch.compile does not work here, going on without") == 1


@pytest.mark.slow
def test_what_is_compiled_gives_what_is_not():
    torch._dynamo.reset()
    run = compiled(sums)
    pixels, metadata = torch.rand(SIZE, 2, 3, 3), torch.rand(SIZE, 1)
    torch.testing.assert_close(run(pixels, metadata), sums(pixels, metadata))
