"""What the caller asks for: a quality, a size or a PSNR."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

from pseudocodec.errors import PslError

DEFAULT_MODEL = "photo"  # any picture; models of one kind are chosen by name
DEFAULT_QUALITY = 60  # 16 bytes of payload a picture for the shipped digits model


@dataclass(frozen=True)
class Target:
    """Exactly one of the four is set."""

    quality: float | None = None
    nbytes: int | None = None
    psnr: float | None = None
    bpp: float | None = None

    @staticmethod
    def of(
        quality: float | None = None,
        nbytes: int | None = None,
        psnr: float | None = None,
        bpp: float | None = None,
    ) -> Target:
        """The request, checked; DEFAULT_QUALITY when nothing is asked for.

        Raises PslError for two targets at once, and for what is no number or out of range.
        """
        given: dict[str, object] = {"quality": quality, "nbytes": nbytes, "psnr": psnr, "bpp": bpp}
        named = [f"{name}={value}" for name, value in given.items() if value is not None]
        if len(named) > 1:
            raise PslError(f"{' and '.join(named)}: ask for one target only")
        for name, value in given.items():
            if value is not None and (isinstance(value, bool) or not isinstance(value, Real)):
                raise PslError(f"{name}={value!r}: expected a number")
        if not named:
            quality = DEFAULT_QUALITY
        if quality is not None and not (0 <= quality <= 100):
            raise PslError(f"quality={quality}: expected 0 (smallest) to 100 (best)")
        if nbytes is not None and not (nbytes >= 1 and nbytes % 1 == 0):
            raise PslError(f"nbytes={nbytes}: expected a positive whole number of bytes")
        if psnr is not None and not (psnr > 0 and math.isfinite(psnr)):
            raise PslError(f"psnr={psnr}: expected a positive number of decibels")
        if bpp is not None and not (bpp > 0 and math.isfinite(bpp)):
            raise PslError(f"bpp={bpp}: expected a positive number of bits a pixel")
        return Target(quality, None if nbytes is None else int(nbytes), psnr, bpp)

    def bytes_for(self, pixels: int) -> int | None:
        """The size of the file of a picture of so many pixels, where a size was asked for."""
        return self.nbytes if self.bpp is None else max(1, int(self.bpp * pixels / 8))


def quality_bits(quality: float, payload_bytes: tuple[int, int]) -> int:
    """Payload bits for a quality: from the smallest to the largest size in equal ratios.

    Each step of quality multiplies the size by the same factor, and each such step adds about the
    same number of decibels. Whole bytes.
    """
    low, high = payload_bytes
    low = max(1, low)
    return 8 * round(low * math.pow(high / low, quality / 100))
