"""Latents of a tile, one decision after the other, with the chances that their neighbours give.

The kernel of `contexts`; the specification (formats/psl/README.md, *Contexts*) says the same in
words. Latents are in the order row, column, channel. All is integer arithmetic but the choice
between two residuals when a tile is encoded for rate and distortion.
"""

from __future__ import annotations

import numba
import numpy as np

from pseudocodec.entropy.ranges import ROOM, advance, finish, peek, put
from pseudocodec.hyperprior._context_layout import (
    BEFORE,
    BESIDE,
    BIAS,
    CAP,
    CORRUPT,
    COUNTED,
    DIRECTIONS,
    EARLIER,
    EXPECTED,
    FRACTION,
    FULL,
    LEVELS,
    MATCHES,
    MOST_RESIDUAL,
    MOST_SEEN_RESIDUAL,
    MOST_SHIFT,
    NEAR,
    OFFSETS,
    PAD,
    RATIOS,
    SETS,
    SHIFTS,
    SIGNED,
    SIZES,
    STEPS,
    THRESHOLDS,
)
from pseudocodec.hyperprior.mixing import learn, limited, mixed

_LAST = len(THRESHOLDS) - 1
HALF = 1 << (FRACTION - 1)


@numba.njit(cache=True)
def ratio(seen, expected):  # type: ignore[no-untyped-def]
    """Which of eight intervals seen / expected is in."""
    twenty = 20 * seen
    if twenty < 17 * expected:
        return 0 if twenty < 8 * expected else 1 if twenty < 13 * expected else 2
    if twenty < 28 * expected:
        return 3 if twenty < 22 * expected else 4
    return 5 if twenty < 38 * expected else 6 if twenty < 56 * expected else 7


@numba.njit(cache=True)
def size_of(magnitude):  # type: ignore[no-untyped-def]
    """Which of 48 sizes, four an octave, a magnitude in 2^-20 has; 0 below 2^-8, 47 from 14 on."""
    octave = 0
    scaled = magnitude >> FRACTION
    while scaled > 7:
        scaled >>= 1
        octave += 1
    if octave == 0 and scaled < 4:
        return 0
    return min(4 * octave + scaled - 4, SIZES - 1)


