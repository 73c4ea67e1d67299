"""The range coder of the format, symbol by symbol, for distributions that change at each of them.

It writes the streams of `pseudocodec.entropy.coder` (the specification's *Streams*) for the same
frequencies. constriction's coder takes a table a call; here each symbol has a distribution of
its own, which depends on the symbols before it.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

BITS = 24  # of the frequencies' sum
ROOM = 3  # words beyond those of the symbols
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
    words = np.zeros(len(starts) + ROOM, np.uint32)  # a symbol narrows by 2^24: less than a word
    return stream_of(words, _encode(starts, sizes, words))


def stream_of(words: NDArray[np.uint32], count: int) -> bytes:
    """The first `count` words that a writer has finished, without zeros at the end."""
    return words[:count].astype(">u4").tobytes().rstrip(b"\0")


def words_of(stream: bytes) -> NDArray[np.uint32]:
    """The stream as a decoder reads it: 32-bit words, zeros behind the end."""
    padded = stream + bytes(-len(stream) % 4)
    return np.frombuffer(padded, ">u4").astype(np.uint32)


def start_writing() -> NDArray[np.uint64]:
    """The state of a writer that has written nothing."""
    writer = np.zeros(3, np.uint64)
    open_writer(writer)
    return writer


def start_reading(words: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """The state of a reader at the beginning of a stream."""
    reader = np.zeros(3, np.uint64)
    begin(words, reader)
    return reader


@numba.njit(cache=True)
def _encode(starts, sizes, words):  # type: ignore[no-untyped-def]
    writer = np.zeros(3, np.uint64)
    open_writer(writer)
    for i in range(len(starts)):
        put(words, writer, starts[i], sizes[i])
    return finish(words, writer)


@numba.njit(cache=True)
def open_writer(writer):  # type: ignore[no-untyped-def]
    """Set up `writer` (3,), uint64: the interval's low end, its width, words written."""
    writer[0], writer[1], writer[2] = 0, np.uint64(0xFFFFFFFFFFFFFFFF), 0


@numba.njit(cache=True)
def put(words, writer, start, size):  # type: ignore[no-untyped-def]
    """Write a symbol, which takes at most a word; `finish` then needs ROOM words more."""
    unit = writer[1] >> _SHIFT
    low = writer[0] + unit * np.uint64(start)
    span = unit * np.uint64(size)
    if low < writer[0]:
        _carry(words, np.int64(writer[2]))
    if span <= _LOW32:
        words[np.int64(writer[2])] = low >> _WORD
        writer[2] += _ONE
        low <<= _WORD
        span <<= _WORD
    writer[0], writer[1] = low, span


@numba.njit(cache=True)
def finish(words, writer):  # type: ignore[no-untyped-def]
    """Append the number in the interval with the most zeros at its end; the count of words."""
    low, span, count = writer[0], writer[1], np.int64(writer[2])
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
