"""Entropy coding on integer frequency tables: the same bytes on every machine."""

from __future__ import annotations

from pseudocodec.entropy.coder import decode, encode
from pseudocodec.entropy.tables import TOTAL, FrequencyTable

__all__ = ["TOTAL", "FrequencyTable", "decode", "encode"]
