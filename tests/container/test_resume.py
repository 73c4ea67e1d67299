"""Half-written archives: whatever is lost of them, the finished one is the same."""

import errno
import json
import os
import struct
import subprocess
import sys
import tempfile
import tracemalloc
import zlib
from pathlib import Path

import psl_forge as forge
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pseudocodec.container import ArchiveWriter, locked, resumable_archive, resume, salvage
from pseudocodec.errors import PslError

SETTINGS = {"model": "tiny", "effort": 3}
# Some inputs give no picture (None), as those that are skipped.
RECORDS = ["1" * (n * n % 23) + "01" if n % 4 else None for n in range(40)]
WHOLE = forge.write_archive([bits for bits in RECORDS if bits is not None], block_images=5)


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.fixture(autouse=True, scope="module")
def _no_waiting_for_the_disk():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


def open_writer(file):
    return ArchiveWriter(file, forge.MODEL, block_images=5)


def begin(path, *, resume=True, overwrite=False, settings=SETTINGS):
    return resumable_archive(
        path, settings, overwrite=overwrite, resume=resume, open_writer=open_writer
    )


def run(path, stop=None, *, batch=3, **options):
    """Write `RECORDS`, noting every `batch` of them; killed behind input `stop`, if any.

    Returns how many were done before.
    """
    with begin(path, **options) as half:
        first = half.done
        for number in range(first, len(RECORDS)):
            if number == stop:
                raise Killed
            if RECORDS[number] is not None:
                half.writer.add(forge.to_payload(RECORDS[number]), len(RECORDS[number]))
            if (number + 1) % batch == 0:
                half.note(number + 1)
    return first


def half_written(path):
    """The archive and the journal that a run leaves behind."""
    return path.with_name(path.name + ".partial"), path.with_name(path.name + ".partial.journal")


def killed(path, stop, **options):
    with pytest.raises(Killed):
        run(path, stop, **options)
    return half_written(path)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def target(tmp_path):
    return tmp_path / "a.psl"


def finished(target):
    return target.read_bytes() == WHOLE and names(target.parent) == [target.name]


def test_uninterrupted_run_leaves_the_archive_only(target):
    assert run(target, resume=False) == 0
    assert finished(target)


def test_run_goes_on_from_the_last_note(target):
    killed(target, 20)
    assert names(target.parent) == ["a.psl.partial", "a.psl.partial.journal"]
    assert run(target) == 18
    assert finished(target)


damages = st.none() | st.tuples(st.sampled_from(["cut", "zero", "flip"]), st.floats(0, 1))
crashes = st.lists(
    st.tuples(
        st.integers(0, 39),  # the input behind which the run ends
        st.integers(1, 9),  # inputs from note to note
        damages,  # of the archive
        damages,  # of the journal
    ),
    max_size=5,
)


def damage(path, kind, fraction):
    data = path.read_bytes()
    at = int(fraction * len(data))
    if kind == "cut":
        data = data[:at]
    elif kind == "zero":
        data = data[:at] + bytes(len(data) - at)
    elif at < len(data):
        data = data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]
    path.write_bytes(data)


@settings(deadline=None, max_examples=60)
@given(crashes)
def test_whatever_is_lost_the_archive_is_the_same(crashes):
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "a.psl"
        for stop, batch, *damaged in crashes:
            try:
                run(target, stop, batch=batch)
            except (Killed, PslError):
                for path, how in zip(half_written(target), damaged, strict=True):
                    if how and path.exists():
                        damage(path, *how)
            else:  # it had less to do than `stop`
                assert finished(target)
                target.unlink()
        try:
            run(target)
        except PslError as error:
            assert "journal is missing or damaged" in str(error)
            run(target, resume=False, overwrite=True)
        assert finished(target)


def test_every_input_can_be_gone_on_from(target):
    for stop in range(1, 40):
        killed(target, stop, batch=1)
        with pytest.raises(Killed), begin(target) as half:
            assert half.done == stop
            assert half.writer.count == sum(bits is not None for bits in RECORDS[:stop])
            raise Killed
    run(target)
    assert finished(target)


def test_inputs_that_give_nothing_are_done_all_the_same(target):
    with pytest.raises(Killed), begin(target) as half:
        half.note(7)
        raise Killed
    with begin(target) as half:
        assert (half.done, half.writer.count) == (7, 0)


def test_number_of_inputs_cannot_fall(target):
    with pytest.raises(PslError, match="inputs_done is 1 after 2"), begin(target) as half:
        half.note(2)
        half.note(1)


def test_same_note_again_writes_nothing(target):
    with begin(target) as half:
        half.note(2)
        size = half_written(target)[1].stat().st_size
        half.note(2)
        assert half_written(target)[1].stat().st_size == size


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, PslError])
def test_exceptions_before_any_note_leave_nothing(target, error):
    with pytest.raises(error), begin(target) as half:
        half.writer.add(b"", 0)
        raise error
    assert names(target.parent) == []


