"""A model against its peers on the same pictures, in two layouts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pseudocodec.evaluation.compare import at_equal_bytes, at_equal_psnr, front
from pseudocodec.evaluation.curve import SINGLE_OVERHEAD, archive_overhead, peer_curve
from pseudocodec.evaluation.ours import Encoder
from pseudocodec.evaluation.peers import PEERS, round_trip
from pseudocodec.evaluation.rows import Layout, OnProgress, Row
from pseudocodec.evaluation.sheets import per_sheet
from pseudocodec.metrics import Images

LAYOUTS: tuple[Layout, ...] = ("sheet", "single")


def versus(
    encoder: Encoder, images: Images, limit: int, rows: list[Row], on_progress: OnProgress
) -> dict[str, Any]:
    """The model and every peer on the first `limit` pictures, at equal bytes and at equal PSNR.

    An archive is compared with contact sheets, a .psl file a picture with single files; the latter
    may have `SINGLE_OVERHEAD` bytes more than the archive has a picture. `rows` are those of an
    archive of all `images`; where there are more than `limit`, smaller archives are made.

    Returns pictures (their number), absent (names of peers), and by layout ours, peers (rows),
    equal_bytes and equal_psnr (see `compare`).
    """
    few = images[:limit]
    sizes = [row["setting"] for row in rows]
    ours = {"sheet": rows}
    if len(few) < len(images):
        more = archive_overhead(len(few)) - archive_overhead(len(images))
        archives = encoder.archives(few, [size + more for size in sizes], on_progress)
        ours["sheet"] = [row for row, _ in archives]
    ours["single"] = encoder.singles(few, [size + SINGLE_OVERHEAD for size in sizes], on_progress)
    here = [peer for peer in PEERS.values() if peer.available]
    peers: dict[str, list[Row]] = {layout: [] for layout in LAYOUTS}
    for peer in here:
        for layout in LAYOUTS:
            peers[layout] += peer_curve(few, peer, layout, ours[layout], on_progress)
    return {
        "pictures": len(few),
        "absent": [name for name, peer in PEERS.items() if peer not in here],
        "ours": ours,
        "peers": peers,
        "equal_bytes": {key: at_equal_bytes(ours[key], peers[key]) for key in LAYOUTS},
        "equal_psnr": {key: at_equal_psnr(ours[key], peers[key]) for key in LAYOUTS},
    }


def best_peer(images: Images, rows: Sequence[Row], size: float) -> tuple[Row, Images] | None:
    """The best sheet of at most `size` bytes a picture, or else the smallest, and what decodes.

    Only the first sheet of `images` is decoded. None where no peer has a lossy row.
    """
    lossy = [row for row in rows if row["psnr"] is not None]
    if not lossy:
        return None
    smallest = min(lossy, key=lambda row: float(row["bytes"]))
    affordable = front(row for row in lossy if row["bytes"] <= size)
    row = affordable[-1] if affordable else smallest
    first = images[: per_sheet(*images.shape[1:3])]
    return row, round_trip(first, PEERS[row["codec"]], "sheet", row["setting"])[1]
