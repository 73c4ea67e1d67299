"""Mixed precision where the device computes it faster."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 for convolutions and matrix products; float32 where the device would emulate it."""
    enabled = fast_type(device) is torch.bfloat16
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def autocast_off(device: torch.device) -> AbstractContextManager[object]:
    """float32 within a region of mixed precision."""
    return torch.autocast(device.type, enabled=False)


def fast_type(device: torch.device) -> torch.dtype:
    """What `autocast` computes in on a device: bfloat16 or float32."""
    if device.type != "cpu" or _cpu_has_bfloat16():
        return torch.bfloat16
    return torch.float32


def _cpu_has_bfloat16() -> bool:
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(supported and supported())
