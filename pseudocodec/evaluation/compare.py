"""Two codecs at equal bytes and at equal PSNR, between the rows measured and never beyond them.

PSNR is taken to be linear in the logarithm of the bytes between two neighbouring rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from pseudocodec.evaluation.rows import Row


def front(rows: Iterable[Row]) -> list[Row]:
    """The rows worth choosing, smallest first: each has a better PSNR than all smaller ones.

    Lossless rows, whose PSNR is infinite, are left out.
    """
    best, kept = -math.inf, []
    lossy = [row for row in rows if row["psnr"] is not None]
    for row in sorted(lossy, key=lambda row: (row["bytes"], -row["psnr"])):
        if row["psnr"] > best:
            best = row["psnr"]
            kept.append(row)
    return kept


def psnr_at(rows: Iterable[Row], size: float) -> float | None:
    """The PSNR of a codec at `size` bytes; None outside the sizes of its rows."""
    points = front(rows)
    if not points or not points[0]["bytes"] <= size <= points[-1]["bytes"]:
        return None
    logs = [math.log(row["bytes"]) for row in points]
    return float(np.interp(math.log(size), logs, [row["psnr"] for row in points]))


def bytes_at(rows: Iterable[Row], psnr: float) -> float | None:
    """The bytes of a codec at `psnr` dB; None outside the PSNR of its rows."""
    points = front(rows)
    if not points or not points[0]["psnr"] <= psnr <= points[-1]["psnr"]:
        return None
    logs = [math.log(row["bytes"]) for row in points]
    return math.exp(np.interp(psnr, [row["psnr"] for row in points], logs))


def at_equal_bytes(ours: Iterable[Row], peers: Sequence[Row]) -> list[Row]:
    """For each of our rows the PSNR of each peer at the same bytes.

    Returns rows of bytes, psnr (ours) and peers: {name: dB or None outside the peer's range}.
    """
    lines = _by_codec(peers)
    return [
        {
            "bytes": row["bytes"],
            "psnr": row["psnr"],
            "peers": {name: psnr_at(line, row["bytes"]) for name, line in lines.items()},
        }
        for row in ours
    ]


def at_equal_psnr(ours: Iterable[Row], peers: Sequence[Row]) -> list[Row]:
    """For each of our rows, unless lossless, the bytes of each peer at the same PSNR.

    Returns rows of psnr, bytes (ours) and peers: {name: {"bytes", "ratio"} or None outside the
    peer's range}; the ratio is the peer's bytes divided by ours.
    """
    lines = _by_codec(peers)
    table = []
    for row in ours:
        if row["psnr"] is None:
            continue
        sizes = {name: bytes_at(line, row["psnr"]) for name, line in lines.items()}
        found: dict[str, Row | None] = {
            name: None if size is None else {"bytes": size, "ratio": size / row["bytes"]}
            for name, size in sizes.items()
        }
        table.append({"psnr": row["psnr"], "bytes": row["bytes"], "peers": found})
    return table


def smallest(peers: Iterable[Row]) -> dict[str, Row]:
    """The lossy row of fewest bytes of each codec: it cannot go lower."""
    return {name: points[0] for name, line in _by_codec(peers).items() if (points := front(line))}


def _by_codec(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows by codec; lossless codecs have no place in a comparison of PSNR."""
    lines: dict[str, list[Row]] = {}
    for row in rows:
        if row["psnr"] is not None:
            lines.setdefault(row["codec"], []).append(row)
    return lines
