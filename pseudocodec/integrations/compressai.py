"""CompressAI's image codecs in .psl files: imported, coded with our entropy coder, fine-tuned.

The systems are those of Balle et al. 2018 (factorized prior, scale hyperprior) and of Minnen et al.
2018 (mean-scale hyperprior, joint autoregressive), with GDN or leaky ReLU, as the package
`compressai` builds them (`pip install "pseudocodec[compressai]"`). A model file holds their weights
in float16 and the tables that `update()` made once, so that no reader makes them again.

The payload of a picture, which is padded to multiples of 64 by its last row and column:

| size | field | |
|---|---|---|
| 1 | u8 flags | 1: grey; 2: device-dependent; others 0 |
| 4 | u32 CRC-32 of all table indices, as u16 in coding order | only if device-dependent |
| | one stream of the range coder: hyper-latents, latents; escapes behind the symbols of each | |

But for the factorized prior, nets in floats choose the table of each latent. On another device, or
with other versions or threads, they may choose others, and then the file does not decode: the
CRC-32 tells, and decoding warns beforehand. The photo model has no such limit.

`mbt2018` predicts each latent from those before it: both directions go latent by latent, on the
CPU, which takes 6 to 9 seconds for 768 x 512 pixels. The nets take some 640 bytes a pixel.
"""

from __future__ import annotations

import hashlib
import io
import os
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pseudocodec._pixels import Pixels
from pseudocodec._text import label
from pseudocodec.container import Geometry, Single, write_single
from pseudocodec.entropy import FrequencyTable, _escapes
from pseudocodec.entropy.coder import Reader, Writer, groups
from pseudocodec.errors import Corrupt, DeviceDependentWarning, PslError, TooLarge
from pseudocodec.image import to_8_bit
from pseudocodec.metrics import psnr
from pseudocodec.model.base import ForeignModel, torch_device
from pseudocodec.model.file import ModelFacts, write_model
from pseudocodec.photo.codec import Region, box_of
from pseudocodec.photo.tensors import tensor_of, window
from pseudocodec.photo.tiles import Box, Grid
from pseudocodec.picture import as_picture, from_chunks, merge, to_chunks
from pseudocodec.rate import Target

if TYPE_CHECKING:
    import torch
    from torch import Tensor

FAMILY = "compressai"
MAX_PIXELS = 1 << 24  # of a picture: the nets see it whole, which takes 10 GiB of memory
MAX_CHECKPOINT_BYTES = 1 << 30
MOST_CHANNELS = 1024
MOST_REACH = 1 << 14  # of a bottleneck's quantiles, from which its tables get their lengths
PADDING = 64  # pixels; a hyper-latent, along each side
LATENT = 16  # pixels a latent, along each side
CONTEXT = 5  # latents that the autoregressive context sees, along each side
QUIET = "PSEUDOCODEC_DEVICE_DEPENDENT_OK"  # environment: set, it silences the warning
LEAKY = "-leaky-relu"
SCALE_BITS = 32  # fractional ones of the deviations that choose tables: float32 loses none

FLAGS, CRC = Struct("<B"), Struct("<I")
GREY, DEVICE_DEPENDENT = 1, 2

Integers = NDArray[np.int32]


class Kind(NamedTuple):
    """One of CompressAI's networks: its class in `compressai.models`, and what its prior does."""

    network: str
    channels: tuple[int, int]  # N and M of CompressAI's lower qualities
    hyper: bool = True
    means: bool = True
    serial: bool = False


ARCHITECTURES = {
    "bmshj2018-factorized": Kind("FactorizedPrior", (128, 192), hyper=False),
    "bmshj2018-factorized-relu": Kind("FactorizedPriorReLU", (128, 192), hyper=False),
    "bmshj2018-hyperprior": Kind("ScaleHyperprior", (128, 192), means=False),
    "mbt2018-mean": Kind("MeanScaleHyperprior", (128, 192)),
    "mbt2018": Kind("JointAutoregressiveHierarchicalPriors", (192, 192), serial=True),
}
NAMES = (
    *ARCHITECTURES,
    *(name + LEAKY for name in ARCHITECTURES if not name.endswith("-relu")),
)
"""What `architecture` may be: CompressAI's names, and those with leaky ReLU in place of GDN."""