@numba.njit(cache=True)
def code(  # type: ignore[no-untyped-def]  # noqa: PLR0912, PLR0915, PLR0917
    net, machine, starts, residuals, index, share, values, prices
):
    """Code `residuals` (h, w, N) with tables `index` (h, w, N), level `share` of LEVELS.

    With a reader they are decoded, else encoded. Where there are `prices` (N,), they are first
    chosen for `values` (h, w, N). `starts` are where each kind of context begins. Returns how many
    words were written, which in both cases is the whole stream, FULL if there are too few, or
    CORRUPT for residuals that no stream has.
    """
    # One function: passing so many arrays on for every decision takes twice the time.
    contexts, weights, given, reader, words, writer, places, inputs, outputs = machine
    height, width, channels = residuals.shape
    tables = len(net.expected)
    shifted = len(net.means)
    decoding, choosing = len(reader) > 0, len(prices) > 0
    before = np.zeros((2, width + 2, channels + 2 * PAD), np.int32)  # residuals of two rows
    found = np.zeros((2, width + 2, channels + 2 * PAD), np.int32)  # magnitudes
    awaited = np.zeros((2, width + 2, channels + 2 * PAD), np.int64)  # and their expectations
    by_sign = SETS * tables + channels + STEPS
    bases, strides = np.zeros(COUNTED, np.int64), _strides(channels, tables)
    for y in range(height):
        this, above = y & 1, (y + 1) & 1
        for x in range(width):
            here, left, up = before[this, x + 1], before[this, x], before[above, x + 1]
            up_left, up_right = before[above, x], before[above, x + 2]
            m_here, m_left, m_up = found[this, x + 1], found[this, x], found[above, x + 1]
            m_up_left, m_up_right = found[above, x], found[above, x + 2]
            e_here, e_left, e_up = awaited[this, x + 1], awaited[this, x], awaited[above, x + 1]
            seen, awaiting = np.int64(512), np.int64(512)
            for c in range(channels):
                at = c + PAD
                table = np.int64(index[y, x, c])
                mean, offset, far = np.int64(0), np.int64(0), np.int64(0)
                if c < shifted:
                    total = _mean(net.means[c], at, left, up, up_left, up_right, here)
                    mean = limited((total + HALF) >> FRACTION, MOST_SHIFT)
                    offset = np.minimum(limited(total - (mean << FRACTION), HALF), HALF - 1)
                    table = np.maximum(table - net.narrow[c], 0)
                    far = np.minimum(abs(mean), SHIFTS - 1)
                expected = net.expected[table]
                awaited[this, x + 1, at] = min(expected, CAP << 8)
                around = _magnitude(
                    net.magnitudes[c], at, m_left, m_up, m_up_left, m_up_right, m_here
                ) + _expectation(net.expectations[c], at, e_left, e_up, e_here)
                size = size_of(np.maximum(around, 205 * expected))
                surprise = ratio(seen, awaiting)
                match = 3 * min(m_here[at - 1], 2) + min(m_here[at - 2], 2)
                near = np.minimum(abs(offset) >> 9, OFFSETS - 1)
                bases[0] = starts[0] + (table * LEVELS + share) * SHIFTS + far
                bases[1] = starts[1] + (table * OFFSETS + near) * SHIFTS + far
                bases[2] = starts[2] + table * SIZES + size
                bases[3] = starts[3] + c * SIZES + size
                bases[4] = starts[4] + c * RATIOS + surprise
                bases[5] = starts[5] + (size * RATIOS + surprise) * MATCHES + match
                if choosing:
                    wanted = values[y, x, c]
                    nearest = limited(np.int64(np.rint(wanted)), MOST_RESIDUAL)
                    residuals[y, x, c] = nearest
                    if nearest != mean:
                        residuals[y, x, c] = _chosen(
                            net, machine, bases, strides, table, c, wanted, nearest, mean, prices[c]
                        )
                value = np.int64(residuals[y, x, c]) - mean
                reached = 0
                sign = np.int64(0)
                # A decision at each threshold: is the magnitude there or beyond?
                while True:
                    first, second = _rows(reached, table, c, tables, channels)
                    _places(bases, strides, reached, places)
                    inputs[0], inputs[1] = net.usual[table, reached], BIAS
                    chance = mixed(
                        contexts, places, COUNTED, inputs, weights, first, second, outputs
                    )
                    if decoding:
                        yes = _read(given, reader, chance)
                    else:
                        yes = np.int64(abs(value) >= THRESHOLDS[reached])
                    if np.int64(writer[2]) + ROOM + 3 >= len(words):
                        return FULL
                    _write(words, writer, chance, yes)
                    learn(contexts, places, COUNTED, inputs, weights, first, second, outputs, yes)
                    if yes == 0:
                        break
                    if reached == _LAST:
                        return CORRUPT
                    reached += 1
                magnitude = np.int64(0)
                if reached > 0:
                    magnitude = np.int64(THRESHOLDS[reached - 1])
                    bits = _width(reached)
                    if bits:
                        if decoding:
                            rest = peek(reader) >> (24 - bits)
                            advance(given, reader, rest << (24 - bits), 1 << (24 - bits))
                        else:
                            rest = abs(value) - magnitude
                        put(words, writer, rest << (24 - bits), 1 << (24 - bits))
                        magnitude += rest
                    places[0] = starts[6] + (c * 3 + _sign(left[at])) * 3 + _sign(up[at])
                    places[1] = (
                        starts[7]
                        + ((c * 3 + _sign(here[at - 1])) * 3 + _sign(here[at - 2])) * 3
                        + _sign(here[at - 3])
                    )
                    places[2] = starts[8] + ((offset + HALF) * DIRECTIONS >> FRACTION)
                    inputs[0] = offset >> 3
                    inputs[1] = limited((offset << 4) // (expected + 64), 768)
                    first, second = by_sign + c, by_sign + channels
                    chance = mixed(
                        contexts, places, SIGNED, inputs, weights, first, second, outputs
                    )
                    yes = _read(given, reader, chance) if decoding else np.int64(value > 0)
                    _write(words, writer, chance, yes)
                    learn(contexts, places, SIGNED, inputs, weights, first, second, outputs, yes)
                    sign = 2 * yes - 1
                if decoding:
                    value = sign * magnitude
                    residual = value + mean
                    if abs(residual) > MOST_RESIDUAL:
                        return CORRUPT
                    residuals[y, x, c] = residual
                residual = np.int64(residuals[y, x, c])
                before[this, x + 1, at] = limited(residual, MOST_SEEN_RESIDUAL)
                found[this, x + 1, at] = min(magnitude, CAP)
                seen += (magnitude << 8) - (seen * 18 >> 8)
                awaiting += expected - (awaiting * 18 >> 8)
    return finish(words, writer)


@numba.njit(cache=True)
def _strides(channels, tables):  # type: ignore[no-untyped-def]
    """How far the contexts of one step are from those of the next, by kind."""
    return np.array(
        [
            tables * LEVELS * SHIFTS,
            tables * OFFSETS * SHIFTS,
            tables * SIZES,
            channels * SIZES,
            channels * RATIOS,
            SIZES * RATIOS * MATCHES,
        ]
    )


@numba.njit(cache=True)
def _places(bases, strides, reached, places):  # type: ignore[no-untyped-def]
    """Contexts of the decision at a threshold."""
    step = min(reached, STEPS - 1)
    for i in range(COUNTED):
        places[i] = bases[i] + step * strides[i]


@numba.njit(cache=True)
def _rows(reached, table, channel, tables, channels):  # type: ignore[no-untyped-def]
    """Its two rows of weights."""
    first = min(reached, SETS - 1) * tables + table
    second = SETS * tables + (channel if reached == 0 else channels + min(reached, STEPS - 1))
    return first, second


@numba.njit(cache=True)
def _width(reached):  # type: ignore[no-untyped-def]
    """Bits that say where between two thresholds a magnitude is."""
    bits = 0
    while THRESHOLDS[reached] - THRESHOLDS[reached - 1] > 1 << bits:
        bits += 1
    return bits


@numba.njit(cache=True)
def _chosen(net, machine, bases, strides, table, channel, value, nearest, mean, price):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """The residual `nearest` to a value, not the mean, or the one a step nearer to the mean.

    The latter if it saves more bits than its error costs, `price` bits a square.
    """
    magnitude = abs(nearest - mean)
    reached = 0
    while THRESHOLDS[reached] < magnitude:
        reached += 1
    if THRESHOLDS[reached] > magnitude:  # no fewer decisions a step nearer
        return nearest
    nearer = nearest - 1 if nearest > mean else nearest + 1
    there = _chance(net, machine, bases, strides, table, channel, reached)
    beyond = _chance(net, machine, bases, strides, table, channel, reached + 1)
    saved = np.log2((65536.0 - there) / there) - np.log2((65536.0 - beyond) / 65536.0)
    saved += _width(reached + 1) - (_width(reached) if reached else -1)  # a bit for the sign
    error = (value - nearer) ** 2 - (value - nearest) ** 2
    return nearer if saved > price * error else nearest


@numba.njit(cache=True)
def _chance(net, machine, bases, strides, table, channel, reached):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """That a magnitude which comes as far as the threshold before reaches this one."""
    _places(bases, strides, reached, machine.places)
    machine.inputs[0], machine.inputs[1] = net.usual[table, reached], BIAS
    first, second = _rows(reached, table, channel, len(net.expected), len(net.magnitudes))
    return mixed(
        machine.contexts,
        machine.places,
        COUNTED,
        machine.inputs,
        machine.weights,
        first,
        second,
        machine.outputs,
    )


@numba.njit(cache=True)
def _mean(weights, at, left, up, up_left, up_right, here):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """The residual that is expected, with FRACTION bits: a sum of int32, which holds it."""
    total = np.int32(0)
    first = at - NEAR
    for i in range(2 * NEAR):
        total += weights[i] * left[first + i]
        total += weights[2 * NEAR + i] * up[first + i]
        total += weights[4 * NEAR + i] * up_left[first + i]
        total += weights[6 * NEAR + i] * up_right[first + i]
    for i in range(BEFORE):
        total += weights[8 * NEAR + i] * here[at - BEFORE + i]
    return np.int64(total)


@numba.njit(cache=True)
def _magnitude(weights, at, left, up, up_left, up_right, here):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """What magnitudes around add to the one that is expected, with 20 fractional bits."""
    total = np.int32(0)
    for i in range(EARLIER):
        total += weights[i] * here[at - EARLIER + i]
    first, at = EARLIER, at - BESIDE
    for i in range(2 * BESIDE + 1):
        total += weights[first + 4 * i] * left[at + i]
        total += weights[first + 4 * i + 1] * up[at + i]
        total += weights[first + 4 * i + 2] * up_left[at + i]
        total += weights[first + 4 * i + 3] * up_right[at + i]
    return np.int64(total) << 8


@numba.njit(cache=True)
def _expectation(weights, at, left, up, here):  # type: ignore[no-untyped-def]
    """What expectations of the tables add, with 20 fractional bits."""
    total = weights[0] * left[at] + weights[1] * up[at] + weights[2] * here[at]
    for i in range(EXPECTED):
        total += weights[3 + i] * here[at - EXPECTED + i]
    return total


@numba.njit(cache=True)
def _sign(residual):  # type: ignore[no-untyped-def]
    """0 for a negative residual, 1 for none, 2 for a positive one."""
    return 1 + np.int64(residual > 0) - np.int64(residual < 0)


@numba.njit(cache=True)
def _write(words, writer, chance, yes):  # type: ignore[no-untyped-def]
    """A decision whose yes has `chance` of 65536: no comes first."""
    no = (65536 - chance) << 8
    if yes:
        put(words, writer, no, chance << 8)
    else:
        put(words, writer, 0, no)


@numba.njit(cache=True)
def _read(given, reader, chance):  # type: ignore[no-untyped-def]
    """The next decision, 0 or 1."""
    no = (65536 - chance) << 8
    if reader[0] >= (reader[1] >> np.uint64(24)) * np.uint64(no):
        advance(given, reader, no, chance << 8)
        return np.int64(1)
    advance(given, reader, 0, no)
    return np.int64(0)
