"""One process or several: where a run computes, in which precision, and with whom.

Under `torchrun --nproc-per-node N` every process trains on pictures of its own, gradients are
averaged (DistributedDataParallel), and process 0 alone reports and writes files.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import distributed, nn

from pseudocodec.errors import PslError

T = TypeVar("T")


@dataclass(frozen=True)
class Team:
    """This process among `size`, and its device."""

    device: torch.device
    rank: int = 0
    size: int = 1

    @staticmethod
    def join(device: str = "auto") -> Team:
        """The team of this process, as torchrun's environment says; alone without it.

        Raises PslError for a device that is not there.
        """
        size = int(os.environ.get("WORLD_SIZE", "1"))
        rank, local = int(os.environ.get("RANK", "0")), os.environ.get("LOCAL_RANK", "0")
        gpu = torch.cuda.is_available()
        if device == "cuda" or (device == "auto" and gpu):
            device = f"cuda:{local}"  # a GPU for each process
        elif device == "auto":
            device = "cpu"
        try:
            where = torch.device(device)
            torch.zeros(1, device=where)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise PslError(f"device={device!r} cannot be used here ({reason})") from error
        if size > 1 and not distributed.is_initialized():
            distributed.init_process_group("nccl" if where.type == "cuda" else "gloo")
        return Team(where, rank, size)

    @property
    def leads(self) -> bool:
        """Whether this process reports and writes files."""
        return self.rank == 0

    def leave(self) -> None:
        """End the team's communication."""
        if self.size > 1 and distributed.is_initialized():
            distributed.destroy_process_group()

    def parallel(self, nets: nn.Module) -> nn.Module:
        """`nets` with gradients averaged over the team."""
        if self.size == 1:
            return nets
        devices = [self.device.index] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(nets, device_ids=devices)

    def average_gradients(self, nets: nn.Module) -> None:
        """Give the gradients of `nets` the team's mean, where `parallel` did not run them."""
        if self.size == 1:
            return
        for weight in nets.parameters():
            if weight.grad is not None:
                distributed.all_reduce(weight.grad)
                weight.grad /= self.size

    def share(self, value: T) -> T:
        """The leader's `value`, for all."""
        if self.size == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box, 0, device=self.device)
        return box[0]

    def agree(self, value: float) -> float:
        """The leader's `value`: clocks differ, and all must stop after the same step."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        distributed.broadcast(shared, 0)
        return float(shared)
