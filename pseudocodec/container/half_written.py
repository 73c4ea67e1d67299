"""The files beside a target that hold a half-written archive, for one run at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pseudocodec.container.journal import Journal
from pseudocodec.container.locked import open_locked, open_regular
from pseudocodec.errors import Corrupt, PslError
from pseudocodec.files import cannot_write, sync_folder

_SHOWN = 40  # characters of a setting in an error


class HalfWritten(NamedTuple):
    """`partial` holds the archive so far, `journal` says what it holds; `found` if left behind."""

    partial: Path
    journal: Journal
    found: bool


@contextmanager
def half_written(
    target: Path, settings: dict[str, Any], *, overwrite: bool, resume: bool
) -> Iterator[HalfWritten]:
    """The half-written archive that is to become `target`: the one found, or a new one.

    Raises `PslError` as `resumable_archive` says, without changing what was found.
    """
    partial = target.with_name(f"{target.name}.partial")
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open_locked(target.with_name(f"{partial.name}.journal")))
            journal = Journal(file)
            found = _found(partial, target, overwrite=overwrite, resume=resume)
            if found:
                _check_settings(journal, settings, target)
            else:
                partial.unlink(missing_ok=True)
                journal.begin(settings)
                open_regular(partial).close()
                sync_folder(target.parent)
        except BlockingIOError as error:
            raise PslError(
                f"another run is writing {str(target)!r}; wait for its end or name another file"
            ) from error
        except OSError as error:
            raise cannot_write(partial, error) from error
        yield HalfWritten(partial, journal, found)


def _found(partial: Path, target: Path, *, overwrite: bool, resume: bool) -> bool:
    """Whether to go on with what a run left behind; `PslError` if the caller has not decided."""
    if not partial.exists() or partial.stat().st_nlink > 1:
        # A second name: the run was killed when it had finished and given the archive its name.
        return False
    if not (resume or overwrite):
        raise PslError(
            f"a half-written {str(target)!r} exists: resume it (--resume) or ask to overwrite it "
            "(--force)"
        )
    return resume


def _check_settings(journal: Journal, settings: dict[str, Any], target: Path) -> None:
    """Refuse to go on with other settings, or when the journal does not say which they were."""
    try:
        begun = journal.settings()
    except Corrupt as error:
        raise PslError(
            f"cannot resume {str(target)!r}, whose journal is missing or damaged ({error}); "
            "begin it anew (--force without --resume)"
        ) from error
    now = {key: json.dumps(value, sort_keys=True) for key, value in settings.items()}
    then = {key: json.dumps(value, sort_keys=True) for key, value in begun.items()}
    for key in sorted(now.keys() | then.keys()):
        if now.get(key) != then.get(key):
            raise PslError(
                f"cannot resume {str(target)!r}: it was begun with {_shown(key, then)} and now has "
                f"{_shown(key, now)}; ask for the same again, or begin it anew (--force without "
                "--resume)"
            )


def _shown(key: str, settings: dict[str, str]) -> str:
    if key not in settings:
        return f"no {key[:_SHOWN]!r}"
    value = settings[key]
    return f"{key[:_SHOWN]}={value if len(value) <= _SHOWN else value[:_SHOWN] + '...'}"
