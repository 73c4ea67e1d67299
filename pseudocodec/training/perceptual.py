"""The perceptual objective: pictures as sharp as originals, in detail that is partly invented.

At a small rate the least squared error is that of a blurred picture. After a first part of the
budget under the error alone, an adversary (`training.adversary`) therefore pulls the generator to
pictures like originals. The encoder is frozen meanwhile: that of the least error is the best one
for a generator of perfect realism, too (Yan et al. 2021, On Perceptual Lossy Compression).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from pseudocodec.training.adversary import Adversary

START = 0.4  # share of the budget under the error alone
INVENTS = "- The perceptual objective invents detail: do not measure on these pictures"
"""A line of the card of every model trained for it."""


class Perceptual:
    """The error alone, then with the pulls of an adversary."""

    def __init__(self, adversary: Adversary) -> None:
        self.adversary = adversary

    def freezes_codes(self, fraction: float) -> bool:
        """Whether the adversarial part has begun; a budget extended later does not end it."""
        return self.adversary.step > 0 or fraction >= START

    def loss(
        self, error: Tensor, images: Tensor, decoded: Tensor, level: Tensor, fraction: float
    ) -> Tensor:
        """`error`, and in the adversarial part what the adversary adds; it learns here."""
        if not self.freezes_codes(fraction):
            return error
        return self.adversary.loss(error, images, decoded, level)

    def state_dict(self) -> dict[str, Any]:
        """Of the adversary."""
        return self.adversary.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`'s values."""
        self.adversary.load_state_dict(state)
