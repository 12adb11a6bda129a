"""Shared memory in which workers leave their batches, the same pages again and again.

For each tensor of a batch torch's DataLoader makes a file of fresh shared memory: the kernel clears
its pages, both sides map them one by one, and all is thrown away after use. That costs several
times what reading and decoding keypoints does. Here every worker has a few slots that are mapped
once; of a batch only the places of its tensors travel, and the training process copies them out
before it asks for the next one. None of it is in /dev/shm, which containers keep small.
"""

from __future__ import annotations

import itertools
import math
import mmap
import os
from multiprocessing.reduction import DupFd
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import torch
from torch import Tensor

SLOT_BYTES = 256 << 20
"""Of address space; memory is taken where a batch is written. Larger ones go torch's way."""
_ALIGN = 64


class Ring:
    """Slots for the batches of some workers.

    A worker writes its n-th batch to slot n modulo `slots`. It may: torch asks it for that batch
    only after the one `slots - 1` before has been received, and then the one before that has been
    copied.

    Args:
        workers: processes that write.
        slots: of each; one more than the batches it may be asked for at a time.
        slot_bytes: size of a slot.

    Raises:
        OSError: the system has no such memory to give.
    """

    def __init__(self, workers: int, slots: int, slot_bytes: int = SLOT_BYTES) -> None:
        if not hasattr(os, "memfd_create"):
            raise OSError("this system has no anonymous files in memory")
        self._slots, self._slot_bytes = slots, slot_bytes
        self._size = workers * slots * slot_bytes
        self._turn = self._at = self._end = 0
        self._id = next(_IDS)
        file = os.memfd_create("sign-etl-batches")
        try:
            os.ftruncate(file, self._size)
            self._map(file)
        except BaseException:
            os.close(file)
            raise
        _RINGS[self._id] = self

    def __getstate__(self) -> dict[str, Any]:
        """All but the mapping; the file travels to a process that is being started."""
        state = {name: value for name, value in vars(self).items() if name != "_bytes"}
        return state | {"_file": DupFd(self._file)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._map(state["_file"].detach())

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            os.close(self._file)

    def begin(self, worker: int) -> None:
        """In a worker: the next batch, in the slot after the last one's."""
        slot = worker * self._slots + self._turn % self._slots
        self._turn += 1
        self._at, self._end = slot * self._slot_bytes, (slot + 1) * self._slot_bytes

    def empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor | None:
        """In a worker: a tensor in the slot of this batch, not cleared; None where it is full."""
        at, size = self._at, dtype.itemsize * math.prod(shape)
        if at + size > self._end:
            return None
        self._at = at + -(-size // _ALIGN) * _ALIGN
        return self.view(at, shape, dtype)

    def place(self, tensor: Tensor) -> Any:
        """In a worker: what travels in the tensor's stead, which is put into the slot if need be.

        Unpickled in the process that made the ring, it is a tensor over the same memory.
        """
        if not tensor.numel():
            return tensor
        if not self.holds(tensor):
            target = self.empty(tuple(tensor.shape), tensor.dtype)
            if target is None:
                return tensor
            tensor = target.copy_(tensor)
        offset = tensor.data_ptr() - self._bytes.data_ptr()
        return _Placed(self._id, offset, tuple(tensor.shape), tensor.dtype)

    def holds(self, tensor: Tensor) -> bool:
        """Whether the tensor's memory is the ring's, and will be written again."""
        return 0 <= tensor.data_ptr() - self._bytes.data_ptr() < self._size

    def view(self, offset: int, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """The tensor that is at `offset`."""
        size = dtype.itemsize * math.prod(shape)
        return self._bytes[offset : offset + size].view(dtype).view(shape)

    def _map(self, file: int) -> None:
        self._file = file
        self._bytes = torch.frombuffer(mmap.mmap(file, self._size), dtype=torch.uint8)


class _Placed(NamedTuple):
    ring: int
    offset: int
    shape: tuple[int, ...]
    dtype: torch.dtype

    def __reduce__(self) -> tuple[Any, ...]:
        return _placed, tuple(self)


def _placed(ring: int, offset: int, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    return _RINGS[ring].view(offset, shape, dtype)


_IDS = itertools.count()
_RINGS: WeakValueDictionary[int, Ring] = WeakValueDictionary()
