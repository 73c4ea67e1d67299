"""A second reader of .psl files, written from the specification (../README.md) and nothing else.

It shares no code with the library and shows that the text suffices. It reads files whole, and goes
as far as the latents: pixels are for neural nets. Each refusal names the specification's rule.

    python psl_reader.py FILE [--model MODEL.safetensors]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ARCHIVE, GEOMETRY, CHUNKS, RECORD_GEOMETRY, DENSE = 1, 2, 4, 8, 16
Size = tuple[int, int]
Tables = dict[str, Any]
INTEGERS = {"U8": "u1", "I16": "<i2", "I32": "<i4", "U32": "<u4", "I64": "<i8"}


class Refused(ValueError):
    """The file is not to be used; the message is the rule that says so."""


KINDS = ("NotPsl", "UnsupportedVersion", "Corrupt", "TooLarge")
NotPsl, UnsupportedVersion, Corrupt, TooLarge = (type(name, (Refused,), {}) for name in KINDS)


def need(condition: object, rule: str, error: type[Refused] = Corrupt) -> None:
    """Refuse the file, for the sake of `rule`, unless `condition` holds."""
    if not condition:
        raise error(rule)


def integer(data: bytes, start: int, width: int) -> int:
    """The integer in bits `start` to `start + width`, most significant bit first."""
    stop = start + width
    need(stop <= 8 * len(data), "bits behind the end")
    value = int.from_bytes(data[start // 8 : -(-stop // 8)], "big") >> (-stop % 8)
    return value & ((1 << width) - 1)


def padded(data: bytes, nbits: int) -> bool:
    """Whether `data` is a bit string of `nbits` bits and zeros up to a whole byte."""
    return len(data) == -(-nbits // 8) and not integer(data, nbits, 8 * len(data) - nbits)


class Record(NamedTuple):
    """The payload of one picture, `nbits` of its bytes, and the picture's size where stated."""

    payload: bytes
    nbits: int
    size: Size | None


