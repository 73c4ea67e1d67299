"""Models of a few KB for every latent code, in integers alone; they have no nets."""

from __future__ import annotations

import hashlib
import json
import random
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tensors = dict[str, NDArray[Any]]
SMALL, LARGE = [1733, 1627, 5101], [283471, 35899, 524287]  # LCGs of 13 and 19 bits
NAMES = {
    np.dtype(kind): name
    for kind, name in (
        ("<i8", "I64"), ("<i4", "I32"), ("<i2", "I16"), ("<u4", "U32"), ("u1", "U8"),
    )
}  # fmt: skip


def safetensors(facts: dict[str, Any], tensors: Tensors) -> bytes:
    """A model file; its id is the beginning of its SHA-256."""
    header: dict[str, Any] = {"__metadata__": {"pseudocodec": json.dumps(facts)}}
    at, data = 0, b""
    for name, tensor in tensors.items():
        end = at + tensor.nbytes
        shape = list(tensor.shape)
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": shape, "data_offsets": [at, end]}
        at, data = end, data + tensor.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # as safetensors aligns
    return len(text).to_bytes(8, "little") + text + data


def identity(model: bytes) -> bytes:
    """The id that files of a model name."""
    return hashlib.sha256(model).digest()[:8]


def facts(name: str, code: dict[str, Any], dense: dict[str, Any] | None) -> dict[str, Any]:
    """The metadata of a model for pictures of 8 x 8 pixels."""
    net = {"height": 8, "width": 8, "channels": 1}
    rest = {"net": net, "code": code, "dense": dense, "payload_bytes": [1, 8]}
    return {"format": 1, "name": name, "family": "conformance", **rest}