@dataclass(frozen=True)
class Config:
    """A network: its architecture, one of NAMES, and its channels N (hidden) and M (latents).

    Raises PslError for an unknown architecture and for channels outside 1 to MOST_CHANNELS.
    """

    architecture: str
    N: int
    M: int
    channels: int = 3

    def __post_init__(self) -> None:
        """Check what may come from a model file."""
        if self.architecture not in NAMES:
            raise PslError(
                f"architecture={self.architecture!r}: expected one of {', '.join(NAMES)}"
            )
        for value in (self.N, self.M):
            if not (isinstance(value, int) and 1 <= value <= MOST_CHANNELS):
                raise PslError(f"channels {value}: expected 1 to {MOST_CHANNELS}")

    @property
    def kind(self) -> Kind:
        """What CompressAI calls it."""
        return ARCHITECTURES[self.architecture.removesuffix(LEAKY)]

    def build(self) -> Any:
        """An untrained network. Raises PslError where CompressAI cannot be imported."""
        from torch import nn

        network = getattr(compressai("models"), self.kind.network)(self.N, self.M)
        if self.architecture.endswith(LEAKY):
            for part in (network.g_a, network.g_s):
                for place in range(1, len(part), 2):
                    part[place] = nn.LeakyReLU(inplace=True)
        return network


def import_checkpoint(
    path: str | os.PathLike[str],
    architecture: str,
    output: str | os.PathLike[str],
    *,
    name: str | None = None,
    overwrite: bool = False,
) -> bytes:
    """Make a model file of a CompressAI checkpoint; returns the model's id.

    The checkpoint is a state dict, or a dict with one as "state_dict"; it is loaded without running
    code (`weights_only`), and its SHA-256 goes into the model file. `name` is by default that of
    `output`. Raises PslError for a file that is not a checkpoint of `architecture`.
    """
    network, config, digest = read_checkpoint(path, architecture)
    target = Path(output)
    origin = {"checkpoint_sha256": digest}
    return write_network(network, config, origin, name or target.stem, target, overwrite=overwrite)


def read_checkpoint(
    path: str | os.PathLike[str], architecture: str
) -> tuple[torch.nn.Module, Config, str]:
    """The network in a CompressAI checkpoint, its configuration, and the file's SHA-256.

    Raises PslError as `import_checkpoint`.
    """
    import torch

    source, pretrained = Path(path), compressai("zoo.pretrained")
    if architecture not in NAMES:
        raise PslError(f"architecture={architecture!r}: expected one of {', '.join(NAMES)}")
    try:
        if source.stat().st_size > MAX_CHECKPOINT_BYTES:
            raise TooLarge(f"{path}: checkpoints may have {MAX_CHECKPOINT_BYTES} bytes; not loaded")
        data = source.read_bytes()
    except OSError as error:
        raise PslError(f"{path}: the checkpoint cannot be read ({error.strerror})") from error
    try:
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        state = pretrained.load_pretrained(state.get("state_dict", state))
        widths = (state[f"g_a.{layer}.weight"].shape[0] for layer in (0, 6))
        config = Config(architecture, *widths)
        network = config.build()
        network.load_state_dict(state)
    except PslError:
        raise
    except Exception as error:  # torch raises many kinds for a damaged file
        reason = label((str(error) or type(error).__name__).splitlines()[-1].strip())
        raise PslError(f"{path}: not a checkpoint of {architecture} ({reason})") from error
    return network, config, hashlib.sha256(data).hexdigest()


