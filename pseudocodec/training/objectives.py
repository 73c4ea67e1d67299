"""What training minimises: the interface of an objective, and the plain one."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

OBJECTIVES = ("mse", "perceptual")


class Objective(Protocol):
    """What a run minimises, and from when on it leaves the codes alone.

    The trainer averages `error` over a batch so that every rate pulls alike; an objective adds to
    it. `fraction` in [0, 1] is the share of the budget that is spent.
    """

    def freezes_codes(self, fraction: float) -> bool:
        """Whether from now on the generator alone learns, from the codes that there are."""
        ...

    def loss(
        self, error: Tensor, images: Tensor, decoded: Tensor, level: Tensor, fraction: float
    ) -> Tensor:
        """The loss of a batch, a scalar; what the objective learns itself, it learns here.

        `images` and `decoded` are (B, C, H, W), `level` (B,) is what the nets are told of the rate,
        and `error` a scalar function of `decoded`.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`'s values."""
        ...


class MeanSquaredError:
    """Nothing but the error."""

    def freezes_codes(self, fraction: float) -> bool:
        """Never: encoder and generator learn together."""
        return False

    def loss(
        self, error: Tensor, images: Tensor, decoded: Tensor, level: Tensor, fraction: float
    ) -> Tensor:
        """The error itself."""
        return error

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing."""
