"""How pictures become an archive, settled before the first of them is encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, BinaryIO, Literal, TypeVar

from pseudocodec.allocation import INDEX_BITS, ladder
from pseudocodec.container import DEFAULT_BLOCK_IMAGES, ArchiveWriter, Geometry
from pseudocodec.container.layout import ARCHIVE_HEADER_BYTES, U32
from pseudocodec.encoding import shares
from pseudocodec.errors import PslError
from pseudocodec.image import as_array
from pseudocodec.latent.base import LatentCode, Payload
from pseudocodec.model import AnySizeModel, Model, VectorModel
from pseudocodec.model.load import load_vector_model
from pseudocodec.parallel.jobs import (
    Job,
    Numbered,
    PhotoEncoder,
    Portable,
    Prepared,
    VectorEncoder,
)
from pseudocodec.pipeline import prepare
from pseudocodec.rate import Target, quality_bits

T = TypeVar("T")

BATCH = 64  # pictures of one kind encoded together: enough for the nets, few enough to spread

SHARED_FROM = 16  # pictures of an archive whose records may differ in length

OnError = Literal["raise"] | Callable[[int, PslError], None]
Reads = Iterator[Numbered[Prepared]]


@dataclass(frozen=True)
class Layout:
    """How an archive holds its pictures; see `ArchiveWriter`."""

    dense: bool
    geometry: Geometry | None = None
    record_geometry: bool = False
    block_images: int = DEFAULT_BLOCK_IMAGES

    def writer(self, file: BinaryIO, model: Model) -> ArchiveWriter:
        """A writer of such an archive."""
        return ArchiveWriter(file, model.id, **vars(self))


@dataclass(frozen=True)
class Request:
    """What is asked of every picture."""

    target: Target
    effort: int
    device: str
    resize: bool
    on_error: OnError


@dataclass(frozen=True)
class Plan:
    """How pictures become an archive, settled before the first of them is encoded."""

    encoder: Job[Prepared, Payload]
    layout: Layout
    batch: int
    reads: Callable[[int], Reads]  # those behind the first so many
    settings: dict[str, Any]  # what the bytes depend on


def plan(
    model: Model,
    images: Iterable[object],
    request: Request,
    *,
    progressive: bool = False,
    kept: Layout | None = None,
) -> Plan:
    """Settle how `images` are encoded: for a new archive, or one that is laid out as `kept`.

    Reads all pictures where the sizes of all, or their number, must be known first.
    """
    if isinstance(model, AnySizeModel):
        return _plan_photos(model, images, request, kept)
    vectors = load_vector_model(model)
    dense = vectors.writes_dense(progressive=progressive)
    return _plan_vectors(vectors, images, request, kept, dense)


def _plan_photos(
    model: AnySizeModel, images: Iterable[object], request: Request, kept: Layout | None
) -> Plan:
    """Pictures of any size, each its own block: they are large, and read one by one."""
    layout = kept or Layout(dense=True, record_geometry=True, block_images=1)

    def ready(image: object) -> Prepared:
        pixels = as_array(image)
        return pixels, _own(Geometry(pixels.shape[1], pixels.shape[0]), layout)

    return Plan(
        encoder=PhotoEncoder(Portable(model), request.target, request.effort, request.device),
        layout=layout,
        batch=1,
        reads=lambda done: _read(images, ready, request.on_error, done),
        settings=_settings(model, _length(images), request, layout),
    )


def _plan_vectors(
    model: VectorModel,
    images: Iterable[object],
    request: Request,
    kept: Layout | None,
    dense: bool,
) -> Plan:
    target, fit = request.target, request.resize
    sized = target.nbytes is not None or target.bpp is not None
    own = Geometry(model.facts.width, model.facts.height)
    held: list[Numbered[Prepared]] | None = None

    def read(done: int) -> Reads:
        return _read(images, lambda image: prepare(image, model, fit=fit), request.on_error, done)

    if (fit and kept is None) or (sized and _length(images) is None):
        held = list(read(0))
    layout = kept or _layout(held or [], dense)
    number = _length(images) if held is None else len(held)
    count = number or 0 if held is None else len(_good(held))
    code = model.code_for(layout.dense)
    mean = _record_bits(target, model, code, count, per_record=64 * layout.record_geometry)
    bits: float = int(mean)
    rungs: tuple[int, ...] = ()
    if layout.dense and _may_share(request, number, kept):
        bits, rungs = _shared(target, mean, code, count)

    def reads(done: int) -> Reads:
        for member in read(done) if held is None else islice(held, done, None):
            yield _placed(member, own, layout)

    return Plan(
        encoder=VectorEncoder(
            Portable(model), layout.dense, target, bits, request.effort, request.device, rungs
        ),
        layout=layout,
        batch=BATCH,
        reads=reads,
        settings=_settings(model, number, request, layout),
    )


def _read(
    images: Iterable[object],
    ready: Callable[[object], Prepared],
    on_error: OnError,
    done: int,
) -> Reads:
    """Prepare each picture when its turn comes; those that are functions are called for it."""
    for number, image in islice(enumerate(images), done, None):
        try:
            yield Numbered(number, ready(image() if callable(image) else image))
        except PslError as error:
            if on_error == "raise":  # before others are encoded in vain
                refuse(number, error)
            yield Numbered(number, error)


def _good(members: Iterable[Numbered[T]]) -> list[T]:
    return [member.content for member in members if not isinstance(member.content, PslError)]


def _length(images: Iterable[object]) -> int | None:
    return len(images) if isinstance(images, Sized) else None


def _layout(held: list[Numbered[Prepared]], dense: bool) -> Layout:
    """Where sizes other than the model's are recorded: nowhere, once, or in each record."""
    sizes = {size for _, size in _good(held)}
    if sizes <= {None}:
        return Layout(dense)
    if len(sizes) == 1:
        return Layout(dense, geometry=sizes.pop())
    return Layout(dense, record_geometry=True)