def write_network(
    network: Any,
    config: Config,
    origin: Mapping[str, object],
    name: str,
    path: Path,
    *,
    overwrite: bool,
) -> bytes:
    """Write a network as a model file; returns the model's id. `origin` says where it comes from.

    Weights become float16 first, and tables are made for those, so that what is written fits
    together: the network is changed in place. Raises PslError for weights that float16 cannot hold.
    """
    import torch

    tensors: dict[str, NDArray[Any]] = {}
    conditional = getattr(network, "gaussian_conditional", None)
    with torch.no_grad():
        for key, parameter in network.named_parameters():
            parameter.copy_(parameter.half())
            if not torch.isfinite(parameter).all():
                raise PslError(f"{path}: weights {key} are not finite in float16; not written")
            tensors[key] = parameter.float().cpu().numpy()
        if float(network.entropy_bottleneck.quantiles.abs().max()) > MOST_REACH:
            raise PslError(f"{path}: quantiles beyond {MOST_REACH}; the checkpoint is damaged")
        scales = compressai("models").get_scale_table()
        if conditional is not None and len(conditional.scale_table):
            scales = conditional.scale_table
        network.update(scale_table=scales, force=True)
    tables = {"bottleneck": Tables.of(network.entropy_bottleneck)}
    if conditional is not None:
        tensors["code.scales"] = (scales.double() * 2**SCALE_BITS).long().cpu().numpy()
        tables["conditional"] = Tables.of(conditional)
    for part, table in tables.items():
        tensors |= {f"code.{part}.{key}": value for key, value in table.to_tensors().items()}
    net = asdict(config) | {"origin": dict(origin)}
    facts = ModelFacts(name, FAMILY, net, {"kind": FAMILY}, (0, 0))
    return write_model(path, facts, tensors, overwrite=overwrite)


@dataclass(frozen=True, eq=False)
class Tables:
    """Table t holds the integers lows[t] to highs[t], around zero, and an escape for all others.

    Value v of n = highs - lows + 2 symbols is symbol v modulo n, which leaves highs + 1 for the
    escape. Raises PslError for tables that do not hold zero.
    """

    tables: tuple[FrequencyTable, ...]
    lows: Integers

    def __post_init__(self) -> None:
        """Check the tables: they may come from a model file."""
        if len(self.tables) != len(self.lows) or self.lows.max() > 0 or self.highs.min() < 0:
            raise PslError("compressai tables: a table without zero; the model is damaged")

    @cached_property
    def highs(self) -> Integers:
        """The largest value of each table."""
        widths = np.array([len(table.frequencies) for table in self.tables], np.int32)
        return widths + self.lows - 2

    @staticmethod
    def of(model: Any) -> Tables:
        """The tables of an entropy model of CompressAI, after `update()`, in 2^-24 for its 2^-16.

        It has the escape behind the largest value.
        """
        lows = model.offset.cpu().numpy().astype(np.int32)
        cdfs, lengths = model.quantized_cdf.cpu().numpy(), model.cdf_length.cpu().tolist()
        tables = [
            FrequencyTable(np.roll(256 * np.diff(cdf[:length].astype(np.int64)), low))
            for cdf, length, low in zip(cdfs, lengths, lows.tolist(), strict=True)
        ]
        return Tables(tuple(tables), lows)

    def to_tensors(self) -> dict[str, Integers]:
        """What a model file holds: all tables in one vector, the symbols and the low of each."""
        frequencies = [table.frequencies for table in self.tables]
        widths = np.array([len(f) for f in frequencies], np.int32)
        together = np.concatenate(frequencies).astype(np.int32)
        return {"frequencies": together, "widths": widths, "lows": self.lows}

    @staticmethod
    def from_tensors(tensors: Mapping[str, NDArray[Any]]) -> Tables:
        """The tables of `to_tensors`. Raises PslError for tensors that it does not make."""
        parts = [tensors.get(key) for key in ("frequencies", "widths", "lows")]
        kept = [
            p for p in parts if p is not None and p.ndim == 1 and p.dtype == np.int32 and len(p)
        ]
        if len(kept) < len(parts) or kept[1].min() < 2:
            raise PslError("compressai tables: expected three int32 vectors; the model is damaged")
        frequencies, widths, lows = kept
        ends = np.cumsum(widths.astype(np.int64))
        if ends[-1] != len(frequencies) or widths.min() < 2:
            raise PslError("compressai tables: their widths do not fit; the model is damaged")
        split = np.split(frequencies.astype(np.int64), ends[:-1])
        return Tables(tuple(FrequencyTable(f) for f in split), lows)

    def symbols(self, values: Integers, index: Integers) -> tuple[Integers, Integers]:
        """Symbols (n,) of `values` (n,), and by how much those outside their tables are outside."""
        lows, highs = self.lows[index], self.highs[index]
        symbols: Integers = values + (values < 0) * (highs - lows + 2)
        outside = (values < lows) | (values > highs)
        symbols[outside] = highs[outside] + 1
        far = np.where(values < lows, values - lows, values - highs)
        return symbols, far[outside].clip(-_escapes.MAX_ESCAPE, _escapes.MAX_ESCAPE)

    def values(self, symbols: Integers, escapes: Integers, index: Integers) -> Integers:
        """What `symbols` and its escapes mean."""
        lows, highs = self.lows[index], self.highs[index]
        out: Integers = symbols - (symbols > highs) * (highs - lows + 2)
        outside = symbols == highs + 1
        out[outside] = np.where(escapes < 0, lows[outside], highs[outside]) + escapes
        return out