class Psl:
    """A file taken apart: `model` (8 bytes), `dense`, `archive`, `size`, `chunks`, `count`.

    With `partial` a single picture may have a wrong CRC: `verified` says whether it has.
    """

    def __init__(self, data: bytes, *, partial: bool = False, max_pixels: int = 1 << 28) -> None:
        need(data and b"\xf5PSL\r\n".startswith(data[:6]), "M1", NotPsl)
        need(len(data) >= 8, "M6")
        need(data[6] == 1, "M2", UnsupportedVersion)
        self.flags = data[7]
        need(self.flags < 32, "M3", UnsupportedVersion)
        need(len(data) >= 20, "M6")
        need(self.flags & 8 == 0 or self.flags & 3 == ARCHIVE, "M4")
        self.data, self.max_pixels = data, max_pixels
        self.model, self.crc = struct.unpack_from("<8sI", data, 8)
        self.archive, self.dense = bool(self.flags & ARCHIVE), bool(self.flags & DENSE)
        self.size: Size | None = None
        self.chunks: dict[bytes, bytes] = {}
        self.starts: list[int] = []
        self.count, self.verified = 1, True
        self._open_archive() if self.archive else self._open_single(partial)

    def records(self) -> Iterator[Record]:
        """The pictures in order."""
        for b in range(len(self.starts)):
            yield from self._block(b)
        if not self.archive:
            payload = self.data[self.start :]
            yield Record(payload, 8 * len(payload), self.size)

    def _checksum(self, end: int) -> bool:
        return zlib.crc32(self.data[20:end], zlib.crc32(self.data[:16])) == self.crc

    def _checked(self, size: Size) -> Size:
        need(min(size) > 0, "M8")
        need(max(size) <= 1 << 20, "M8", TooLarge)
        need(size[0] * size[1] <= self.max_pixels, "M9", TooLarge)
        return size

    def _section(self, start: int) -> int:
        """Where the chunk section at `start` ends."""
        if not self.flags & CHUNKS:
            return start
        need(len(self.data) >= start + 4, "M6")
        (length,) = struct.unpack_from("<I", self.data, start)
        need(length <= 1 << 24, "M10", TooLarge)
        need(start + 4 + length <= len(self.data), "M10")
        return start + 4 + length

    def _read_chunks(self, start: int, end: int, known: tuple[bytes, ...]) -> None:
        at = start + 4
        need(at < end or start == end, "M11")
        while at < end:
            need(at + 8 <= end, "M11")
            tag, length = struct.unpack_from("<4sI", self.data, at)
            need(tag.isalpha() and tag not in self.chunks, "M12")
            need(at + 8 + length <= end, "M11")
            self.chunks[tag] = self.data[at + 8 : at + 8 + length]
            at += 8 + length
        for tag in self.chunks:
            need(tag in known or tag[:1].islower(), "M13", UnsupportedVersion)

    def _open_single(self, partial: bool) -> None:
        self.verified = self._checksum(len(self.data))
        need(self.verified or partial, "M5")
        need(self.verified or not self.dense, "M7")
        at = 28 if self.flags & GEOMETRY else 20
        need(len(self.data) >= at, "M6")
        if self.flags & GEOMETRY:
            self.size = self._checked(struct.unpack_from("<II", self.data, 20))
        self.start = self._section(at)
        self._read_chunks(at, self.start, (b"Alph",))

    def _open_archive(self) -> None:
        data = self.data
        need(len(data) >= 56, "M6")
        fields = struct.unpack_from("<QIIHBBIIQ", data, 20)
        self.count, width, height, self.k, w, reserved, self.base, self.unit, index = fields
        blocks = self._section(56)
        need(self._checksum(blocks), "M15")
        self._read_chunks(56, blocks, ())
        need(self.count <= 1 << 32, "M16", TooLarge)
        need(not reserved and (self.flags & GEOMETRY or width == height == 0), "M17")
        if self.flags & GEOMETRY:
            self.size = self._checked((width, height))
        need(self.k, "M18")
        need(w <= 32 and bool(w) == bool(self.unit) and (self.count or not w), "M19")
        need(not self.count or not self.flags & RECORD_GEOMETRY or self.base >= 64, "M21")
        size = -(-self.count * w // 8)
        need(len(data) == index + (size + 4 if w else 0), "M23")
        need(blocks + 4 * -(-self.count // self.k) <= index, "M27")
        self.w, self.codes = w, data[index : index + size]
        if w:
            need(zlib.crc32(self.codes) == struct.unpack_from("<I", data, index + size)[0], "M24")
            need(padded(self.codes, self.count * w), "M24")
        need(self.base <= 1 << 31, "M20", TooLarge)
        for b in range(-(-self.count // self.k)):
            self.starts.append(blocks)
            blocks += -(-sum(self._lengths(b)) // 8) + 4
        need(blocks == index, "M22")

    def _lengths(self, b: int) -> list[int]:
        """Bits of the records of block `b`."""
        numbers = range(b * self.k, min((b + 1) * self.k, self.count))
        bits = [self.base + self.unit * integer(self.codes, i * self.w, self.w) for i in numbers]
        need(max(bits) <= 1 << 31, "M20", TooLarge)
        return bits

    def _block(self, b: int) -> Iterator[Record]:
        lengths = self._lengths(b)
        start, total = self.starts[b], sum(lengths)
        end = start + -(-total // 8)
        block, (crc,) = self.data[start:end], struct.unpack_from("<I", self.data, end)
        need(zlib.crc32(struct.pack("<Q", b) + block) == crc, "M25")
        need(padded(block, total), "M26")
        at = 0
        for n in lengths:
            size, skip = self.size, 0
            if self.flags & RECORD_GEOMETRY:
                width, height = integer(block, at, 32), integer(block, at + 32, 32)
                size, skip = self._checked((width, height)), 64
            value = integer(block, at + skip, n - skip) << (skip - n) % 8
            yield Record(value.to_bytes(-(-(n - skip) // 8), "big"), n - skip, size)
            at += n


class Model:
    """The latent codes of a model file: `id`, `facts`, and `code`'s parameters and tables."""

    def __init__(self, path: str | Path) -> None:
        raw = Path(path).read_bytes()
        self.id = hashlib.sha256(raw).digest()[:8]
        length = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8 : 8 + length])
        self.facts = json.loads(header.pop("__metadata__")["pseudocodec"])
        self._tensors: Tables = {}
        for name, t in header.items():
            if dtype := INTEGERS.get(t["dtype"]):
                begin, end = (8 + length + offset for offset in t["data_offsets"])
                self._tensors[name] = np.frombuffer(raw[begin:end], dtype).reshape(t["shape"])

    def code(self, dense: bool) -> tuple[Tables, Tables]:
        """The parameters and the tables of the latent code of a file."""
        key = "dense" if dense and "height" in self.facts["net"] else "code"  # one, of any size
        need(self.facts.get(key), "M35")
        tables = {k[len(key) + 1 :]: v for k, v in self._tensors.items() if k.startswith(key)}
        return self.facts[key], tables


def latents(model: Model, file: Psl, record: Record) -> np.ndarray:
    """The latents of a picture, float32; those of a photograph tile by tile, flat."""
    code, tables = model.code(file.dense)
    if code["kind"] != "composition":
        import psl_codes  # which needs this file

        return psl_codes.latents(code, tables, file, record)
    need(b"Alph" not in file.chunks, "M50")
    return composition(code, tables, record, partial=not file.verified)


def sequence(lcg: list[int], first: int, length: int) -> list[int]:
    """The first `length` states from `first` on."""
    out = [first]
    while len(out) < length:
        out.append((lcg[0] * out[-1] + lcg[1]) % lcg[2])
    return out


def composition(code: Tables, tables: Tables, record: Record, *, partial: bool) -> np.ndarray:
    """Latents (d,) of a payload; with `partial`, of the whole atoms at its beginning."""
    variances, levels, payload, n = tables["variances"], tables["levels"], *record[:2]
    lcg, w, blocks = code["lcg"], code["weight_bits"], code.get("blocks", 1)
    m, e = lcg[2], (lcg[2] - 1).bit_length()
    whole = 1 + e + w
    need(n <= len(levels) - 1 or partial, "M33")
    n = min(n, len(levels) - 1)
    widths = [whole] * (n // whole)
    if n % whole >= 4 + w and not partial:
        widths.append(n % whole)
    used = sum(widths)
    need(partial or (padded(payload, n) and not integer(payload, used, n - used)), "M33")
    total = np.zeros(len(variances), np.int64)
    unit = np.sqrt(3.0 / float(m * m - 1)) * float(1 << (22 + e))
    for k, v in enumerate(widths):
        at, low = k * whole, k // blocks * blocks * whole
        first = integer(payload, at, v - 1 - w)
        sign, q = integer(payload, at + v - 1 - w, 1), integer(payload, at + v - w, w)
        need(first < m, "M34")
        before = np.minimum(variances, levels[low])
        after = np.minimum(variances, levels[low + blocks * v])
        scales = np.rint(np.sqrt((before - after) / float(1 << 30)) * unit).astype(np.int64)
        own = np.arange(k % blocks, len(variances), blocks)
        count = int(np.flatnonzero(scales[own]).max(initial=0)) + 1
        place = own[shuffled(count, k)] if code.get("shuffle") else own[:count]
        x = 2 * np.array(sequence(lcg, first, count)) - (m - 1)
        total[place] += (-1 if sign else 1) * (q + 1) * scales[place] * x
    out = total / float(1 << (22 + e + max(0, w - 1))) / np.sqrt(variances / float(1 << 30))
    return out.astype(np.float32)


def shuffled(count: int, key: int) -> list[int]:
    """The order of `count` components for atom `key`."""
    order, x = list(range(count)), key
    for i in range(count - 1, 0, -1):
        x = (6364136223846793005 * x + 1442695040888963407) % 2**64
        j = (i + 1) * (x >> 32) >> 32
        order[i], order[j] = order[j], order[i]
    return order


def main() -> None:
    """What is in a file; with its model, the latents of each picture, too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", type=Path, help="its .safetensors file: show latents")
    options = parser.parse_args()
    file = Psl(options.file.read_bytes())
    print(f"{'archive' if file.archive else 'picture'} of model {file.model.hex()}")
    print(f"pictures {file.count}, size {file.size}, dense {file.dense}, chunks {[*file.chunks]}")
    model = Model(options.model) if options.model else None
    need(model is None or model.id == file.model, "the file is of another model")
    for number, record in enumerate(file.records()):
        print(f"{number}: {record.nbits} bits, size {record.size}", end="")
        if model:
            found = latents(model, file, record)
            digest = hashlib.sha256(found.astype("<f4").tobytes()).hexdigest()
            print(f", {found.size} latents of power {(found**2).mean():.4f}, {digest}", end="")
        print()


if __name__ == "__main__":
    sys.modules["psl_reader"] = sys.modules["__main__"]  # for psl_codes
    try:
        main()
    except (Refused, OSError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
