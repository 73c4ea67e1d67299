"""Cases of the container: everything that can be said without a model."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path

import psl_bytes as forge
from case import Case, bad, good
from psl_bytes import bits, fields, section, stored, zeros

GOLDEN = Path(__file__).parents[1] / "golden"
NOTE = section((b"note", b"hello"))
SINGLE = forge.single(b"payload", size=(3, 4), chunks=NOTE)
SIZED = forge.RECORD_GEOMETRY
PLANE = bytes(i * i % 256 for i in range(35))  # alpha of 7 x 5 pixels
DIFFERENCES = bytes(
    sum(
        sign * (PLANE[7 * (y - i) + x - j] if y >= i and x >= j else 0)
        for i, j, sign in ((0, 0, 1), (1, 0, -1), (0, 1, -1), (1, 1, 1))
    )
    % 256
    for y in range(5)
    for x in range(7)
)


def all_cases() -> Iterator[Case]:
    """All of them."""
    yield from singles()
    yield from geometry()
    yield from chunk_sections()
    yield from archives()
    yield from archive_fields()
    yield from archive_parts()
    yield from transparency()
    yield from profiles()
    yield from flipped()


def singles() -> Iterator[Case]:
    """M1 to M7."""
    yield good("single", "M5", SINGLE, "size, an ancillary chunk and a payload")
    yield good("single-empty", "M5", forge.single(), "no payload at all")
    yield good("single-dense", "M3", forge.single(b"x", flags=forge.DENSE), "every known flag")
    for name, data in {
        "empty": b"",
        "png": b"\x89PNG\r\n\x1a\n" + bytes(20),
        "no-f5": SINGLE[1:],
        "text-mode": SINGLE.replace(b"\r\n", b"\n", 1),
        "utf8": SINGLE.decode("latin-1").encode(),
    }.items():
        yield bad(f"magic-{name}", "M1", data, "not the magic", "NotPsl")
    for version in (0, 2, 255):
        data = forge.single(b"payload", version=version)
        yield bad(f"version-{version}", "M2", data, "another version", "UnsupportedVersion")
    for bit in (5, 6, 7):
        for kind, data in (
            ("single", forge.single(b"payload", flags=1 << bit)),
            ("archive", forge.archive(flags=1 << bit)),
        ):
            yield bad(f"flag-{bit}-{kind}", "M3", data, "an unknown flag", "UnsupportedVersion")
    both = forge.GEOMETRY | SIZED
    yield bad("flags-single-records", "M4", forge.single(flags=SIZED), "records without archive")
    yield bad("flags-single-both", "M4", forge.single(size=(2, 2), flags=SIZED), "contradiction")
    yield bad("flags-archive-both", "M4", forge.archive(flags=both, size=(2, 2)), "contradiction")
    for at in (8, 16, 21, 30, len(SINGLE) - 1):
        data = SINGLE[:at] + bytes([SINGLE[at] ^ 1]) + SINGLE[at + 1 :]
        yield bad(f"single-flip-{at}", "M5", data, f"one bit of byte {at} differs")
    for end in (1, 5, 7, 8, 19, 20, 27, 28, 31, 35, len(SINGLE) - 8):
        yield bad(f"front-{end}", "M6", SINGLE[:end], "ends inside its front", partial=True)
    cut = SINGLE[:-3]
    yield good("single-cut-asked", "M7", cut, "the end is missing, and asked for", partial=True)
    yield bad("single-cut", "M7", cut, "the end is missing")
    yield good("single-whole-asked", "M7", SINGLE, "whole, though less would do", partial=True)


def geometry() -> Iterator[Case]:
    """M8 and M9."""
    for width, height, error in (
        (0, 1, "Corrupt"),
        (1, 0, "Corrupt"),
        (2**20 + 1, 1, "TooLarge"),
        (1, 2**32 - 1, "TooLarge"),
    ):
        for kind, data in (
            ("single", forge.single(size=(width, height))),
            ("archive", forge.archive(flags=forge.GEOMETRY, size=(width, height))),
        ):
            yield bad(f"side-{width}x{height}-{kind}", "M8", data, "a side out of range", error)
    yield good("side-longest", "M8", forge.single(size=(2**20, 1)), "the longest side")
    million = (10**6, 10**6)
    yield bad("pixels-single", "M9", forge.single(size=million), "10^12 pixels", "TooLarge")
    data = forge.archive(flags=forge.GEOMETRY, size=million)
    yield bad("pixels-archive", "M9", data, "10^12 pixels", "TooLarge")
    data = forge.single(size=(20, 5))
    yield good("pixels-allowed", "M9", data, "as many as the caller allows", max_pixels=100)
    yield bad("pixels-one-more", "M9", data, "one more than allowed", "TooLarge", max_pixels=99)


def chunk_sections() -> Iterator[Case]:
    """M10 to M14, in files of both kinds."""

    def both(name: str, rule: str, raw: bytes, what: str, error: str = "") -> Iterator[Case]:
        for kind, data in (
            ("single", forge.single(b"payload", chunks=raw)),
            ("archive", forge.archive(chunks=raw)),
        ):
            if error:
                yield bad(f"{name}-{kind}", rule, data, what, error)
            else:
                yield good(f"{name}-{kind}", rule, data, what)

    def raw(body: bytes) -> bytes:
        return struct.pack("<I", len(body)) + body

    for length, error in ((2**24 + 1, "TooLarge"), (2**32 - 1, "TooLarge"), (2**24, "Corrupt")):
        body = struct.pack("<I", length) + bytes(20)
        yield from both(f"section-{length}", "M10", body, "a section beyond the file", error)
    for name, body in {
        "none": b"",
        "no-length": b"note",
        "short": b"note" + struct.pack("<I", 1),
        "behind": b"note" + struct.pack("<I", 0) + b"x",
        "beyond": b"note" + struct.pack("<I", 2**32 - 1) + b"data",
    }.items():
        yield from both(f"chunks-{name}", "M11", raw(body), "chunks do not fill it", "Corrupt")
    for name, tags in {
        "space": [b"no e"],
        "latin": [b"\xe4bcd"],
        "digit": [b"1ote"],
        "twice": [b"note", b"note"],
    }.items():
        body = section(*((tag, b"") for tag in tags))
        yield from both(f"tag-{name}", "M12", body, "bad tags", "Corrupt")
    body = section((b"note", b""), (b"Need", b"it"))
    yield from both("critical", "M13", body, "an unknown critical chunk", "UnsupportedVersion")
    data = forge.archive(chunks=section((b"Alph", b"\0\x80")))
    yield bad("critical-alpha", "M13", data, "alpha in an archive", "UnsupportedVersion")
    body = section((b"nOTE", b"it"), (b"zzzz", b""))
    yield from both("ancillary", "M14", body, "unknown ancillary chunks")


def archives() -> Iterator[Case]:
    """M15, M30 and M31: archives as they are."""
    yield good("archive", "M30", forge.archive(), "three records in two blocks", canonical=True)
    for name, records, width, base, unit, text in (
        ("equal", 3, 0, 4, 0, ""),
        ("two", 2, 1, 1, 1, "01"),
    ):
        blocks = forge.block(0, bits("1010" * 3 if name == "equal" else "111"))
        lengths = {"length_width": width, "base_bits": base, "unit_bits": unit}
        index = forge.index(bits(text)) if text else b""
        data = forge.archive(count=records, block_images=4, blocks=blocks, index=index, **lengths)
        yield good(f"archive-{name}", "M30", data, "other canonical lengths", canonical=True)
    nothing = {"length_width": 0, "unit_bits": 0, "base_bits": 0, "index": b"", "blocks": b""}
    yield good("archive-empty", "M30", forge.archive(count=0, **nothing), "none", canonical=True)
    whole = forge.archive()
    for at in (20, 28, 36, 38, 40, 44, 48):
        data = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        yield bad(f"header-{at}", "M15", data, f"one bit of byte {at} differs")
    data = forge.archive(chunks=NOTE).replace(b"hello", b"hallo")
    yield bad("header-chunk", "M15", data, "a chunk differs")
    yield bad("unfinished", "M31", bytes(56) + forge.BLOCKS, "its writer failed", "NotPsl")


def archive_fields() -> Iterator[Case]:
    """M16 to M22."""
    for count in (2**32 + 1, 2**64 - 1):
        data = forge.archive(count=count)
        yield bad(f"count-{count}", "M16", data, "too many pictures", "TooLarge")
    yield bad("reserved", "M17", forge.archive(reserved=1), "a reserved byte")
    yield bad("reserved-width", "M17", forge.archive(size=(1, 0)), "a size without GEOMETRY")
    yield bad("reserved-height", "M17", forge.archive(size=(0, 1)), "a size without GEOMETRY")
    yield bad("block-images", "M18", forge.archive(block_images=0), "blocks of no records")
    yield bad("width-33", "M19", forge.archive(length_width=33), "codes of 33 bits")
    yield bad("width-0", "M19", forge.archive(length_width=0), "a unit without codes")
    yield bad("unit-0", "M19", forge.archive(unit_bits=0), "codes without a unit")
    data = forge.archive(count=0, blocks=b"", index=forge.index(b""))
    yield bad("width-empty", "M19", data, "codes of an empty archive")
    data = forge.archive(base_bits=2**31 + 1)
    yield bad("record-base", "M20", data, "a record above 2^31 bits", "TooLarge")
    code = forge.index(b"\xff" * 4)
    data = forge.archive(count=1, length_width=32, unit_bits=2**32 - 1, index=code)
    yield bad("record-code", "M20", data, "a record of almost 2^64 bits", "TooLarge")
    record = fields((3, 32), (5, 32)) + "101"
    yield good("sizes", "M21", forge.one(record, flags=SIZED), "a record with its size")
    data = forge.one(record, flags=SIZED)
    yield bad("sizes-pixels", "M21", data, "more than allowed", "TooLarge", max_pixels=14)
    data = forge.one("0" * 63, flags=SIZED)
    yield bad("sizes-63", "M21", data, "no room for the sizes")
    data = forge.one(fields((0, 32), (5, 32)), flags=SIZED)
    yield bad("sizes-0", "M21", data, "an empty picture")
    data = forge.one(fields((2**20 + 1, 32), (1, 32)), flags=SIZED)
    yield bad("sizes-long", "M21", data, "a side too long", "TooLarge")
    yield bad("blocks-short", "M22", forge.archive(blocks=forge.BLOCKS[:-1]), "blocks end early")
    yield bad("blocks-long", "M22", forge.archive(blocks=forge.BLOCKS + b"\0"), "a gap behind")


def archive_parts() -> Iterator[Case]:
    """M23 to M29."""
    whole = forge.archive()
    yield bad("trailing", "M23", whole + b"\0", "a byte behind the index")
    equal = forge.one("1010") + b"\0"
    yield bad("trailing-equal", "M23", equal, "a byte behind the last block")
    yield bad("truncated", "M23", whole[:-1], "a byte less")
    codes = bits("001001")
    yield bad("index-crc", "M24", forge.archive(index=codes + bytes(4)), "the CRC of the index")
    dirty = forge.index(bytes([codes[0] | 1]))
    yield bad("index-padding", "M24", forge.archive(index=dirty), "padding of the index")
    first, second = forge.BLOCKS[:6], forge.BLOCKS[6:]
    data = forge.archive(blocks=first[:1] + bytes([first[1] ^ 4]) + first[2:] + second)
    yield bad("block-crc", "M25", data, "one bit of a block differs")
    twins = forge.block(1, bits("1111")) + forge.block(0, bits("1010"))
    lengths = {"length_width": 0, "unit_bits": 0, "index": b"", "block_images": 1, "count": 2}
    yield bad("block-order", "M25", forge.archive(blocks=twins, **lengths), "two blocks swapped")
    dirty = forge.block(0, bytes([0xF0, 0x05])) + second
    yield bad("block-padding", "M26", forge.archive(blocks=dirty), "padding of a block")
    for name, more in {
        "index": {"length_width": 32},
        "codes": {"length_width": 1, "block_images": 65535},
        "blocks": {"length_width": 0, "unit_bits": 0, "base_bits": 0, "block_images": 1},
        "records": {"length_width": 0, "unit_bits": 0, "base_bits": 2**31, "index": b""},
    }.items():
        data = forge.archive(count=2**32, **more)
        yield bad(f"claims-{name}", "M27", data, "2^32 records in some bytes")
    yield good("picture-last", "M29", whole, "the last picture", picture=2)
    for number in (3, -1):
        yield bad(
            f"picture-{number}", "M29", whole, "no such picture", "OutOfRange", picture=number
        )


def transparency() -> Iterator[Case]:
    """M36 to M39."""

    def with_alpha(data: bytes) -> bytes:
        return forge.single(size=(7, 5), chunks=section((b"Alph", data)), flags=forge.DENSE)

    for name, data in {
        "constant": b"\0\x80",
        "plain": b"\1" + stored(PLANE),
        "differences": b"\2" + stored(DIFFERENCES),
        "inflated": b"\2" + zeros_of_35(),
    }.items():
        yield good(f"alpha-{name}", "M37", with_alpha(data), "transparency", chunks=True)
    for kind in (3, 4, 255):
        data = with_alpha(bytes([kind, 0]))
        yield bad(f"alpha-kind-{kind}", "M36", data, "unknown", "UnsupportedVersion", chunks=True)
    for name, data in {
        "empty": b"",
        "no-value": b"\0",
        "two-values": b"\0\1\2",
        "short": b"\1" + stored(PLANE[:-1]),
        "long": b"\1" + stored(PLANE + b"\0"),
        "none": b"\2" + stored(b""),
        "cut": b"\1" + stored(PLANE)[:-1],
        "behind": b"\1" + stored(PLANE) + b"\0",
        "adler": b"\2" + stored(PLANE)[:-1] + b"\0",
        "no-zlib": b"\1not zlib",
        "dictionary": b"\1\x78\x20" + stored(PLANE)[2:],
    }.items():
        yield bad(f"alpha-{name}", "M37", with_alpha(data), "not one whole plane", chunks=True)
    data = with_alpha(b"\2" + zeros(4000))
    yield bad("alpha-bomb", "M38", data, "inflates to 10^6 values", chunks=True)
    data = with_alpha(b"\0\xff")
    yield good("alpha-opaque", "M39", data, "to be taken for no alpha", chunks=True)


def zeros_of_35() -> bytes:
    """35 zeros with fixed codes: literals, of 8 bits each."""
    text = "1" + "10" + "00110000" * 35 + "0000000"
    packed = bytes(int(text[i : i + 8][::-1], 2) for i in range(0, len(text), 8))
    return b"\x78\x01" + packed + stored(bytes(35))[-4:]


def profiles() -> Iterator[Case]:
    """M40 and M41."""

    def with_profile(data: bytes) -> bytes:
        return forge.single(size=(7, 5), chunks=section((b"iccp", data)), flags=forge.DENSE)

    yield good("profile", "M41", with_profile(stored(b"profile")), "one", chunks=True)
    data = with_profile(zeros(2**22 // 258))
    yield good("profile-large", "M40", data, "almost the largest profile", chunks=True)
    data = with_profile(zeros(2**22 // 258 + 1))
    yield bad("profile-bomb", "M40", data, "more than 2^22 bytes", "TooLarge", chunks=True)
    for name, data in {
        "nothing": b"",
        "no-zlib": b"not zlib",
        "empty": stored(b""),
        "cut": stored(b"profile")[:-1],
        "behind": stored(b"profile") + b"\0",
    }.items():
        yield bad(f"profile-{name}", "M41", with_profile(data), "not one profile", chunks=True)


def flipped() -> Iterator[Case]:
    """Golden files with a random bit flipped, or cut at a random place."""
    draw = random.Random(7)
    for name, front in (
        ("container-single", 8),
        ("container-archive", 56),
        ("container-archive-geometry", 73),
    ):
        data = (GOLDEN / f"{name}.psl").read_bytes()
        (index,) = struct.unpack_from("<Q", data, 48) if len(data) > 56 else (0,)
        for at in sorted(draw.sample(range(front, len(data)), 5)):
            rule = "M5" if not index else "M24" if at >= index else "M25"
            mutant = data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :]
            yield bad(f"{name}-flip-{at}", rule, mutant, f"a bit of byte {at} of a golden file")
        end, rule = draw.randrange(max(front, 20), len(data)), "M23" if index else "M5"
        yield bad(f"{name}-cut-{end}", rule, data[:end], "a golden file cut short")
