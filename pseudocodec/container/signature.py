"""Tell a .psl file from anything else by its first bytes, and say what else it is."""

from __future__ import annotations

from pseudocodec.container.layout import ALL_FLAGS, MAGIC, VERSION, Flag
from pseudocodec.errors import Corrupt, NotPsl, UnsupportedVersion

_ENCODE = "encode it first"
_FETCH = "fetch the file itself"

# (offset, signature, what it is, what to do)
_OTHERS = (
    (0, b"\x89PNG", "a PNG picture", _ENCODE),
    (0, b"\xff\xd8\xff", "a JPEG picture", _ENCODE),
    (0, b"GIF8", "a GIF picture", _ENCODE),
    (0, b"BM", "a BMP picture", _ENCODE),
    (0, b"II*\0", "a TIFF picture", _ENCODE),
    (0, b"MM\0*", "a TIFF picture", _ENCODE),
    (8, b"WEBP", "a WebP picture", _ENCODE),
    (4, b"ftypavif", "an AVIF picture", _ENCODE),
    (0, b"\xff\x0a", "a JPEG XL picture", _ENCODE),
    (4, b"JXL ", "a JPEG XL picture", _ENCODE),
    (0, b"PK\x03\x04", "a zip archive", "unpack it first"),
    (0, b"\x1f\x8b", "gzip data", "unpack it first"),
    (0, b"version https://g", "a Git LFS pointer", _FETCH),
    (0, b"<", "HTML or XML text", _FETCH),
    (0, bytes(len(MAGIC)), "an archive its writer did not finish", "write it again"),
)


def check_signature(head: bytes) -> Flag:
    """The flags of the .psl file that begins with `head` (at least 8 bytes of a whole file).

    Raises `NotPsl` for other content, `Corrupt` when `head` stops inside the signature,
    `UnsupportedVersion` for another version or an unknown flag.
    """
    if not head.startswith(MAGIC):
        raise _not_psl(head)
    if len(head) < len(MAGIC) + 2:
        raise Corrupt(f"the .psl file is truncated: it has only {len(head)} bytes; fetch it again")
    version, flags = head[len(MAGIC) : len(MAGIC) + 2]
    if version != VERSION:
        raise UnsupportedVersion(
            f"the file is .psl version {version} and this reader knows version {VERSION}; "
            "use a pseudocodec that reads it"
        )
    if flags & ~ALL_FLAGS:
        raise UnsupportedVersion(
            f"the file sets flags 0x{flags & ~ALL_FLAGS:02x} that this reader does not know; "
            "use a newer pseudocodec"
        )
    return Flag(flags)


def is_archive(head: bytes) -> bool:
    """Whether a .psl file that begins with `head` (8 bytes or more) is an archive.

    Raises what `check_signature` raises.
    """
    return Flag.ARCHIVE in check_signature(head)


def _not_psl(head: bytes) -> NotPsl | Corrupt:
    """The error for a file that does not begin with the magic."""
    if not head:
        return NotPsl("the file is empty, not a .psl file; encode into it first")
    if MAGIC.startswith(head):
        return Corrupt(f"the .psl file is truncated: it has only {len(head)} bytes; fetch it again")
    if b"PSL\n" in head[:8] or b"PSL\r" in head[:8]:
        return NotPsl(
            f"the .psl file was damaged by a text-mode transfer (it begins {head[:8].hex(' ')}); "
            "transfer it again in binary mode"
        )
    for offset, signature, name, action in _OTHERS:
        if head.startswith(signature, offset):
            return NotPsl(f"this is {name}, not a .psl file; {action}")
    return NotPsl(f"not a .psl file: it begins {head[:8].hex(' ')}; pass a file that encode wrote")
