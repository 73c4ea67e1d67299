"""Residuals in their contexts, written from the specification (../README.md) alone."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
from psl_codes import TOTAL, Stream
from psl_reader import Tables, need

KNOTS = [
    32768, 40793, 47911, 53581, 57724, 60565, 62428, 63615, 64357, 64816, 65097, 65269, 65374,
    65438, 65476, 65500, 65514, 65523, 65528, 65531, 65533, 65534, 65535, 65535, 65535, 65535,
]  # fmt: skip
UPPER = [
    (128 - x % 128) * KNOTS[x // 128] + x % 128 * KNOTS[x // 128 + 1] + 64 >> 7 for x in range(3072)
]
CHANCES = [65536 - p for p in UPPER[:0:-1]] + UPPER  # of the logits -3071 to 3071
THRESHOLDS = [*range(1, 8), *(4 + i << j for j in range(1, 16) for i in range(4)), 1 << 18]
THRESHOLDS = [t for t in THRESHOLDS if t <= 1 << 17]


class Coder:
    """Decisions from a stream, with contexts and weights that learn."""

    def __init__(self, data: bytes, tables: Tables) -> None:
        self.stream = Stream(data)
        self.contexts = tables["contexts"].astype(np.int64)
        self.weights = tables["weights"].astype(np.int64)

    def decide(self, logits: list[int], places: list[int], rows: tuple[int, int]) -> int:
        """The next one, 0 or 1."""
        seen = self.contexts[places]
        x = np.array([*logits, *(logit(chance) for chance in (seen >> 16).tolist())])
        d = [int((self.weights[row, : len(x)] @ x + 2**15 >> 16).clip(-3071, 3071)) for row in rows]
        p = CHANCES[(d[0] + d[1] >> 1) + 3071]
        yes = self.stream.take([0, 65536 - p << 8, TOTAL])
        for row, own in zip(rows, d, strict=True):
            moved = 12 * ((yes << 16) - CHANCES[own + 3071]) * x + 2**19 >> 20
            row_of = self.weights[row, : len(x)]
            row_of[:] = (row_of + moved).clip(-(2**22), 2**22)
        chance, times = seen >> 10, seen & 1023
        chance = chance + (((yes << 22) - chance) * (2**17 // (2 * times + 3)) >> 16)
        self.contexts[places] = chance << 10 | np.minimum(times + 1, 255)
        return yes


def logit(chance: int) -> int:
    """The lowest logit with at least this chance."""
    return min(bisect_left(CHANCES, chance), 6142) - 3071


def check(tables: Tables, channels: int, count: int) -> None:
    """Refuse tensors of other shapes or out of range."""
    wanted = {
        "means": ("int16", (min(48, channels), 196)),
        "magnitudes": ("int16", (channels, 76)),
        "expectations": ("int16", (channels, 7)),
        "narrow": ("uint8", (channels,)),
        "contexts": ("uint32", (sum(map(int, np.prod(kinds(channels, count), axis=1))),)),
        "weights": ("int32", (3 * count + 2 * channels + 13, 8)),
    }
    for name, (dtype, shape) in wanted.items():
        found = tables.get(name)
        need(found is not None and found.dtype == dtype and found.shape == shape, "M53")
    need(np.abs(tables["means"].astype(int)).sum(1).max() * 1023 < 2**31, "M53")
    need((tables["contexts"] & 1023).max() <= 255, "M53")
    need(np.abs(tables["weights"].astype(int)).max() <= 2**22, "M53")


def kinds(channels: int, count: int) -> list[list[int]]:
    """The shape of each kind of context."""
    by_size = [[12, count, 48, 1], [12, channels, 48, 1], [12, channels, 8, 1], [12, 48, 8, 9]]
    signs = [[channels, 3, 3, 1], [channels, 3, 3, 3], [20, 1, 1, 1]]
    return [[12, count, 8, 3], [12, count, 4, 3], *by_size, *signs]


def of_table(frequencies: list[int]) -> tuple[int, list[int]]:
    """The mean magnitude, and the logits of reaching each threshold."""
    top = len(frequencies) // 2 - 1
    folded = [frequencies[0], *(frequencies[r] + frequencies[-r] for r in range(1, top + 1))]
    folded.append(frequencies[top + 1])
    mean = sum(r * f for r, f in enumerate(folded)) >> 16
    usual, before = [], TOTAL
    for threshold in THRESHOLDS:
        reached = sum(folded[threshold:])
        chance = (reached << 16) // max(before, 1)
        usual.append(logit(min(max(chance, 1), 65535)) if reached else -256)
        before = reached
    return mean, usual


def residuals(  # noqa: PLR0915 - the specification's five steps, one behind the other
    data: bytes, index: np.ndarray, tables: Tables, frequencies: list[list[int]], share: int
) -> np.ndarray:
    """The residuals of a stream, of the shape (N, h, w) of `index`, the table of each."""
    n, height, width = index.shape
    count, coder = len(frequencies), Coder(data, tables)
    shapes = kinds(n, count)
    starts = np.cumsum([0, *np.prod(shapes, axis=1)]).tolist()
    means, usual = zip(*map(of_table, frequencies), strict=True)
    # Residuals, magnitudes and expectations: a row above, a column on both sides, 64 channels.
    r, v, e = (np.zeros((n + 128, height + 1, width + 2), np.int64) for _ in range(3))
    shifted = len(tables["means"])
    own = {k: tables[k].astype(np.int64) for k in ("means", "magnitudes", "expectations", "narrow")}

    def place(kind: int, *numbers: int) -> int:
        return starts[kind] + int(np.ravel_multi_index(numbers, shapes[kind][: len(numbers)]))

    for y, x in np.ndindex(height, width):
        here, around = (y + 1, x + 1), [(y + 1, x), (y, x + 1), (y, x), (y, x + 2)]
        p = q = 512
        for c in range(n):
            at, mean, offset, t = c + 64, 0, 0, int(index[c, y, x])
            if c < shifted:
                seen = np.array([r[at - 24 : at + 24, *spot] for spot in around]).ravel()
                seen = np.concatenate([seen, r[at - 4 : at, *here]]).clip(-1023, 1023)
                s = int(own["means"][c] @ seen)
                mean = min(max(s + 2**11 >> 12, -32767), 32767)
                offset = min(max(s - (mean << 12), -2048), 2047)
                t = max(t - int(own["narrow"][c]), 0)
            e[at, *here] = min(means[t], 20 * 256)
            near = [v[at - 1 : at + 2, *spot] for spot in around]
            near = np.concatenate([v[at - 64 : at, *here], np.array(near).T.ravel()])
            awaited = [e[at, *around[0]], e[at, *around[1]], e[at, *here], *e[at - 4 : at, *here]]
            g = int(own["magnitudes"][c] @ np.minimum(near, 20) << 8)
            g = max(g + int(own["expectations"][c] @ np.array(awaited)), 205 * means[t]) >> 12
            octave = max(g.bit_length() - 3, 0)
            size = min((g >> octave) - 4 + 4 * octave, 47) if g >= 4 else 0
            surprise = sum(20 * p >= k * q for k in (8, 13, 17, 22, 28, 38, 56))
            last = [min(int(v[at - k, *here]), 2) for k in (1, 2)]
            b, k = min(abs(mean), 2), 0
            while True:
                u = min(k, 11)
                places = [
                    place(0, u, t, share, b),
                    place(1, u, t, min(abs(offset) >> 9, 3), b),
                    place(2, u, t, size),
                    place(3, u, c, size),
                    place(4, u, c, surprise),
                    place(5, u, size, surprise, 3 * last[0] + last[1]),
                ]
                rows = min(k, 2) * count + t, 3 * count + (n + u if k else c)
                if not coder.decide([usual[t][k], 77], places, rows):
                    break
                k += 1
                need(k < len(THRESHOLDS), "M47")
            value = THRESHOLDS[k - 1] if k else 0
            if k:
                gap = THRESHOLDS[k] - value
                if gap > 1:
                    value += coder.stream.take(list(range(0, TOTAL + 1, TOTAL // gap)))
                signs = [1 + int(np.sign(r[i, *spot])) for i, spot in (
                    (at, around[0]), (at, around[1]), (at - 1, here), (at - 2, here), (at - 3, here)
                )]  # fmt: skip
                places = [place(6, c, *signs[:2]), place(7, c, *signs[2:])]
                places.append(place(8, 20 * (offset + 2048) >> 12))
                lean = min(max((offset << 4) // (means[t] + 64), -768), 768)
                rows = 3 * count + n + 12 + c, 3 * count + 2 * n + 12
                if not coder.decide([offset >> 3, lean], places, rows):
                    value = -value
            v[at, *here], r[at, *here] = abs(value), value + mean
            need(abs(value + mean) <= 65535, "M47")
            p, q = p + (abs(value) << 8) - (18 * p >> 8), q + means[t] - (18 * q >> 8)
    coder.stream.finish()
    return r[64 : 64 + n, 1:, 1:-1]
