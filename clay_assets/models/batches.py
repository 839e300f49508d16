"""Batches of one shape through a CUDA device: copied, computed and fetched at the same time.

Every batch is filled up to the same size, so that the same kernels run whatever it holds: a chip's
vector does not depend on its neighbours.
"""

# B batch, C band, H W side in pixels, M numbers besides pixels, N chips of a batch, N <= B

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_SLOTS = 3
"""One batch is filled, one is copied, one is computed."""

Compute = Callable[[Tensor, Tensor], Tensor]
"""(B, C, H, W) pixels and (B, M) numbers to (B, width), all on the device."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pending:
    """Vectors that a device may still be computing."""

    _vectors: Tensor
    """(N, width) float32 on the CPU, valid once `_done` has happened."""
    _done: torch.cuda.Event | None = None

    @property
    def is_done(self) -> bool:
        """Whether `wait` would return at once."""
        return self._done is None or bool(self._done.query())  # type: ignore[no-untyped-call]

    def wait(self) -> npt.NDArray[np.float32]:
        """(N, width), each vector flat in C order."""
        if self._done is not None:
            self._done.synchronize()
        vectors: npt.NDArray[np.float32] = self._vectors.numpy()
        return vectors


class _Slot:
    """Room for one batch on both sides, and what has become of it."""

    def __init__(
        self, shape: tuple[int, ...], numbers: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        pinned = device.type == "cuda"
        self.pixels = torch.zeros(shape, dtype=dtype, pin_memory=pinned)
        self.metadata = torch.zeros(shape[0], numbers, pin_memory=pinned)
        self.on_device = self.pixels.to(device, copy=True), self.metadata.to(device, copy=True)
        self.copied: torch.cuda.Event | None = None
        self.computed: torch.cuda.Event | None = None


class FixedBatches:
    """A ring of batches; the calling thread never waits while a slot is free."""

    def __init__(self, compute: Compute, *, batch_size: int, device: torch.device) -> None:
        """Run `compute`, which may be compiled, on `device`; buffers come with the first batch."""
        self._compute = compute
        self._batch_size = batch_size
        self._device = device
        self._slots: list[_Slot] = []
        self._turn = 0
        self._copying: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._copying = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def start(self, pixels: Sequence[npt.NDArray[np.generic]], metadata: Tensor) -> Pending:
        """Start one batch.

        Args:
            pixels: N arrays (C, H, W), all of one shape and type, which stay the same for all
                batches; 1 <= N <= `batch_size`.
            metadata: (N, M) float32 on the CPU.
        """
        slot = self._next_slot(torch.from_numpy(pixels[0]), metadata.shape[1])
        if slot.copied is not None:
            slot.copied.synchronize()  # the copy before still reads this memory
        for index, one in enumerate(pixels):
            slot.pixels[index].copy_(torch.from_numpy(one))
        slot.metadata[: len(metadata)].copy_(metadata)
        # What lies behind the N chips is of an earlier batch: finite, and thrown away below.
        self._copy(slot)
        vectors = self._compute(*slot.on_device)
        is_cuda = self._copying is not None
        kept = vectors[: len(pixels)].to("cpu", torch.float32, non_blocking=is_cuda, copy=True)
        if is_cuda:
            slot.computed = torch.cuda.current_stream(self._device).record_event()
        return Pending(kept, slot.computed)

    def _next_slot(self, first: Tensor, numbers: int) -> _Slot:
        if not self._slots:
            shape = (self._batch_size, *first.shape)
            self._slots = [_Slot(shape, numbers, first.dtype, self._device) for _ in range(_SLOTS)]
        self._turn = (self._turn + 1) % _SLOTS
        return self._slots[self._turn]

    def _copy(self, slot: _Slot) -> None:
        """Queue the copy to the device beside what it computes, and let the computation wait."""
        if self._copying is None:
            self._queue_copy(slot)
            return
        with torch.cuda.stream(self._copying):
            if slot.computed is not None:
                self._copying.wait_event(slot.computed)
            self._queue_copy(slot)
            slot.copied = self._copying.record_event()
        torch.cuda.current_stream(self._device).wait_event(slot.copied)

    def _queue_copy(self, slot: _Slot) -> None:
        for source, target in zip((slot.pixels, slot.metadata), slot.on_device, strict=True):
            target.copy_(source, non_blocking=True)


def compiled(compute: Compute, *, mode: str = "default") -> Compute:
    """`compute` for one shape, compiled; as it is, with a line in the log, where that fails."""
    fast = torch.compile(compute, dynamic=False, mode=mode)
    state = {"is_compiled": True}

    def run(pixels: Tensor, metadata: Tensor) -> Tensor:
        if state["is_compiled"]:
            try:
                return fast(pixels, metadata)
            except torch._dynamo.exc.TorchDynamoException as error:
                log.warning("torch.compile does not work here, going on without: %s", error)
                state["is_compiled"] = False
        return compute(pixels, metadata)

    return run
