import errno
import os
import stat
from pathlib import Path

import pytest

from pseudocodec import files
from pseudocodec.errors import PslError
from pseudocodec.files import atomic_write


def write(path, data=b"new", *, overwrite=False):
    with atomic_write(path, overwrite=overwrite) as file:
        file.write(data)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_writes_a_new_file_and_nothing_else(tmp_path):
    write(tmp_path / "a.psl")
    assert names(tmp_path) == ["a.psl"]
    assert (tmp_path / "a.psl").read_bytes() == b"new"


def test_file_is_seekable(tmp_path):
    with atomic_write(tmp_path / "a.psl", overwrite=False) as file:
        file.write(b"....tail")
        file.seek(0)
        file.write(b"head")
    assert (tmp_path / "a.psl").read_bytes() == b"headtail"


def test_target_is_absent_until_the_end(tmp_path):
    with atomic_write(tmp_path / "a.psl", overwrite=False) as file:
        file.write(b"new")
        assert not (tmp_path / "a.psl").exists()
        assert all(name.startswith(".") for name in names(tmp_path))


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX")
def test_permissions_follow_the_umask(tmp_path):
    write(tmp_path / "a.psl")
    (tmp_path / "b").write_bytes(b"")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a.psl", "b")]
    assert modes[0] == modes[1]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_exception_leaves_the_old_file_and_no_other(tmp_path, error):
    target = tmp_path / "a.psl"
    target.write_bytes(b"old")
    with pytest.raises(error), atomic_write(target, overwrite=True) as file:
        file.write(b"new")
        raise error
    assert names(tmp_path) == ["a.psl"]
    assert target.read_bytes() == b"old"


def test_existing_target_is_refused_at_the_start(tmp_path):
    target = tmp_path / "a.psl"
    target.write_bytes(b"old")
    with pytest.raises(PslError, match=r"a\.psl' exists already"):
        write(target)
    assert target.read_bytes() == b"old"


def test_overwrite_replaces(tmp_path):
    write(tmp_path / "a.psl", b"old")
    write(tmp_path / "a.psl", b"new", overwrite=True)
    assert (tmp_path / "a.psl").read_bytes() == b"new"


def test_target_that_appears_meanwhile_is_refused_at_the_end(tmp_path):
    target = tmp_path / "a.psl"
    raises = pytest.raises(PslError, match="exists already")
    with raises, atomic_write(target, overwrite=False) as file:
        file.write(b"new")
        target.write_bytes(b"theirs")
    assert names(tmp_path) == ["a.psl"]
    assert target.read_bytes() == b"theirs"


def test_failed_rename_releases_the_name(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "link", fail)
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(PslError, match="Permission denied"):
        write(tmp_path / "a.psl")
    assert names(tmp_path) == []


def test_new_file_is_whole_as_soon_as_it_has_its_name(tmp_path, monkeypatch):
    def interrupted(source, target):
        Path(source).replace(target)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "link", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a.psl")
    assert (tmp_path / "a.psl").read_bytes() == b"new"


def test_new_file_where_there_are_no_hard_links(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", fail)
    write(tmp_path / "a.psl")
    assert names(tmp_path) == ["a.psl"]
    with pytest.raises(PslError, match="exists already"):
        files.move(tmp_path / "b", tmp_path / "a.psl", overwrite=False)
    assert (tmp_path / "a.psl").read_bytes() == b"new"


def test_full_disk_is_a_sentence(tmp_path):
    raises = pytest.raises(PslError, match=r"cannot write .*a\.psl'.*No space")
    with raises, atomic_write(tmp_path / "a.psl", overwrite=False):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert names(tmp_path) == []


def test_other_errors_of_the_block_pass_through(tmp_path):
    with pytest.raises(ConnectionError), atomic_write(tmp_path / "a.psl", overwrite=False):
        raise ConnectionError


def test_folder_as_target_is_refused(tmp_path):
    with pytest.raises(PslError, match="it is a folder"):
        write(tmp_path, overwrite=True)


def test_missing_folder_is_refused(tmp_path):
    with pytest.raises(PslError, match="folder does not exist"):
        write(tmp_path / "no" / "a.psl")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_special_file_is_refused(tmp_path):
    # A pipe of the test's own stands for every special file. Never a real device: run as root
    # with the check broken, the test would replace it for the whole machine.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(PslError, match="not a regular file"):
        write(pipe, overwrite=True)
    assert pipe.is_fifo()


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b"])
def test_impossible_name_is_refused(tmp_path, name):
    with pytest.raises(PslError, match="cannot write"):
        write(tmp_path / name)


def test_unwritable_folder_is_refused(tmp_path, monkeypatch):
    def fail(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(files.Path, "open", fail)
    with pytest.raises(PslError, match=r"cannot write .*a\.psl': Permission denied"):
        write(tmp_path / "a.psl")


def test_symbolic_link_is_followed(tmp_path):
    (tmp_path / "real.psl").write_bytes(b"old")
    link = tmp_path / "link.psl"
    link.symlink_to("real.psl")
    write(link, overwrite=True)
    assert link.is_symlink()
    assert (tmp_path / "real.psl").read_bytes() == b"new"