class Stream:
    """A payload that is written; or one that is read, and written again to see that it is whole.

    The caller passes its values through `code` in the same order both ways, which is what keeps
    encoder and decoder alike. `checksum` is the CRC-32 of the table indices so far.
    """

    def __init__(self, payload: bytes | None = None) -> None:
        self._reader = None if payload is None else Reader(payload)
        self._writer = Writer()
        self.checksum = 0

    def code(self, values: Integers | None, index: Integers, tables: Tables) -> Integers:
        """Integers (n,) with the table of their `index` (n,): written, or read where None is given.

        Returns what a reader gets, which is `values` unless one is 2^16 outside its table.
        """
        self.checksum = zlib.crc32(index.astype("<u2").tobytes(), self.checksum)
        grouped = groups(index, tables.tables)
        if self._reader is None:
            assert values is not None
            symbols, escapes = tables.symbols(values, index)
        else:
            symbols = self._reader.take(grouped)
            count = int(np.count_nonzero(symbols == tables.highs[index] + 1))
            escapes = _escapes.take(self._reader, count) if count else np.zeros(0, np.int32)
        self._writer.put(symbols, grouped)
        if len(escapes):
            _escapes.put(self._writer, escapes)
        return tables.values(symbols, escapes, index)

    def written(self) -> bytes:
        """The payload."""
        return self._writer.payload()[0]


