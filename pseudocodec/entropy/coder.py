"""The range coder of constriction, with streams cut to the bit and its silences made errors.

Symbols are coded table by table, in the order of the tables: one call of the coder a table is ten
times faster than one a symbol. constriction ends a stream with whole 32-bit words, up to 63 bits
more than needed, which is much for a picture of 16 bytes. A range coder's stream is a number in an
interval, so here it is the shortest binary fraction in it, most significant bit first; behind its
last bit the decoder reads zeros. For the same symbols that is the same bits everywhere.

constriction decodes damaged, empty and overlong streams to wrong symbols without a word. `decode`
encodes what it found again and refuses a payload that differs: only payloads that `encode` writes
are decoded. Damage that turns one such payload into another is for the container's CRC to find.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import constriction
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pseudocodec.container.bits import padding_is_zero, payload_bytes
from pseudocodec.entropy.tables import FrequencyTable
from pseudocodec.errors import Corrupt, PslError, TooLarge

MAX_CODED = 1 << 26  # symbols of one stream
_T = TypeVar("_T")


def encode(
    symbols: ArrayLike, index: ArrayLike, tables: Sequence[FrequencyTable]
) -> tuple[bytes, int]:
    """Symbols (n,), each with the table of its `index` (n,) -> the payload and its bits.

    Raises PslError for a symbol its table does not have and for an index without a table, TooLarge
    for more than 2^26 symbols.

    >>> coin = FrequencyTable.of([7, 1])
    >>> payload, nbits = encode([0, 0, 1, 0, 0, 0, 0, 1], [0] * 8, [coin])
    >>> payload.hex(), nbits
    ('b9', 8)
    >>> decode(payload, nbits, [0] * 8, [coin]).tolist()
    [0, 0, 1, 0, 0, 0, 0, 1]
    """
    grouped = groups(index, tables)
    values = np.asarray(symbols)
    count = len(grouped.order)
    if values.shape != (count,) or (count and values.dtype.kind not in "iu"):
        raise PslError(
            f"symbols: {values.dtype} of shape {values.shape}, expected {count} integers"
        )
    writer = Writer()
    writer.put(values, grouped)
    return writer.payload()


def decode(
    payload: bytes,
    nbits: int,
    index: ArrayLike,
    tables: Sequence[FrequencyTable],
    *,
    padded: bool = False,
) -> NDArray[np.int64]:
    """A payload of `nbits` bits -> symbols (n,), for the same `index` and `tables`.

    With `padded`, zero bits may stand behind what `encode` wrote. Raises Corrupt for a payload that
    `encode` does not write, and as `encode` for the index.
    """
    grouped = groups(index, tables)
    if len(payload) != payload_bytes(nbits) or not padding_is_zero(payload, nbits):
        raise _corrupt(nbits)
    out = Reader(payload).take(grouped)
    writer = Writer()
    writer.put(out, grouped)
    again, used = writer.payload()
    if used > nbits or (used < nbits and not padded):
        raise _corrupt(nbits)
    if again + bytes(len(payload) - len(again)) != payload:
        raise _corrupt(nbits)
    return out.astype(np.int64)


@dataclass(frozen=True, eq=False)
class Groups:
    """The places of n symbols, sorted by table: `order` (n,), and each table's run in it."""

    order: NDArray[np.intp]
    runs: list[tuple[FrequencyTable, slice]]


def groups(index: ArrayLike, tables: Sequence[FrequencyTable]) -> Groups:
    """Tables in rising order, the places (n,) of each too. Raises as `encode`."""
    narrow = checked_index(index, tables)
    counts = np.bincount(narrow)
    used = np.flatnonzero(counts).tolist()
    ends = np.cumsum(counts).tolist()
    runs = [(tables[which], slice(ends[which] - counts[which], ends[which])) for which in used]
    return Groups(np.argsort(narrow, kind="stable"), runs)


