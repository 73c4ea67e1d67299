"""The hyperprior code of photographs, written from the specification (../README.md) alone.

Sums are of 64-bit integers; below 2^53, which M48 guarantees, those of float64 are the same.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
import psl_contexts
import psl_overfit
from psl_codes import TOTAL, Stream, ends_of
from psl_reader import Record, Tables, need

ESCAPES = [1 + (TOTAL - 16 << 15 - c) // 65535 for c in range(16)]
ESCAPES[0] += TOTAL - sum(ESCAPES)


def latents(tables: Tables, record: Record) -> np.ndarray:
    """Latents of all tiles, each (N, h, w), flat and one behind the other.

    Of a model of fitted nets, the pixels (h, w, 1 or 3).
    """
    fitted = "starts" in tables
    (psl_overfit.check if fitted else check)(tables)
    payload, (width, height) = record.payload, record.size
    rows, columns = -(-height // 16), -(-width // 16)
    top = len(tables["starts"]) - 1 if fitted else 256 * (len(tables["gain"]) - 1)
    boxes = [
        (min(64, rows - y), min(64, columns - x))
        for y in range(0, rows, 64)
        for x in range(0, columns, 64)
    ]
    start = 3 + (8 * len(boxes) + 4 if len(boxes) > 1 else 0)
    need(len(payload) >= start, "M45")
    flags, level = struct.unpack_from("<BH", payload)
    need(flags <= 1 and level <= top, "M44")
    entries = [(len(payload) - start, None)]
    if len(boxes) > 1:
        crc = zlib.crc32(struct.pack("<II", width, height) + payload[: start - 4])
        need(crc == struct.unpack_from("<I", payload, start - 4)[0], "M45")
        entries = list(struct.iter_unpack("<II", payload[3 : start - 4]))
    need(start + sum(length for length, _ in entries) == len(payload), "M45")
    out = []
    for number, ((length, crc), box) in enumerate(zip(entries, boxes, strict=True)):
        data, start = payload[start : start + length], start + length
        need(crc in (None, zlib.crc32(struct.pack("<I", number) + data)), "M46")
        if fitted:
            y, x = divmod(number, -(-columns // 64))
            size = min(1024, height - 1024 * y), min(1024, width - 1024 * x)
            out.append(psl_overfit.tile(tables, data, size, level, flags == 1).ravel())
        else:
            out.append(tile(tables, data, box, level).ravel())
    return np.concatenate(out)


def check(tables: Tables) -> None:
    """Refuse a model whose sums could exceed 2^53."""
    for k in range(4):
        weight, bias = tables[f"weight.{k}"].astype(object), tables[f"bias.{k}"].astype(object)
        sums = np.abs(weight).reshape(len(weight), -1).sum(1).max() << 20
        need(abs(weight).max() < 1 << 15 and abs(bias).max() <= 1 << 34, "M48")
        need(sums < (1 << 53) - (1 << 35), "M48")
    mean, index = tables["hyper_mean"].astype(object), tables["hyper_index"].astype(object)
    need(abs(mean).max() <= 1 << 19 and abs(index).max() <= 255 << 8, "M48")
    need(tables["gain"].min() >= 0 and tables["gain"].max() <= 1 << 24, "M48")
    coded = {"contexts.": tables["gain"], "hyper_contexts.": mean}
    if any(key.startswith("detail_") for key in tables):
        coded["detail_contexts."] = check_details(tables)
    if any(key.startswith("filter_") for key in tables):
        check_filters(tables)
    for prefix, channels in coded.items():
        own = {k.removeprefix(prefix): v for k, v in tables.items() if k.startswith(prefix)}
        if own:
            psl_contexts.check(own, channels.shape[1], len(tables["scales.widths"]))


def check_details(tables: Tables) -> np.ndarray:
    """Refuse details without one of their tensors, of wrong shapes or out of range; the tables."""
    need("detail_contexts.means" in tables, "M54")
    need("detail_first" in tables and "detail_index" in tables, "M54")
    first, index = tables["detail_first"], tables["detail_index"].astype(object)
    need(first.shape == (1,) and index.ndim == 2 and len(index) == len(tables["gain"]), "M54")
    need(0 <= first[0] <= 256 * (len(index) - 1) and 0 < index.shape[1] <= 768, "M54")
    need(abs(index).max() <= 255 << 8, "M54")
    return index


def check_filters(tables: Tables) -> None:
    """Refuse filters without tables, or with those of a wrong shape or out of range."""
    need("filter_index" in tables, "M55")
    index = tables["filter_index"].astype(object)
    need(index.ndim == 2 and len(index) == len(tables["gain"]), "M55")
    need(0 < index.shape[1] <= 1024 and abs(index).max() <= 255 << 8, "M55")


def tile(tables: Tables, data: bytes, box: tuple[int, int], level: int) -> np.ndarray:
    """All numbers of a tile: latents, details where the level has any, the filter's values."""
    details, values = [], []
    if "filter_index" in tables:
        part, data = cut(data)
        own = table_at(tables, "filter_index", level)
        values = residuals(part, own, [ends_of(each) for each in scales_of(tables)])
    if "detail_first" in tables and level >= tables["detail_first"][0]:
        part, data = cut(data)
        own = table_at(tables, "detail_index", level)
        own = np.broadcast_to(own[:, None, None], (len(own), *box))
        empty = np.zeros(own.shape)
        details = [stream(tables, "detail_contexts.", part, own, level) if part else empty]
    front, back = cut(data)
    count = len(tables["scales.widths"])
    means = at(tables["hyper_mean"], level)
    shape = len(means), -(-box[0] // 4), -(-box[1] // 4)
    own = np.broadcast_to(table_at(tables, "hyper_index", level)[:, None, None], shape)
    hyper = stream(tables, "hyper_contexts.", front, own, level)
    need(np.abs(hyper).max() <= 1000, "M47")
    means, index = synthesis(tables, 256 * hyper + means[:, None, None], level)
    means, index = (v[:, : box[0], : box[1]] for v in (means, index))
    index = np.minimum(index, count - 1)
    out = stream(tables, "contexts.", back, index, level)
    found = np.concatenate([out + means / 16, *details]).ravel()
    return np.concatenate([found, values]).astype(np.float32)


def cut(data: bytes) -> tuple[bytes, bytes]:
    """A stream behind its length, and what is behind the stream."""
    need(data, "M47")
    used = next((i + 1 for i, byte in enumerate(data[:5]) if byte < 128), 0)
    need(used == 1 or (used and data[used - 1]), "M47")
    length = sum((byte & 127) << 7 * i for i, byte in enumerate(data[:used]))
    need(used + length <= len(data), "M47")
    return data[used : used + length], data[used + length :]


def stream(tables: Tables, prefix: str, data: bytes, index: np.ndarray, level: int) -> np.ndarray:
    """Residuals with these tables, in the contexts that the prefix names, if the model has them."""
    scales = scales_of(tables)
    own = {k.removeprefix(prefix): v for k, v in tables.items() if k.startswith(prefix)}
    if not own:
        return residuals(data, index, [ends_of(part) for part in scales])
    share = 8 * level // (256 * (len(tables["gain"]) - 1) + 1)
    return psl_contexts.residuals(data, index, own, scales, share)


def scales_of(tables: Tables) -> list[list[int]]:
    """The frequencies of each table."""
    widths = tables["scales.widths"]
    return [
        part.tolist() for part in np.split(tables["scales.frequencies"], np.cumsum(widths)[:-1])
    ]


def table_at(tables: Tables, name: str, level: int) -> np.ndarray:
    """The table of each channel at a level."""
    return np.clip(at(tables[name], level) + 128 >> 8, 0, len(tables["scales.widths"]) - 1)


def at(rows: np.ndarray, level: int) -> np.ndarray:
    """The row at a level."""
    i, f = divmod(level, 256)
    return (rows[i] * (256 - f) + rows[i + 1] * f + 128 >> 8) if f else rows[i]


def residuals(data: bytes, index: np.ndarray, scales: list[list[int]]) -> np.ndarray:
    """The residuals of a stream, of the shape of `index`, the table of each."""
    stream, flat = Stream(data), index.ravel()
    out, outside = np.zeros(len(flat), np.int64), []
    for place in np.argsort(flat, kind="stable"):
        ends = scales[flat[place]]
        top = (len(ends) - 1) // 2 - 1
        out[place] = symbol = stream.take(ends)
        if symbol == top + 1:
            outside.append(place)
        elif symbol > top:
            out[place] = symbol - 2 * top - 2
    outside.sort()
    classes = [stream.take(ends_of(ESCAPES)) for _ in outside]
    for c, place in sorted(zip(classes, outside, strict=True)):
        low = stream.take(list(range(0, TOTAL + 1, TOTAL >> c + 1)))
        far = (1 << c) + low // 2 + (len(scales[flat[place]]) - 1) // 2 - 1
        need(far <= 65535, "M47")
        out[place] = -far if low % 2 else far
    stream.finish()
    return out.reshape(index.shape)


def synthesis(tables: Tables, h: np.ndarray, level: int) -> tuple[np.ndarray, np.ndarray]:
    """Hyper-latents -> means in sixteenths, tables, before they are cut to the tile."""
    for k in range(4):
        weight, bias = tables[f"weight.{k}"].astype(np.int64), at(tables[f"bias.{k}"], level)
        p = weight.shape[2] // 2
        windows = np.lib.stride_tricks.sliding_window_view(
            np.pad(h, ((0, 0), (p, p), (p, p))), weight.shape[2:], axis=(1, 2)
        )
        h = np.tensordot(weight, windows, ((1, 2, 3), (0, 3, 4))) + bias[:, None, None]
        h = h + 2**11 >> 12
        if k < 3:
            h = h.clip(0, 2**20 - 1)
        if k < 2:
            c, rows, columns = h.shape
            h = h.reshape(c // 4, 2, 2, rows, columns).transpose(0, 3, 1, 4, 2)
            h = h.reshape(c // 4, 2 * rows, 2 * columns)
    gain = at(tables["gain"], level)[:, None, None]
    h = h.clip(-(2**27), 2**27)
    means = (h[: len(gain)] * gain + 2**11 >> 12).clip(-(2**19), 2**19)
    return means, (h[len(gain) :] + 128 >> 8).clip(0, 255)