def schedule(prefix: str, dims: int, most: int) -> Tensors:
    """Variances that fall by a quarter, two of them equal, and levels for `most` bits."""
    variances = [max(1, 2**30 * 3 ** (i - i % 2) // 4 ** (i - i % 2)) for i in range(dims)]
    levels = [2**30 * 15**b // 16**b for b in range(most + 1)]
    return {
        f"{prefix}.variances": np.array(variances, "<i8"),
        f"{prefix}.levels": np.array(levels, "<i8"),
    }


def plain() -> bytes:
    """The composition code as it is without options, and no dense code."""
    code = {"kind": "composition", "lcg": SMALL, "weight_bits": 0}
    return safetensors(facts("plain", code, None), schedule("code", 8, 64))


def rich() -> bytes:
    """The composition code with every option, and the trellis."""
    code = {"kind": "composition", "lcg": SMALL, "weight_bits": 2, "shuffle": True, "blocks": 2}
    dense = {"kind": "trellis", "lcg": LARGE, "state_bits": 9}
    tensors = schedule("code", 11, 96) | schedule("dense", 11, 150)
    return safetensors(facts("rich", code, dense), tensors)


def seeded() -> bytes:
    """The seed code and the scalar code."""
    code = {"kind": "seed", "lcg": SMALL, "dims": 6, "epsilon": 10}
    return safetensors(facts("seeded", code, {"kind": "scalar"}), schedule("dense", 6, 60))


def photo_tensors() -> Tensors:
    """The hyperprior code with 4 latents and 4 hyper-latents, three rows and five tables."""
    draw = random.Random(1)

    def integers(low: int, high: int, *shape: int) -> NDArray[Any]:
        values = [draw.randint(low, high) for _ in range(int(np.prod(shape)))]
        return np.array(values, "<i8").reshape(shape)

    out: Tensors = {}
    for k, shape in enumerate([(8, 4, 3, 3), (8, 2, 3, 3), (4, 2, 3, 3), (8, 4, 1, 1)]):
        out[f"code.weight.{k}"] = integers(-1500, 2500, *shape).astype("<i2")
        out[f"code.bias.{k}"] = integers(-(2**18), 2**20, 3, shape[0])
    out["code.gain"] = integers(100, 400, 3, 4)
    out["code.hyper_mean"] = integers(-300, 300, 3, 4)
    out["code.hyper_index"] = integers(0, 5 * 256, 3, 4)
    tables = [table(most) for most in (0, 1, 2, 4, 9)]
    out["code.scales.frequencies"] = np.array([*chain(*tables)], "<i8")
    out["code.scales.widths"] = np.array([len(t) for t in tables], "<i8")
    return out


def table(most: int) -> list[int]:
    """Frequencies of residuals up to `most` either side, and of the escape."""
    weights = [(most + 1 - r) ** 3 for r in range(most + 1)]
    weights = [*weights, 1, *weights[:0:-1]]
    out = [1 + w * (2**24 - len(weights)) // sum(weights) for w in weights]
    return [out[0] + 2**24 - sum(out), *out[1:]]


def photo(**changed: NDArray[Any]) -> bytes:
    """A model of the hyperprior code, with other tensors where given."""
    described = facts("photo", {"kind": "hyperprior"}, None)
    described |= {"net": {"channels": 3}, "payload_bytes": [0, 0]}
    tensors = photo_tensors()
    return safetensors(described, tensors | {f"code.{k}": v for k, v in changed.items()})


def contexts_of(channels: int, tables: int, seed: int) -> Tensors:
    """Tensors of contexts in which something was learnt, by their names without a prefix."""
    draw = random.Random(seed)

    def drawn(low: int, high: int, kind: str, *shape: int) -> NDArray[Any]:
        count = int(np.prod(shape))
        return np.array([draw.randint(low, high) for _ in range(count)], kind).reshape(shape)

    by_table, by_channel = 12 * tables, 12 * channels
    kinds = [24 * by_table, 12 * by_table, 48 * by_table, 48 * by_channel, 8 * by_channel]
    kinds += [12 * 48 * 72, 9 * channels, 27 * channels, 20]
    few = drawn(1 << 20, (1 << 22) - (1 << 20), "<u4", 97)  # chances, over and over
    chances = np.resize(few, sum(kinds)) << 10 | np.resize(np.arange(31, dtype="<u4"), sum(kinds))
    return {
        "means": drawn(-300, 300, "<i2", min(channels, 48), 196),
        "magnitudes": drawn(-50, 300, "<i2", channels, 76),
        "expectations": drawn(-100, 900, "<i2", channels, 7),
        "narrow": drawn(0, 1, "u1", channels),
        "contexts": chances.astype("<u4"),
        "weights": drawn(-2000, 20000, "<i4", 3 * tables + 2 * channels + 13, 8),
    }


def contexts_tensors() -> Tensors:
    """The tensors of contexts of the photo model, of latents and of hyper-latents."""
    tensors = photo_tensors()
    tables = len(tensors["code.scales.widths"])
    channels = {"contexts": tensors["code.gain"], "hyper_contexts": tensors["code.hyper_mean"]}
    return {
        f"{prefix}.{name}": tensor
        for seed, (prefix, rows) in enumerate(channels.items())
        for name, tensor in contexts_of(rows.shape[1], tables, seed).items()
    }


def details_tensors() -> Tensors:
    """The tensors of three details of the photo model, from level 256 on, and their contexts."""
    tensors = contexts_of(3, len(photo_tensors()["code.scales.widths"]), 2)
    index = np.array([[0, 300, 600], [256, 700, 900], [500, 900, 1300]], "<i8")
    named = {f"detail_contexts.{name}": tensor for name, tensor in tensors.items()}
    return {"detail_first": np.array([256], "<i8"), "detail_index": index, **named}


def filters_tensors() -> Tensors:
    """The tables of four filter values of the photo model."""
    return {"filter_index": np.array([[0, 300, 600, 900], [256, 700, 900, 100], [9, 9, 9, 9]])}


def fitted(**changed: int) -> bytes:
    """A model of fitted nets with two starts; `changed` are first values of its tensors."""
    draw = random.Random(4)
    starts = [[draw.randint(-300, 300) for _ in range(1253)] for _ in range(2)]
    tensors = {
        "code.starts": np.array(starts, "<i8"),
        "code.powers": np.array([2**24 - 2**15 * i for i in range(256)], "<i8"),
        "code.rates": np.array([5000 * (i + 1) for i in range(96)], "<i8"),
    }
    for name, value in changed.items():
        tensors[f"code.{name}"].ravel()[0] = value
    described = facts("fitted", {"kind": "overfit"}, None) | {"family": "overfit"}
    described |= {"net": {"channels": 3, "prices": [10.0, 100.0]}, "payload_bytes": [0, 0]}
    return safetensors(described, tensors)


def unfit() -> dict[str, bytes]:
    """Models of fitted nets out of range, each for another reason."""
    return {
        "start": fitted(starts=1 << 18),
        "power": fitted(powers=2**25 + 1),
        "rate": fitted(rates=0),
        "high-rate": fitted(rates=1 << 25),
    }


def inexact() -> dict[str, bytes]:
    """Models whose sums could exceed 2^53, each for another reason."""
    tensors = photo_tensors()

    def first(name: str, value: int) -> NDArray[Any]:
        out = tensors[f"code.{name}"].astype("<i8")
        out.ravel()[0] = value
        return out

    return {
        "weight": photo(**{"weight.3": first("weight.3", -(2**15))}),
        "bias": photo(**{"bias.1": first("bias.1", 2**34 + 1)}),
        "mean": photo(hyper_mean=first("hyper_mean", -(2**19) - 1)),
        "index": photo(hyper_index=first("hyper_index", 255 * 256 + 1)),
        "gain": photo(gain=first("gain", 2**24 + 1)),
        "negative-gain": photo(gain=first("gain", -1)),
    }
