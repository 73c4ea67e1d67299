"""What every latent code offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pseudocodec.latent.schedule import UNIT, Schedule

Payload = tuple[bytes, int]  # ceil(n / 8) bytes and n, the number of bits used, MSB first


class LatentCode(ABC):
    """Turns latent vectors into integer symbols, symbols into bits, and both back.

    Encoding may use floats. Everything from the symbols to the bytes, and the latents that `decode`
    returns, is exact: the same on every machine.
    """

    kind: str
    dims: int  # values of one latent vector
    max_bits: int  # the longest payload that carries information
    least_bits: int = 0  # the shortest that can be written
    quick: bool = True  # to encode with: some milliseconds a vector, at its lowest efforts

    @abstractmethod
    def encode(self, latents: NDArray[np.float32], bits: int, effort: int = 3) -> NDArray[np.int64]:
        """Latents (n, dims) -> symbols (n, k) for payloads of at most `bits` bits each.

        `effort` 0-9 buys a closer match with time. Raises PslError for a budget too small to carry
        anything when the code cannot be empty, for a wrong shape and for non-finite latents.
        """

    @abstractmethod
    def decode(self, symbols: NDArray[np.int64], bits: int) -> NDArray[np.float32]:
        """Symbols (n, k) of payloads of `bits` bits -> latents (n, dims), exact everywhere.

        Raises Corrupt for symbols the code cannot have written.
        """

    @abstractmethod
    def pack(self, symbols: NDArray[np.int64], bits: int) -> list[Payload]:
        """Symbols (n, k) -> one payload of exactly `bits` bits each."""

    @abstractmethod
    def unpack(self, payload: bytes, bits: int, *, partial: bool = False) -> NDArray[np.int64]:
        """One payload -> its symbols (k,). With `partial`, the whole symbols of a truncated one.

        Raises Corrupt for a payload the code cannot have written.
        """

    @abstractmethod
    def usable_bits(self, bits: int, *, partial: bool = False) -> int:
        """The payload size that carries information when `bits` are there: at most `bits`."""

    @abstractmethod
    def level(self, bits: int) -> float:
        """log2 of the water level after `bits`, told to the generator; 0 when nothing is coded."""

    @abstractmethod
    def distortions(self, bits: int) -> NDArray[np.float32]:
        """Error that `bits` leave in each component (dims,), a fraction of its variance."""

    @property
    @abstractmethod
    def variances(self) -> NDArray[np.float32]:
        """What each component (dims,) means to the picture: variances, relative to the largest."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """JSON-ready parameters, enough for `latent.registry.build` together with the tables."""

    @abstractmethod
    def tables(self) -> dict[str, NDArray[np.int64]]:
        """The integer tables by name: what travels as tensors of the model file."""


class ScheduledCode(LatentCode):
    """A latent code whose fineness follows a `Schedule` of water levels."""

    schedule: Schedule

    def level(self, bits: int) -> float:
        """log2 of the water level after the bits of `bits` that carry information."""
        return self.schedule.level(self.usable_bits(bits))

    def distortions(self, bits: int) -> NDArray[np.float32]:
        """Error left in each component (dims,), a fraction of its variance."""
        return self.schedule.distortions(self.usable_bits(bits))

    @property
    def variances(self) -> NDArray[np.float32]:
        """Variances of the components (dims,), relative to the largest."""
        return (self.schedule.variances / UNIT).astype(np.float32)
