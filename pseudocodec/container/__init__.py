"""The .psl container: bytes in and out, checked; knows nothing of nets or latent codes."""

from pseudocodec.container.archive_reader import ArchiveReader, Record
from pseudocodec.container.archive_writer import DEFAULT_BLOCK_IMAGES, ArchiveWriter
from pseudocodec.container.chunks import Chunk
from pseudocodec.container.geometry import Geometry
from pseudocodec.container.layout import MAX_IMAGES, MAX_PIXELS, MAX_SIDE, MODEL_ID_BYTES
from pseudocodec.container.resume import Resumed, continue_archive, resumable_archive
from pseudocodec.container.signature import is_archive
from pseudocodec.container.single import Single, read_single, write_single
from pseudocodec.container.source import Source, open_source, read_whole

__all__ = [
    "DEFAULT_BLOCK_IMAGES",
    "MAX_IMAGES",
    "MAX_PIXELS",
    "MAX_SIDE",
    "MODEL_ID_BYTES",
    "ArchiveReader",
    "ArchiveWriter",
    "Chunk",
    "Geometry",
    "Record",
    "Resumed",
    "Single",
    "Source",
    "continue_archive",
    "is_archive",
    "open_source",
    "read_single",
    "read_whole",
    "resumable_archive",
    "write_single",
]