def _placed(member: Numbered[Prepared], model_size: Geometry, layout: Layout) -> Numbered[Prepared]:
    """With the size that its record states; in place of a picture of another size, an error."""
    if isinstance(member.content, PslError):
        return member
    pixels, size = member.content
    try:
        return Numbered(member.number, (pixels, _own(size or model_size, layout, model_size)))
    except PslError as error:
        return Numbered(member.number, error)


def _own(size: Geometry, layout: Layout, model_size: Geometry | None = None) -> Geometry | None:
    if layout.record_geometry:
        return size
    common = layout.geometry or model_size
    if size != common and common is not None:
        raise PslError(
            f"the picture has {size.width} x {size.height} pixels, those of the archive have "
            f"{common.width} x {common.height}: save it in an archive of its own"
        )
    return None


def _settings(model: Model, images: int | None, request: Request, layout: Layout) -> dict[str, Any]:
    return {
        "model": model.id.hex(),
        "images": images,
        "target": {
            key: value for key, value in asdict(request.target).items() if value is not None
        },
        "effort": request.effort,
        "resize": request.resize,
        **vars(layout),
    }


def _record_bits(
    target: Target, model: VectorModel, code: LatentCode, count: int, per_record: int
) -> float:
    """Payload bits a picture for a quality or a mean size; 0 when a PSNR decides."""
    if target.quality is not None:
        return min(quality_bits(target.quality, model.facts.payload_bytes), code.max_bits)
    wanted = target.bytes_for(model.facts.width * model.facts.height)
    if wanted is None or not count:
        return 0
    blocks = -(-count // DEFAULT_BLOCK_IMAGES)
    spare = wanted * count - ARCHIVE_HEADER_BYTES - U32.size * blocks
    # A block is padded to whole bytes: what the padding may take is left free.
    bits = (8 * spare - 7 * blocks) / count - per_record
    if bits < code.least_bits:
        raise PslError(
            f"nbytes={wanted}: an archive of {count} pictures needs more for its header"
            f"{' and a seed each' * bool(code.least_bits)}; ask for more bytes a picture"
        )
    return min(bits, code.max_bits)


def _may_share(request: Request, images: int | None, kept: Layout | None) -> bool:
    """Whether pictures may have records of different lengths, other than for a PSNR.

    A few pictures gain too little; those added to an archive take lengths as the others have.
    """
    enough = images is None or images >= SHARED_FROM or kept is not None
    return enough and request.target.psnr is None and shares(request.effort)


def _shared(
    target: Target, mean: float, code: LatentCode, count: int
) -> tuple[float, tuple[int, ...]]:
    """The mean length of records, with what the index takes left free, and those to choose from."""
    shared = mean
    if target.quality is None and mean < code.max_bits:
        shared -= INDEX_BITS + (8 * U32.size + 7) / max(count, 1)
    rungs = ladder(shared, code.max_bits)
    return (shared, rungs) if rungs else (int(mean), ())


def refuse(number: int, error: PslError) -> None:
    """Raise the error of a picture with its number."""
    raise type(error)(f"picture {number}: {error}") from error
