"""The one family of errors: a sentence that says what is wrong, where, and what to do.

Everything the library raises on bad input is a `PslError`; the command turns it into its sentence
and a non-zero exit code.
"""

from __future__ import annotations


class PslError(Exception):
    """Base of every error this library raises on bad input or a bad request."""


class NotPsl(PslError):
    """The bytes are not a .psl file."""


class UnsupportedVersion(PslError):
    """The file needs a newer reader: a later version, or an unknown flag or critical chunk."""


class UnknownModel(PslError):
    """The model a file or a request names is not available here."""


class Corrupt(PslError):
    """The file is damaged: truncated, a checksum differs, or fields contradict each other."""


class TooLarge(PslError):
    """A size exceeds a limit; raised before anything of that size is allocated."""


class OutOfRange(PslError, IndexError):
    """An image index outside an archive (an IndexError too, so that iteration protocols work)."""


class UnverifiedWarning(UserWarning):
    """A partial stream was decoded; its checksum could not be verified."""


class DamagedWarning(UserWarning):
    """Some tiles of a picture are damaged; the others were decoded."""


class DeviceDependentWarning(UserWarning):
    """A file was decoded that need not decode on another device than the one that wrote it."""
