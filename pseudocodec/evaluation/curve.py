"""Where the points of a rate-distortion curve lie: sizes of ours, qualities of the peers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pseudocodec.container import DEFAULT_BLOCK_IMAGES
from pseudocodec.container.layout import ARCHIVE_HEADER_BYTES, COMMON, U32
from pseudocodec.evaluation.peers import Peer, curve
from pseudocodec.evaluation.rows import Layout, OnProgress, Row, silent
from pseudocodec.metrics import Images

POINTS = 7  # of a model's curve
SINGLE_OVERHEAD = COMMON.size  # bytes of a file of one picture beyond its payload

SETTINGS = (0, 1, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90)
"""Qualities of the peers, closer together where files are small."""


def default_sizes(payload_bytes: tuple[int, int], count: int) -> list[int]:
    """Bytes a picture, for `POINTS` archives of `count` pictures.

    The payloads go in equal ratios from the smallest to the largest of `payload_bytes`; each size
    adds what the archive spends on itself.
    """
    low, high = max(1, payload_bytes[0]), max(1, *payload_bytes)
    overhead = archive_overhead(count)
    return sorted({round(size) + overhead for size in np.geomspace(low, high, POINTS).tolist()})


def archive_overhead(count: int) -> int:
    """Bytes a picture, rounded up, that an archive of `count` needs beyond its payloads."""
    blocks = -(-count // DEFAULT_BLOCK_IMAGES)
    # Each block ends with a CRC, and is padded to whole bytes.
    return math.ceil((ARCHIVE_HEADER_BYTES + (U32.size + 1) * blocks) / count)


def peer_curve(
    images: Images,
    peer: Peer,
    layout: Layout,
    ours: Sequence[Row],
    on_progress: OnProgress = silent,
) -> list[Row]:
    """Rows of a peer over the range of `ours`, in bytes and in PSNR.

    From its lowest quality up, until one exceeds all of `ours` in both: a comparison needs the
    two curves only where they overlap. A lossless peer has one row.
    """
    if peer.lowest is None:
        return curve(images, peer, layout, [None], on_progress)
    most = max(row["bytes"] for row in ours)
    best = max(math.inf if row["psnr"] is None else row["psnr"] for row in ours)
    rows: list[Row] = []
    for setting in SETTINGS:
        if setting >= peer.lowest:
            rows += curve(images, peer, layout, [setting], on_progress)
            psnr = rows[-1]["psnr"]
            if rows[-1]["bytes"] > most and (psnr is None or psnr > best):
                break
    return rows
