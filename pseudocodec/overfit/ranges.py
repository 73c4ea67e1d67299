"""The range coder of the format, symbol by symbol, for distributions that change at each of them.

It writes the streams that `pseudocodec.entropy` writes (the specification's *Streams*) for the same
frequencies. constriction's coder takes a table a call; here each latent has a distribution of its
own, which depends on the latents before it.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

BITS = 24  # of the frequencies' sum
_LOW32 = np.uint64(0xFFFFFFFF)
_ONE = np.uint64(1)
_WORD = np.uint64(32)
_SHIFT = np.uint64(BITS)
_MOST = np.uint64((1 << BITS) - 1)


def encode(starts: NDArray[np.uint32], sizes: NDArray[np.uint32]) -> bytes:
    """The stream of symbols (n,) that begin at `starts` and are `sizes` wide, of 2^24.

    It is the shortest binary fraction in the symbols' interval, in whole bytes without zeros at
    the end.
    """
    words = np.zeros(len(starts) + 3, np.uint32)  # a symbol narrows by 2^24: less than a word each
    count = _encode(starts, sizes, words)
    return words[:count].astype(">u4").tobytes().rstrip(b"\0")


def words_of(stream: bytes) -> NDArray[np.uint32]:
    """The stream as a decoder reads it: 32-bit words, zeros behind the end."""
    padded = stream + bytes(-len(stream) % 4)
    return np.frombuffer(padded, ">u4").astype(np.uint32)


@numba.njit(cache=True)
def _encode(starts, sizes, words):  # type: ignore[no-untyped-def]
    low, span = np.uint64(0), np.uint64(0xFFFFFFFFFFFFFFFF)
    count = 0
    for i in range(len(starts)):
        unit = span >> _SHIFT
        before = low
        low += unit * np.uint64(starts[i])
        if low < before:
            _carry(words, count)
        span = unit * np.uint64(sizes[i])
        if span <= _LOW32:
            words[count] = low >> _WORD
            count += 1
            low <<= _WORD
            span <<= _WORD
    return _finish(low, span, words, count)


@numba.njit(cache=True)
def _finish(low, span, words, count):  # type: ignore[no-untyped-def]
    """Append the number with the most zeros at its end in [low, low + span)."""
    if low == np.uint64(0):
        return count
    if np.uint64(0) - low < span:  # 2^64 is in it: nothing is left but the carry
        _carry(words, count)
        return count
    best = low  # if no rounder number is in it
    for zeros in range(63, -1, -1):
        rest = (_ONE << np.uint64(zeros)) - _ONE
        up = (np.uint64(0) - low) & rest  # from low to the next multiple of 2^zeros
        if up < span:
            best = low + up
            break
    words[count] = best >> _WORD
    words[count + 1] = best & _LOW32
    return count + 2


@numba.njit(cache=True)
def _carry(words, count):  # type: ignore[no-untyped-def]
    i = count - 1
    while words[i] == np.uint32(0xFFFFFFFF):
        words[i] = 0
        i -= 1
    words[i] += np.uint32(1)


@numba.njit(cache=True)
def begin(words, state):  # type: ignore[no-untyped-def]
    """Set up `state` (3,), uint64: the stream's value above the interval, its width, next word."""
    first = np.uint64(words[0]) if len(words) > 0 else np.uint64(0)
    second = np.uint64(words[1]) if len(words) > 1 else np.uint64(0)
    state[0] = first << _WORD | second
    state[1] = np.uint64(0xFFFFFFFFFFFFFFFF)
    state[2] = 2


@numba.njit(cache=True)
def peek(state):  # type: ignore[no-untyped-def]
    """Where in 0 .. 2^24 - 1 the stream's value lies."""
    return np.int64(min(state[0] // (state[1] >> _SHIFT), _MOST))


@numba.njit(cache=True)
def advance(words, state, start, size):  # type: ignore[no-untyped-def]
    """Step behind a symbol."""
    unit = state[1] >> _SHIFT
    state[0] -= unit * np.uint64(start)
    state[1] = unit * np.uint64(size)
    if state[1] <= _LOW32:
        at = np.int64(state[2])
        word = np.uint64(words[at]) if at < len(words) else np.uint64(0)
        state[0] = state[0] << _WORD | word
        state[1] <<= _WORD
        state[2] += _ONE