def test_an_interrupted_look_at_the_leftovers_keeps_them(target, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    killed(target, 20)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(resume, "salvage", interrupted)
        run(target)
    assert run(target) == 18


def test_entry_cut_short_is_ignored(target):
    _, journal = killed(target, 20)
    damage(journal, "cut", 1 - 1 / journal.stat().st_size)
    assert run(target) == 15
    assert finished(target)


def test_entry_written_behind_another_one_is_ignored(target):
    _, journal = killed(target, 4, batch=1)
    data = journal.read_bytes()
    journal.write_bytes(data + data[-24:])  # the last entry, which has one record, again
    assert run(target) == 4
    assert finished(target)


@pytest.mark.parametrize("size", [0, 10, 56, 57, 80, 110])
def test_lost_pictures_are_encoded_again(target, size):
    partial, _ = killed(target, 39)
    assert partial.stat().st_size > size
    os.truncate(partial, size)
    assert run(target) < 39
    assert finished(target)


def test_damaged_block_is_encoded_again(target):
    partial, _ = killed(target, 39)
    damage(partial, "flip", 0.5)
    assert 0 < run(target) < 36
    assert finished(target)


def test_what_is_not_gone_on_from_is_cut_off(target):
    paths = killed(target, 39)
    before = [path.stat().st_size for path in paths]
    damage(paths[0], "flip", 0.5)
    with pytest.raises(Killed), begin(target):
        raise Killed
    assert all(path.stat().st_size < size for path, size in zip(paths, before, strict=True))


def test_archive_that_was_finished_but_not_named_is_resumed(target, monkeypatch):
    def fail(*_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="Input/output"):
        patch.setattr(resume, "move", fail)
        run(target)
    assert run(target) == 39
    assert finished(target)


def test_target_that_appears_meanwhile_is_kept(target):
    with pytest.raises(PslError, match="exists already"), begin(target) as half:
        half.note(1)
        target.write_bytes(b"theirs")
    assert target.read_bytes() == b"theirs"
    with begin(target, overwrite=True) as half:
        assert half.done == 1
    assert forge.read_records(forge.open_archive(target.read_bytes())) == []


def test_finished_archive_is_never_written_through_its_old_name(target):
    # A kill between giving the archive its name and taking the old one away.
    run(target)
    os.link(target, half_written(target)[0])
    (target.parent / "b.psl").hardlink_to(target)
    with pytest.raises(Killed):
        run(target, 20, overwrite=True)
    assert target.read_bytes() == WHOLE


def test_existing_target_is_refused_at_the_start(target):
    target.write_bytes(b"old")
    with pytest.raises(PslError, match="exists already"):
        run(target)
    assert names(target.parent) == ["a.psl"]
    assert target.read_bytes() == b"old"


def test_overwrite_keeps_the_old_file_to_the_end(target):
    target.write_bytes(b"old")
    killed(target, 20, overwrite=True)
    assert target.read_bytes() == b"old"
    assert run(target, overwrite=True) == 18
    assert finished(target)


def test_leftovers_need_a_decision(target):
    before = [path.read_bytes() for path in killed(target, 20)]
    with pytest.raises(PslError, match=r"a half-written .*a\.psl' exists: resume it \(--resume\)"):
        run(target, resume=False)
    assert [path.read_bytes() for path in half_written(target)] == before
    assert run(target, resume=False, overwrite=True) == 0
    assert finished(target)


@pytest.mark.parametrize(
    ("other", "match"),
    [
        ({"model": "tiny", "effort": 5}, "begun with effort=3 and now has effort=5; ask"),
        ({"model": "tiny"}, "begun with effort=3 and now has no 'effort'"),
        ({**SETTINGS, "bpp": 1.5}, "begun with no 'bpp' and now has bpp=1.5"),
        ({**SETTINGS, "model": "x" * 99}, r"and now has model=\"x{39}\.\.\.;"),
    ],
)
def test_other_settings_are_refused(target, other, match):
    killed(target, 20)
    with pytest.raises(PslError, match=match):
        run(target, settings=other)
    assert run(target) == 18


def test_settings_that_json_writes_alike_agree(target):
    killed(target, 20, settings={"size": (3, 4), "quality": float("nan")})
    assert run(target, settings={"quality": float("nan"), "size": [3, 4]}) == 18


def test_settings_too_large(target):
    with pytest.raises(PslError, match="settings of 70011 bytes exceed 65536"):
        run(target, settings={"key": "x" * 70_000})
    assert names(target.parent) == []


def test_missing_journal_is_refused(target):
    partial, journal = killed(target, 20)
    journal.unlink()
    with pytest.raises(PslError, match="whose journal is missing or damaged"):
        run(target)
    assert names(target.parent) == [partial.name]


def test_journal_alone_is_nothing_to_go_on_from(target):
    partial, _ = killed(target, 20)
    partial.unlink()
    assert run(target, resume=False) == 0
    assert finished(target)


def header(text, length=None):
    front = b"PSLjour\x01" + struct.pack("<I", len(text) if length is None else length) + text
    return front + struct.pack("<I", zlib.crc32(front))


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"PSLjour\x02" + header(b"{}")[8:], "no journal that this version wrote"),
        (header(b"{}", 2**32 - 1), "no journal that this version wrote"),
        (header(b"{}", 100), "checksum"),
        (header(b"{}")[:-1], "checksum"),
        (header(b"[]"), "no JSON object"),
        (header(b"[" * 60_000), "not JSON"),
        (header(b'{"a":' + b"9" * 5000 + b"}"), "not JSON"),
        (header(b"\xff"), "not JSON"),
        (b"\x80\x04N.", "no journal"),  # a pickle
    ],
)
def test_hostile_journal_header_is_refused(target, data, match):
    _, journal = killed(target, 20)
    journal.write_bytes(data)
    with pytest.raises(PslError, match=rf"missing or damaged \(.*{match}"):
        run(target)