class CompressaiModel(ForeignModel):
    """A network of CompressAI and its tables; made by `load_model`.

    Raises PslError for a file whose parts do not fit together.
    """

    def __init__(self, identity: bytes, path: Path, facts: ModelFacts) -> None:
        super().__init__(identity, path, facts)
        net = {key: value for key, value in facts.net.items() if key != "origin"}
        try:
            self.config = Config(**net)
        except TypeError as error:
            raise PslError(f"{path}: its network is described wrongly ({error})") from error
        if facts.code != {"kind": FAMILY}:
            raise PslError(f"{path}: latent code {facts.code.get('kind')!r}; upgrade pseudocodec")
        kind = self.config.kind
        self._bottleneck = Tables.from_tensors(self._tables("code.bottleneck."))
        counts = [(self.config.N if kind.hyper else self.config.M, self._bottleneck)]
        if kind.hyper:
            self._conditional = Tables.from_tensors(self._tables("code.conditional."))
            counts.append((len(self._tensors.get("code.scales", ())), self._conditional))
        if any(len(tables.lows) != count for count, tables in counts):
            raise PslError(f"{path}: its tables do not fit its network; get it again")

    def encode_picture(self, image: object, target: Target, *, device: str) -> bytes:
        """See `encode_picture`."""
        return encode_picture(self, image, target, device=device)

    def decode_picture(
        self, single: Single, *, region: Region | None, device: str
    ) -> NDArray[np.uint8]:
        """See `decode_picture`."""
        return decode_picture(self, single, region=region, device=device)

    def network(self, device: str) -> tuple[Any, torch.device]:
        """The nets and their device, which is the CPU for what codes latent by latent."""
        where = torch_device("cpu" if self.config.kind.serial else device)
        return self.transform(where), where

    def _load(self, device: torch.device) -> torch.nn.Module:
        import torch

        network = self.config.build()
        weights = {
            key: torch.from_numpy(value.astype(np.float32))
            for key, value in self._tensors.items()
            if not key.startswith("code.")
        }
        if self.config.kind.hyper:
            scales = torch.from_numpy(self._tensors["code.scales"]).double() / 2**SCALE_BITS
            network.gaussian_conditional.scale_table = scales.float()
        expected = dict(network.named_parameters())
        if {k: v.shape for k, v in weights.items()} != {k: v.shape for k, v in expected.items()}:
            raise PslError(
                f"{self._path}: the weights do not fit a {self.config.architecture} network; "
                "get the model again"
            )
        with torch.no_grad():
            for key, parameter in expected.items():
                parameter.copy_(weights[key])
        loaded: torch.nn.Module = network.requires_grad_(False).eval().to(device)
        return loaded

    def code(self, network: Any, stream: Stream, like: Tensor, y: Tensor | None) -> Tensor:
        """Latents (1, M, h, w) through `stream`: `y` is written, or where it is None, read.

        `like` has their shape and device. Returns the decoded latents.
        """
        kind = self.config.kind
        medians = network.entropy_bottleneck.quantiles[:, 0, 1].view(1, -1, 1, 1)
        if not kind.hyper:
            return _through(stream, self._bottleneck, _channels(like), medians.expand_as(like), y)
        z = None if y is None else network.h_a(y if kind.means else y.abs())
        ratio = PADDING // LATENT
        shape = (1, self.config.N, like.shape[2] // ratio, like.shape[3] // ratio)
        means = medians.expand(shape)
        parameters = network.h_s(_through(stream, self._bottleneck, _channels(means), means, z))
        if kind.serial:
            return self._code_serially(network, stream, parameters, y)
        scales, means = parameters.chunk(2, 1) if kind.means else (parameters, like.new_zeros(1))
        index = network.gaussian_conditional.build_indexes(scales)
        return _through(stream, self._conditional, index, means.expand_as(like), y)

    def _code_serially(
        self, network: Any, stream: Stream, parameters: Tensor, y: Tensor | None
    ) -> Tensor:
        """Latent by latent, each with the parameters that its decoded neighbours give."""
        import torch
        import torch.nn.functional as F

        context, reach = network.context_prediction, CONTEXT // 2
        weight = context.weight * context.mask
        height, width = parameters.shape[2:]
        out = parameters.new_zeros(1, self.config.M, height + 2 * reach, width + 2 * reach)
        for row in range(height):
            for column in range(width):
                here = slice(row, row + 1), slice(column, column + 1)
                seen = out[:, :, row : row + CONTEXT, column : column + CONTEXT]
                known = (parameters[:, :, *here], F.conv2d(seen, weight, context.bias))
                scales, means = network.entropy_parameters(torch.cat(known, 1)).chunk(2, 1)
                index = network.gaussian_conditional.build_indexes(scales)
                value = None if y is None else y[:, :, *here]
                decoded = _through(stream, self._conditional, index, means, value)
                seen[:, :, reach, reach] = decoded[:, :, 0, 0]
        return out[:, :, reach:-reach, reach:-reach]


def encode_payload(model: CompressaiModel, pixels: Pixels, *, device: str = "auto") -> bytes:
    """The payload of a picture (H, W, 1 or 3). Raises TooLarge for more than MAX_PIXELS."""
    import torch

    padded = _padded(*pixels.shape[:2])
    network, where = model.network(device)
    with torch.inference_mode():
        y = network.g_a(tensor_of(window(pixels, padded), where))
        if not torch.isfinite(y).all():
            raise PslError("the nets gave latents that are not finite: the model is damaged")
        stream = Stream()
        model.code(network, stream, y, y)
    flags = GREY if pixels.shape[2] == 1 else 0
    if not model.config.kind.hyper:
        return FLAGS.pack(flags) + stream.written()
    return FLAGS.pack(flags | DEVICE_DEPENDENT) + CRC.pack(stream.checksum) + stream.written()


def decode_payload(
    model: CompressaiModel,
    payload: bytes,
    size: Geometry | None,
    *,
    device: str = "auto",
    device_dependent_ok: bool = False,
) -> NDArray[np.uint8]:
    """The picture (H, W) or (H, W, 3) of a payload.

    A file that depends on its device gives a DeviceDependentWarning unless `device_dependent_ok`,
    or the environment variable PSEUDOCODEC_DEVICE_DEPENDENT_OK, says that this is known. Raises
    Corrupt for a payload that `encode_payload` does not write, TooLarge for more than MAX_PIXELS,
    PslError where the nets of this device choose other tables than the encoder's.
    """
    import torch

    if size is None:
        raise Corrupt("the file does not say how large its picture is; it is damaged")
    padded = _padded(size.height, size.width)
    grey, checksum, start = _unpack(model, payload)
    if checksum is not None and not (device_dependent_ok or os.environ.get(QUIET)):
        warnings.warn(
            f"files of model {model.facts.name!r} depend on the device: they decode for certain "
            f"only where they were encoded; device_dependent_ok=True or {QUIET}=1 in the "
            "environment hides this",
            DeviceDependentWarning,
            stacklevel=3,
        )
    network, where = model.network(device)
    with torch.inference_mode():
        stream = Stream(payload[start:])
        shape = (1, model.config.M, padded.height // LATENT, padded.width // LATENT)
        y_hat = model.code(network, stream, torch.zeros(1, device=where).expand(shape), None)
        if checksum not in (None, stream.checksum):
            raise PslError(
                "the nets choose other entropy tables here than where the file was encoded: "
                "decode it on the same device, with the same versions and number of threads"
            )
        if stream.written() != payload[start:]:
            raise Corrupt("the payload is none that this model gives; the file is damaged")
        image = network.g_s(y_hat)[0, :, : size.height, : size.width]
        if grey:
            image = image.mean(0, keepdim=True)
        scaled = (image.clamp(0, 1) * 255).round().to(torch.uint8)
    pixels: NDArray[np.uint8] = scaled.permute(1, 2, 0).cpu().numpy()
    return pixels[:, :, 0] if grey else pixels


def encode_picture(
    model: CompressaiModel, image: object, target: Target, *, device: str = "auto"
) -> bytes:
    """The .psl file of a picture, with its transparency and ICC profile.

    A model has one rate, so that `target.quality` chooses nothing. Raises PslError for a size or
    PSNR that it misses, TooLarge for more than MAX_PIXELS.
    """
    picture = as_picture(image)
    height, width, _ = picture.pixels.shape
    size = Geometry(width, height)
    payload = encode_payload(model, picture.pixels, device=device)
    chunks = to_chunks(picture)
    data = write_single(model.id, payload, geometry=size, chunks=chunks, dense=True)
    most, name = target.bytes_for(width * height), model.facts.name
    if most is not None and len(data) > most:
        raise PslError(
            f"a file of {most} bytes was asked for; model {name!r} has one rate, at which this "
            f"picture takes {len(data)}: choose another model"
        )
    if target.psnr is not None:
        got = decode_payload(model, payload, size, device=device, device_dependent_ok=True)
        reached = psnr(to_8_bit(picture.pixels), got.reshape(picture.pixels.shape))
        if reached < target.psnr:
            raise PslError(
                f"psnr={target.psnr}: model {name!r} has one rate, at which this picture has "
                f"{reached:.1f} dB: choose another model"
            )
    return data


def decode_picture(
    model: CompressaiModel,
    single: Single,
    *,
    region: Region | None = None,
    device: str = "auto",
    device_dependent_ok: bool = False,
) -> NDArray[np.uint8]:
    """The picture of a file: (H, W), (H, W, 3), with alpha (H, W, 2) or (H, W, 4).

    All of it is decoded for a `region`, too. Warns and raises as `decode_payload`.
    """
    if not single.verified:
        raise Corrupt("the checksum of the file differs: it is truncated or damaged")
    size = single.geometry
    pixels = decode_payload(
        model, single.payload, size, device=device, device_dependent_ok=device_dependent_ok
    )
    height, width = pixels.shape[:2]
    alpha, _ = from_chunks(single.chunks, width, height)
    return merge(pixels, alpha)[box_of(region, Grid(height, width)).slices]


def _through(
    stream: Stream, tables: Tables, index: Tensor, means: Tensor, values: Tensor | None
) -> Tensor:
    """Values (1, C, h, w) less their means, rounded, through `stream`; what decodes from it."""
    import torch

    whole = None
    if values is not None:
        whole = (values - means).round().clamp(-(2.0**30), 2.0**30).to(torch.int32)
    decoded = stream.code(
        None if whole is None else whole.flatten().cpu().numpy(),
        index.expand_as(means).flatten().cpu().numpy(),
        tables,
    )
    return torch.from_numpy(decoded).to(means).view(means.shape) + means


def _channels(like: Tensor) -> Tensor:
    """The channel of each value of `like` (1, C, h, w): (1, C, 1, 1)."""
    import torch

    return torch.arange(like.shape[1], dtype=torch.int32).view(1, -1, 1, 1)


def _padded(height: int, width: int) -> Box:
    if height * width > MAX_PIXELS:
        raise TooLarge(
            f"a picture of {width} x {height} pixels: CompressAI's nets see a picture whole, and "
            f"take up to {MAX_PIXELS} pixels here; use the photo model"
        )
    return Box(0, 0, -(-height // PADDING) * PADDING, -(-width // PADDING) * PADDING)


def _unpack(model: CompressaiModel, payload: bytes) -> tuple[bool, int | None, int]:
    """Whether a picture is grey, the CRC-32 of its indices, and where its stream begins."""
    start = FLAGS.size + (CRC.size if model.config.kind.hyper else 0)
    if len(payload) < start:
        raise Corrupt(f"a payload of {len(payload)} bytes, at least {start} are needed: truncated")
    flags = payload[0]
    if flags & ~GREY != (DEVICE_DEPENDENT if model.config.kind.hyper else 0):
        raise Corrupt(f"compressai: flags {flags:#x} do not fit the model; the file is damaged")
    checksum = CRC.unpack_from(payload, FLAGS.size)[0] if model.config.kind.hyper else None
    return bool(flags & GREY), checksum, start


def compressai(module: str) -> Any:
    """A module of CompressAI, such as "models". Raises PslError where it is not to be had."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its dependencies deprecate one another
            return import_module(f"compressai.{module}")
    except Exception as error:  # torchvision without its operators raises RuntimeError
        reason = label((str(error) or type(error).__name__).splitlines()[0])
        raise PslError(
            f"the model needs CompressAI, which cannot be imported here ({reason}): "
            'pip install "pseudocodec[compressai]" adds it'
        ) from error
