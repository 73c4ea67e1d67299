import pytest

import startup


def test_modules_lists_what_a_process_imports():
    assert "json.decoder" in startup.modules(["-c", "import json"])
    assert "json.decoder" not in startup.modules(["-c", "pass"])


def test_rows_say_what_each_command_took_and_loaded(monkeypatch):
    monkeypatch.setattr(startup, "commands", lambda: [["-c", "import json"]])
    (row,) = startup.measure(quick=True)
    assert row["command"] == "python -c import json"
    assert min(row["seconds"], row["python_seconds"]) > 0
    assert (row["torch"], row["numba"]) == (False, False)


def test_a_command_that_fails_ends_the_script_with_its_last_words():
    with pytest.raises(SystemExit, match="failed: NameError: name 'x' is not defined"):
        startup.python("-c", "x")


def test_absent_golden_files_end_the_script_with_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(startup, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match=r"formats/ holds no .psl file"):
        startup.commands()