def entry(before, inputs, bits, claimed=None):
    data = struct.pack("<QII", inputs, len(bits) if claimed is None else claimed, 0)
    data += struct.pack(f"<{len(bits)}I", *bits)
    return before + data + struct.pack("<I", zlib.crc32(data, zlib.crc32(before[:-4])))


@pytest.mark.parametrize(
    ("bits", "claimed"),
    [([], 2**32 - 1), ([2**32 - 1] * 5, None), ([2**32 - 1], None), ([0] * 2**18, None)],
)
def test_hostile_journal_entry_is_ignored(target, bits, claimed, monkeypatch):
    monkeypatch.setattr(salvage, "_TRUSTED_RECORDS", 1000)
    _, journal = killed(target, 20)
    front = header(json.dumps(SETTINGS, sort_keys=True).encode())
    assert journal.read_bytes().startswith(front)
    journal.write_bytes(entry(front, 9, bits, claimed))
    tracemalloc.start()
    assert run(target) == 0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20
    assert finished(target)


def test_two_runs_in_one_process_are_refused(target):
    with begin(target) as half:
        half.note(1)
        with pytest.raises(PslError, match="another run is writing"):
            run(target, overwrite=True)
    assert names(target.parent) == ["a.psl"]


@pytest.mark.skipif(sys.platform == "win32", reason="no locks that end with the process")
def test_two_processes_are_refused(target):
    code = (
        "import sys; from pseudocodec.container.locked import open_locked; from pathlib import Path"
        "\nwith open_locked(Path(sys.argv[1])): print('locked', flush=True); sys.stdin.read()"
    )
    _, journal = killed(target, 20)
    command = [sys.executable, "-c", code, str(journal)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(PslError, match="another run is writing"):
            run(target)
        other.kill()
    assert run(target) == 18


def test_lock_file_that_was_removed_meanwhile_is_made_again(tmp_path, monkeypatch):
    path, taken = tmp_path / "lock", []

    def lock(file):
        if not taken:  # who had the lock before removes the file while this process waits for it
            path.unlink()
        taken.append(file)

    monkeypatch.setattr(locked, "_lock", lock)
    with locked.open_locked(path) as file:
        assert len(taken) == 2
        assert os.path.samestat(path.stat(), os.fstat(file.fileno()))
    assert not path.exists()


def test_file_system_without_locks_is_written(target, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.lockf", fail)
    run(target)
    assert finished(target)


@pytest.mark.parametrize("number", [0, 1])
def test_links_in_place_of_half_written_files_are_not_followed(target, number):
    paths = killed(target, 20)
    other = target.with_name("precious")
    paths[number].replace(other)
    paths[number].symlink_to(other)
    before = other.read_bytes()
    with pytest.raises(PslError, match="not a regular file"):
        run(target)
    assert other.read_bytes() == before


def test_folder_in_place_of_the_half_written_file(target):
    half_written(target)[0].mkdir()
    with pytest.raises(PslError, match=r"cannot write .*a\.psl\.partial'"):
        run(target, resume=False, overwrite=True)


def test_target_behind_a_link_is_replaced(target):
    target.symlink_to("real.psl")
    killed(target, 20)
    assert names(target.parent) == ["a.psl", "real.psl.partial", "real.psl.partial.journal"]
    run(target)
    assert target.is_symlink()
    assert target.read_bytes() == WHOLE


def test_full_disk_is_a_sentence_and_can_be_resumed(target):
    with pytest.raises(PslError, match=r"cannot write .*a\.psl'.*No space"), begin(target) as half:
        half.note(2)
        raise OSError(errno.ENOSPC, "No space left on device")
    with begin(target) as half:
        assert half.done == 2


def test_disk_holds_the_pictures_before_the_journal_says_so(target, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_ino))
    with begin(target) as half:
        partial, journal = (path.stat().st_ino for path in half_written(target))
        synced.clear()
        half.note(1)
        assert synced == []
        monkeypatch.setattr(resume, "SYNC_SECONDS", 0)
        half.note(2)
        assert synced == [partial, journal]