class Writer:
    """One stream in the making: each `put` codes behind the last."""

    def __init__(self) -> None:
        """Start an empty stream."""
        self._encoder = constriction.stream.queue.RangeEncoder()

    def put(self, symbols: NDArray[np.integer], grouped: Groups) -> None:
        """Code symbols (n,). Raises PslError for one that its table does not have."""
        arranged = symbols[grouped.order]
        for table, run in grouped.runs:
            part = arranged[run]
            if int(part.min()) < 0 or int(part.max()) >= len(table.frequencies):
                raise PslError(
                    f"symbols: {part.min()} to {part.max()} are to be coded with a table of "
                    f"{len(table.frequencies)}; clip them first"
                )
            if len(table.frequencies) > 1:  # a symbol that is certain takes no bits
                _guarded(self._encoder.encode, part.astype(np.int32, copy=False), table.model)

    def payload(self) -> tuple[bytes, int]:
        """All that was put, as the shortest payload, and its bits."""
        return _shortest(self._encoder)


class Reader:
    """A payload, from which each `take` decodes what the `put` in its place coded.

    It takes any bytes for a stream: only encoding again tells whether they are one.
    """

    def __init__(self, payload: bytes) -> None:
        """Start at the first symbol of `payload`, behind which zeros are read."""
        words = np.frombuffer(payload + bytes(-len(payload) % 4), ">u4").astype(np.uint32)
        self._decoder = _guarded(constriction.stream.queue.RangeDecoder, words)

    def take(self, grouped: Groups) -> NDArray[np.int32]:
        """The next symbols (n,). Raises Corrupt where constriction itself finds damage."""
        arranged = np.zeros(len(grouped.order), np.int32)
        for table, run in grouped.runs:
            if len(table.frequencies) > 1:
                arranged[run] = _guarded(self._decoder.decode, table.model, run.stop - run.start)
        out = np.empty_like(arranged)
        out[grouped.order] = arranged
        return out


def checked_index(
    index: ArrayLike, tables: Sequence[FrequencyTable]
) -> NDArray[np.unsignedinteger]:
    """`index` (n,) once every entry has a table, in 8 or 16 bits, which numpy sorts by radix."""
    array = np.asarray(index)
    narrow = np.min_scalar_type(len(tables))
    if array.size == 0:
        return np.zeros(0, narrow)
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise PslError(f"index: {array.dtype} of shape {array.shape}, expected an integer vector")
    if len(array) > MAX_CODED:
        raise TooLarge(f"entropy coder: {len(array)} symbols, at most {MAX_CODED} a stream")
    if int(array.min()) < 0 or int(array.max()) >= len(tables):
        raise PslError(
            f"index: {array.min()} to {array.max()}, there are tables 0 to {len(tables) - 1}"
        )
    return array.astype(narrow, copy=False)


def _corrupt(nbits: int) -> Corrupt:
    return Corrupt(
        f"entropy coder: the payload of {nbits} bits is none that these tables give; "
        "the file is damaged or belongs to another model"
    )


def _guarded(call: Callable[..., _T], *arguments: object) -> _T:
    """Call constriction; its errors, and its panics, which are no `Exception`, become Corrupt."""
    try:
        return call(*arguments)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise Corrupt(f"entropy coder: {error}; the stream or its tables are damaged") from error


def _shortest(encoder: Any) -> tuple[bytes, int]:
    """The shortest bit string whose continuation by zeros decodes to what was encoded.

    The coder's position is the interval [lower, lower + size) modulo 2^64, behind `whole` words.
    """
    whole, (lower, size) = encoder.pos()
    words = encoder.get_compressed()
    total = 32 * (whole + 2)
    inside = int.from_bytes(words.astype(">u4").tobytes(), "big") << (total - 32 * len(words))
    start = inside - (inside - lower) % (1 << 64)
    if start <= 0:
        return b"", 0
    last = start + size - 1
    spare = (start - 1 ^ last).bit_length() - 1  # the most zero bits a number in there ends with
    nbits = total - spare
    return (last >> spare << -nbits % 8).to_bytes(payload_bytes(nbits), "big"), nbits
