"""The 20 bytes that every .psl file begins with."""

from __future__ import annotations

from typing import NamedTuple

from pseudocodec.container.layout import COMMON, MAGIC, MODEL_ID_BYTES, VERSION, Flag, front_crc
from pseudocodec.container.signature import check_signature
from pseudocodec.errors import Corrupt, PslError


class Common(NamedTuple):
    """The fields of the common header."""

    flags: Flag
    model_id: bytes
    crc: int


def pack_common(flags: Flag, model_id: bytes, rest: bytes) -> bytes:
    """The common header followed by `rest`, with the CRC over both; `PslError` for a bad id."""
    if len(model_id) != MODEL_ID_BYTES:
        raise PslError(f"model_id has {len(model_id)} bytes; it must have {MODEL_ID_BYTES}")
    unsigned = COMMON.pack(MAGIC, VERSION, flags, model_id, 0) + rest
    return COMMON.pack(MAGIC, VERSION, flags, model_id, front_crc(unsigned)) + rest


def parse_common(head: bytes) -> Common:
    """The header at the front of `head`.

    Raises what `check_signature` raises, and `Corrupt` for a truncated header or flags that
    contradict each other. The CRC is returned, not checked: what it covers depends on the flags.
    """
    flags = check_signature(head)
    if len(head) < COMMON.size:
        raise Corrupt(
            f"the .psl file is truncated: it has {len(head)} bytes and its header takes "
            f"{COMMON.size}; fetch it again"
        )
    if Flag.RECORD_GEOMETRY in flags and (Flag.ARCHIVE not in flags or Flag.GEOMETRY in flags):
        raise Corrupt(f"flags 0x{flags:02x} contradict each other; the file is damaged")
    _, _, _, model_id, crc = COMMON.unpack_from(head)
    return Common(flags, model_id, crc)
