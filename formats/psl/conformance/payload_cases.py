"""Cases of payloads: files of tiny models, one for each latent code, to be decoded to latents."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator
from itertools import accumulate, pairwise

import numpy as np
import psl_bytes as forge
import tiny_models as tiny
from case import Case, bad, good
from psl_bytes import bits, fields, section

from pseudocodec.hyperprior import HyperpriorCode
from pseudocodec.latent.scalar import Scalar
from pseudocodec.latent.schedule import Schedule

PLAIN, RICH, SEEDED, PHOTO = tiny.plain(), tiny.rich(), tiny.seeded(), tiny.photo()
INEXACT, UNFIT = tiny.inexact(), tiny.unfit()
MODELS = {"plain": PLAIN, "rich": RICH, "seeded": SEEDED, "photo": PHOTO} | {
    f"photo-{name}": model for name, model in INEXACT.items()
}
CONTEXTS = tiny.contexts_tensors()
SHORT = {k: v for k, v in CONTEXTS.items() if k.startswith("contexts")}
SHORT |= {"contexts.contexts": np.zeros(99, "<u4")}
FAR = {"contexts.means": np.full_like(CONTEXTS["contexts.means"], -(2**15))}
MODELS |= {
    "contexts": tiny.photo(**CONTEXTS),
    "contexts-short": tiny.photo(**SHORT),
    "contexts-range": tiny.photo(**SHORT | FAR),
}
DETAILS = tiny.details_tensors()
UNFIT_DETAILS = {
    "index": {"detail_index": DETAILS["detail_index"] + 255 * 256},
    "rows": {"detail_index": DETAILS["detail_index"][1:]},
    "first": {"detail_first": np.array([513], "<i8")},
    "none": {"detail_index": DETAILS["detail_index"][:, :0]},
}
FEW = DETAILS | {"detail_contexts.contexts": np.zeros(99, "<u4")}
ALONE = {key: value for key, value in FEW.items() if key != "detail_index"}
MODELS |= {"details": tiny.photo(**DETAILS), "details-alone": tiny.photo(**ALONE)} | {
    f"details-{name}": tiny.photo(**FEW | changed) for name, changed in UNFIT_DETAILS.items()
}
FILTERS = tiny.filters_tensors()
UNFIT_FILTERS = {
    "index": {"filter_index": FILTERS["filter_index"] - 256 * 256},
    "rows": {"filter_index": FILTERS["filter_index"][:2]},
    "none": {"filter_index": FILTERS["filter_index"][:, :0]},
}
MODELS |= {"filters": tiny.photo(**FILTERS)} | {
    f"filters-{name}": tiny.photo(**changed) for name, changed in UNFIT_FILTERS.items()
}
MODELS |= {"fitted": tiny.fitted()} | {f"fitted-{name}": model for name, model in UNFIT.items()}
DENSE = forge.DENSE
SIZES = ((100, 70), (1040, 20))  # one tile, two tiles
M = tiny.SMALL[2]


def all_cases() -> Iterator[Case]:
    """All of them."""
    yield from composition()
    yield from others()
    yield from fronts()
    yield from tiles()
    yield from contexts()
    yield from details()
    yield from filters()
    yield from models()
    yield from fitted()


def file(model: str, payload: bytes, **more: object) -> bytes:
    """A file of one picture of a tiny model."""
    return forge.single(payload, model=tiny.identity(MODELS[model]), **more)


def of(model: str) -> dict[str, str]:
    """What a case says of its model."""
    return {"model_file": f"models/{model}.safetensors"}


def composition() -> Iterator[Case]:
    """M7 and M33 to M35 with the composition code."""
    draw = random.Random(2)
    plain, rich = of("plain"), of("rich")

    def atoms(count: int, weights: int) -> str:
        widths = ((M, 13), (2, 1), (1 << weights, weights))
        drawn = ((draw.randrange(most), width) for _ in range(count) for most, width in widths)
        return fields(*drawn)

    for count in range(5):
        data = file("plain", bits(atoms(count, 0)))
        yield good(f"composition-{count}", "M33", data, f"{count} atoms and padding", **plain)
    text = atoms(2, 0) + fields((100, 11))  # with 39 bits: a short atom
    payload = bits(text)
    yield good("composition-short", "M33", file("plain", payload), "a short atom", **plain)
    for count in (1, 3, 6):
        data = file("rich", bits(atoms(count, 2)))
        yield good(f"composition-rich-{count}", "M33", data, "blocks, shuffle, weights", **rich)
    text = atoms(3, 2) + fields((0b10110, 5), (1, 1), (2, 2))
    yield good("composition-rich-short", "M33", file("rich", bits(text)), "a short atom", **rich)
    records = [atoms(2, 0), atoms(1, 0) + "0110110"]
    archive = forge.archive(
        model=tiny.identity(PLAIN),
        count=2,
        base_bits=len(records[1]),
        unit_bits=len(records[0]) - len(records[1]),
        length_width=1,
        blocks=forge.block(0, bits("".join(records))),
        index=forge.index(bits("10")),
    )
    yield good("composition-archive", "M20", archive, "records of any number of bits", **plain)
    whole = file("plain", bits(atoms(4, 0)))
    yield good("composition-cut", "M7", whole[:-2], "the first atoms", partial=True, **plain)
    yield good("composition-none", "M7", whole[:20], "no atom is left", partial=True, **plain)
    yield good("composition-more", "M7", whole + b"more", "and more", partial=True, **plain)
    yield bad("composition-cut-unasked", "M7", whole[:-2], "not asked for", **plain)
    data = file("plain", bits(atoms(1, 0) + "01"))
    yield bad("composition-padding", "M33", data, "padding is not zero", **plain)
    data = file("plain", bytes(9))
    yield bad("composition-long", "M33", data, "72 bits, of at most 64", **plain)
    data = file("plain", bits(fields((M - 1, 13), (1, 1))))
    yield good("composition-last-seed", "M34", data, "the largest seed", **plain)
    for seed in (M, 2**13 - 1):
        data = file("plain", bits(fields((seed, 13), (0, 1))))
        yield bad(f"composition-seed-{seed}", "M34", data, "no such seed", **plain)
    data = file("plain", bytes(2), flags=DENSE)
    yield bad("dense-without-code", "M35", data, "no dense code", "PslError", **plain)
    data = file("plain", bytes(2), chunks=section((b"Alph", b"\0\x80")))
    yield bad("alpha-of-one-size", "M50", data, "alpha, and a model of one size", **plain)


def others() -> Iterator[Case]:
    """M33 and M34 with the seed, trellis and scalar codes."""
    draw = random.Random(3)
    rich, seeded = of("rich"), of("seeded")
    for seed in (0, 4711, M - 1):
        data = file("seeded", bits(fields((seed, 13))))
        yield good(f"seed-{seed}", "M34", data, "a seed", **seeded)
    data = file("seeded", bits(fields((M, 13))))
    yield bad("seed-outside", "M34", data, "no such seed", **seeded)
    yield bad("seed-padding", "M33", file("seeded", bits(fields((1, 13), (1, 1)))), "set", **seeded)
    yield bad("seed-short", "M33", file("seeded", bytes(1)), "8 bits, of 13", **seeded)
    yield bad("seed-long", "M33", file("seeded", bytes(3)), "24 bits, of 13", **seeded)
    for count in (0, 1, 2, 5, 18):
        data = file("rich", draw.randbytes(count), flags=DENSE)
        yield good(f"trellis-{8 * count}", "M33", data, f"a ring of {8 * count} bits", **rich)
    records = ["1", "10", "1011011", "".join(draw.choice("01") for _ in range(150))]
    for record in records:
        data = forge.one(record, model=tiny.identity(RICH), flags=DENSE)
        yield good(f"trellis-archive-{len(record)}", "M33", data, "any number of bits", **rich)
    data = file("rich", bytes(20), flags=DENSE)
    yield bad("trellis-long", "M33", data, "160 bits, of at most 150", **rich)
    data = file("rich", bytes(4), flags=DENSE)[:-1]
    yield bad("trellis-cut", "M7", data, "a prefix of a dense file", partial=True, **rich)
    tensors = tiny.schedule("dense", 6, 60)
    code = Scalar(Schedule(tensors["dense.variances"], tensors["dense.levels"]))
    for count in (0, 16, 40, 56):
        tops = code.quantiser(count).tops if count else np.zeros(0, np.int64)
        symbols = np.array(
            [[t + draw.choice((-1, 0, 0, 0, 0, 1)) for t in tops.tolist()]], np.int64
        )
        [(payload, _)] = code.pack(symbols.reshape(1, -1), count)
        data = file("seeded", payload, flags=DENSE)
        yield good(f"scalar-{count}", "M33", data, f"{count} bits", **seeded)
    data = file("seeded", b"\xff" * 7, flags=DENSE)
    yield bad("scalar-longer-than-shortest", "M33", data, "no writer's stream", **seeded)
    data = file("seeded", bytes(8), flags=DENSE)
    yield bad("scalar-long", "M33", data, "64 bits, of at most 60", **seeded)


def payload_of(
    size: tuple[int, int],
    *,
    grey: bool = False,
    level: int = 300,
    more: tiny.Tensors | None = None,
    details: bool = False,
    filtered: bool = False,
) -> bytes:
    """A payload of the tiny photo model with `more` tensors, its latents drawn at random.

    Some are far outside. With `details` it has those of the levels that have them, if `filtered` a
    filter of each tile.
    """
    tensors = {k[5:]: v for k, v in tiny.photo_tensors().items()}
    code = HyperpriorCode(tensors | (more or {}))
    draw = random.Random(size[0])
    columns, rows = -(-size[0] // 16), -(-size[1] // 16)
    parts = []
    for left in range(0, columns, 64):
        shape = 4, rows, min(64, columns - left)
        latents = np.array([draw.randint(-40, 40) / 16 for _ in range(int(np.prod(shape)))])
        latents[:3] = -700, 12, 65000
        small = 4, -(-shape[1] // 4), -(-shape[2] // 4)
        hyper = np.array([draw.randint(-3, 3) for _ in range(int(np.prod(small)))])
        arrays = latents.reshape(shape).astype("f4"), hyper.reshape(small).astype("f4")
        parts.append(code.encode(*arrays, level)[0])
        if details:
            values = np.resize([0.2, -3.1, 0.9, 0.4, 17.2], (3, *shape[1:])).astype("f4")
            parts[-1] = code.add_details(parts[-1], values, level, np.full(3, 9, "f4"))[0]
        if filtered:
            drawn = np.array([0, -1, 300, draw.randint(1, 9)], "i4")
            parts[-1] = code.add_filter(parts[-1], drawn, level)
    front = struct.pack("<BH", int(grey), level)
    return front + (entries(size, front, parts) if len(parts) > 1 else b"") + b"".join(parts)


def crc_of(number: int, part: bytes) -> int:
    """The CRC of a tile."""
    return zlib.crc32(struct.pack("<I", number) + part)


def entries(size: tuple[int, int], front: bytes, parts: list[bytes]) -> bytes:
    """The index of tiles behind a front."""
    out = b"".join(struct.pack("<II", len(p), crc_of(i, p)) for i, p in enumerate(parts))
    return out + struct.pack("<I", zlib.crc32(struct.pack("<II", *size) + front + out))


def fronts() -> Iterator[Case]:
    """M43 and M44, and good photographs."""
    photo, size = of("photo"), SIZES[0]
    payload = payload_of(size)
    for name, level, grey in (("grey", 300, True), ("low", 0, False), ("top", 512, False)):
        data = file("photo", payload_of(size, grey=grey, level=level), size=size, flags=DENSE)
        yield good(f"photo-{name}", "M44", data, f"level {level}, grey {grey}", **photo)
    for width, height in (*SIZES, (1, 1)):
        data = file("photo", payload_of((width, height)), size=(width, height), flags=DENSE)
        yield good(f"photo-{width}x{height}", "M43", data, "a photograph", **photo)
    text = fields(*((side, 32) for side in size), *((byte, 8) for byte in payload))
    more = {"model": tiny.identity(PHOTO)}
    record = forge.one(text, flags=DENSE | forge.RECORD_GEOMETRY, **more)
    yield good("photo-archive", "M43", record, "a record with its size", **photo)
    data = forge.one(text[64:], flags=DENSE | forge.GEOMETRY, size=size, **more)
    yield good("photo-archive-sized", "M43", data, "an archive of one size", **photo)
    yield bad("photo-progressive", "M43", file("photo", payload, size=size), "not DENSE", **photo)
    yield bad("photo-unsized", "M43", file("photo", payload, flags=DENSE), "no size", **photo)
    data = forge.one(text, flags=forge.RECORD_GEOMETRY, **more)
    yield bad("photo-archive-progressive", "M43", data, "not DENSE", **photo)
    data = forge.one(text[64:], flags=DENSE, **more)
    yield bad("photo-archive-unsized", "M43", data, "no size", **photo)
    data = forge.one(text + "000", flags=DENSE | forge.RECORD_GEOMETRY, **more)
    yield bad("photo-archive-bits", "M43", data, "three bits more", **photo)
    for name, front in {
        "flags-2": b"\2" + payload[1:],
        "flags-129": b"\x81" + payload[1:],
        "level-513": payload[:1] + struct.pack("<H", 513) + payload[3:],
        "none": b"",
        "two-bytes": payload[:2],
    }.items():
        data = file("photo", front, size=size, flags=DENSE)
        yield bad(f"photo-front-{name}", "M44", data, "a bad front", **photo)


def tiles() -> Iterator[Case]:
    """M45 to M47 and M49."""
    photo, (small, wide) = of("photo"), SIZES
    payload = payload_of(wide)
    lengths = [length for length, _ in struct.iter_unpack("<II", payload[3:19])]
    parts = [payload[a:b] for a, b in pairwise(accumulate([23, *lengths]))]

    def wide_file(payload: bytes) -> bytes:
        return file("photo", payload, size=wide, flags=DENSE)

    for at in (0, 1, 3, 8, 19):
        data = wide_file(payload[:at] + bytes([payload[at] ^ 1]) + payload[at + 1 :])
        yield bad(f"tiles-index-{at}", "M45", data, f"byte {at} of the index differs", **photo)
    yield bad(
        "tiles-other-size",
        "M45",
        file("photo", payload, size=(1041, 20), flags=DENSE),
        "the index of another size",
        **photo,
    )
    yield bad("tiles-behind", "M45", wide_file(payload + b"\0"), "a byte behind", **photo)
    yield bad("tiles-short", "M45", wide_file(payload[:-1]), "a byte less", **photo)
    yield bad("tiles-front", "M45", wide_file(payload[:22]), "ends in the index", **photo)
    data = wide_file(payload[:-1] + bytes([payload[-1] ^ 1]))
    yield bad("tiles-damaged", "M46", data, "one bit of a tile differs", **photo)
    front = payload[:3] + b"".join(
        struct.pack("<II", len(parts[i]), crc_of(i, parts[i])) for i in (1, 0)
    )
    crc = struct.pack("<I", zlib.crc32(struct.pack("<II", *wide) + front))
    data = wide_file(front + crc + parts[1] + parts[0])
    yield bad("tiles-swapped", "M46", data, "two tiles swapped", **photo)

    payload = payload_of(small)
    front, length, tile = payload[:3], payload[3], payload[4:]
    for name, body in {
        "none": b"",
        "varint-cut": b"\x80",
        "varint-long": bytes([length | 0x80, 0]) + tile,
        "varint-six": b"\x80\x80\x80\x80\x80\x00" + tile,
        "hyper-longer": bytes([length + 1]) + tile[:length] + b"\0" + tile[length:],
        "hyper-shorter": bytes([length - 1]) + tile[: length - 1] + tile[length:],
        "longer": bytes([length]) + tile + b"\0",
        "beyond": bytes([127]) + tile[:50],
        "ones": bytes([8]) + b"\xff" * 20,
    }.items():
        data = file("photo", front + body, size=small, flags=DENSE)
        yield bad(f"tile-{name}", "M47", data, "a tile no writer writes", **photo)

    chunks = section((b"Alph", b"\0\x80"))
    data = file("photo", payload_of(wide), size=wide, chunks=chunks, flags=DENSE)
    yield good("photo-alpha", "M49", data, "a large photograph with alpha", **photo)
    for name, damaged in {
        "value": data.replace(b"\0\x80", b"\0\x81", 1),
        "tag": data.replace(b"Alph", b"alph"),
    }.items():
        what, region = "alpha differs, and a region is asked for", [0, 0, 8, 8]
        yield bad(f"region-{name}", "M49", damaged, what, region=region, **photo)


def contexts() -> Iterator[Case]:
    """M47 and M53: residuals in contexts."""
    known = of("contexts")
    for size in (*SIZES, (1, 1)):
        payload = payload_of(size, more=CONTEXTS)
        data = file("contexts", payload, size=size, flags=DENSE)
        yield good(f"contexts-{size[0]}x{size[1]}", "M47", data, "in contexts", **known)
    payload = payload_of(SIZES[0], more=CONTEXTS)
    for name, body in {"longer": payload + b"\0", "more": payload + b"\1"}.items():
        data = file("contexts", body, size=SIZES[0], flags=DENSE)
        yield bad(f"contexts-{name}", "M47", data, "a tile no writer writes", **known)
    for name in ("short", "range"):
        model = f"contexts-{name}"
        data = file(model, payload, size=SIZES[0], flags=DENSE)
        what = "contexts of another shape or out of range"
        yield bad(f"model-{model}", "M53", data, what, "PslError", **of(model))


def spoilt(payload: bytes, none: bytes) -> dict[str, bytes]:
    """Payloads of one tile whose first stream no writer writes; in `none` it is empty."""
    front, length, tile = payload[:3], payload[3], payload[4:]
    return {
        "longer": front + bytes([length + 1]) + tile[:length] + b"\0" + tile[length:],
        "ones": front + bytes([8]) + b"\xff" * 8 + tile[length:],
        "long-length": front + b"\x80\0" + none[4:],
        "alone": front + bytes([length]) + tile[:length],
    }


def details() -> Iterator[Case]:
    """M47 and M54: details."""
    known, size = of("details"), SIZES[0]

    def detailed(payload: bytes, size: tuple[int, int] = size) -> bytes:
        return file("details", payload, size=size, flags=DENSE)

    for name, level, some in (("low", 255, False), ("first", 256, True), ("top", 512, True)):
        data = detailed(payload_of(size, level=level, more=DETAILS, details=some))
        yield good(f"details-{name}", "M47", data, f"details at level {level}", **known)
    none = payload_of(size, more=DETAILS)
    yield good("details-none", "M47", detailed(none), "a level with details, and none", **known)
    wide = payload_of(SIZES[1], more=DETAILS, details=True)
    yield good("details-wide", "M47", detailed(wide, SIZES[1]), "details of two tiles", **known)
    payload = payload_of(size, more=DETAILS, details=True)
    for name, body in spoilt(payload, none).items():
        yield bad(f"details-{name}", "M47", detailed(body), "details no writer writes", **known)
    for name in (*UNFIT_DETAILS, "alone"):
        model = f"details-{name}"
        data = file(model, payload, size=size, flags=DENSE)
        what = "details of another shape, out of range or without their tables"
        yield bad(f"model-{model}", "M54", data, what, "PslError", **of(model))


def filters() -> Iterator[Case]:
    """M47 and M55: filters."""
    known, size = of("filters"), SIZES[0]

    def made(payload: bytes, model: str = "filters", size: tuple[int, int] = size) -> bytes:
        return file(model, payload, size=size, flags=DENSE)

    for name, level in (("low", 0), ("between", 300), ("top", 512)):
        data = made(payload_of(size, level=level, more=FILTERS, filtered=True))
        yield good(f"filters-{name}", "M47", data, f"a filter at level {level}", **known)
    none = payload_of(size, more=FILTERS)
    yield good("filters-none", "M47", made(none), "no filter, of a model that has them", **known)
    wide = payload_of(SIZES[1], more=FILTERS, filtered=True)
    yield good("filters-wide", "M47", made(wide, size=SIZES[1]), "filters of two tiles", **known)
    payload = payload_of(size, more=FILTERS, filtered=True)
    for name, body in spoilt(payload, none).items():
        yield bad(f"filters-{name}", "M47", made(body), "a filter no writer writes", **known)
    for name in UNFIT_FILTERS:
        model, what = f"filters-{name}", "tables of filters of another shape or out of range"
        data = made(payload, model)
        yield bad(f"model-{model}", "M55", data, what, "PslError", **of(model))


def models() -> Iterator[Case]:
    """M48: files that are right, of models that are not."""
    payload = payload_of(SIZES[0])
    for name in INEXACT:
        data = file(f"photo-{name}", payload, size=SIZES[0], flags=DENSE)
        what = "a model whose sums could exceed 2^53"
        yield bad(f"model-{name}", "M48", data, what, "PslError", **of(f"photo-{name}"))


def fitted() -> Iterator[Case]:
    """M51 and M52: nets that are fitted to their picture."""
    size, front = (23, 14), b"\0\0\0"  # colours, the first start
    for name, tile in {
        "none": b"",
        "unknown-group": b"\x20",
        "shift": b"\x01\x0f\0",
        "scale": b"\x01\0\x60",
        "cut": b"\x03\0\0\0",
        "padded": b"\0\0",
        "half": b"\x80",
        "short": b"\x83\0\x55",
        "tensors-padded": b"\x80\0\0",
    }.items():
        data = file("fitted", front + tile, size=size, flags=DENSE)
        yield bad(f"fitted-{name}", "M51", data, "a tile no writer writes", **of("fitted"))
    for name in UNFIT:
        data = file(f"fitted-{name}", front + b"\0", size=size, flags=DENSE)
        what = "a model of fitted nets out of range"
        yield bad(f"fitted-model-{name}", "M52", data, what, "PslError", **of(f"fitted-{name}"))
