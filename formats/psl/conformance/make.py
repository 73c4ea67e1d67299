"""Make the conformance files and cases.json: the same bytes whenever and wherever it runs.

python make.py [FOLDER]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import container_cases
import payload_cases
from outcome import outcome

HERE = Path(__file__).parent


def main(folder: Path) -> None:
    """Write everything below `folder`; what the library makes of a file is its result."""
    for name, model in payload_cases.MODELS.items():
        write(folder / "models" / f"{name}.safetensors", model)
    cases = []
    for case in [*container_cases.all_cases(), *payload_cases.all_cases()]:
        entry = {"file": f"files/{case.name}.psl", "rule": case.rule, "what": case.what}
        entry |= case.facts
        result = outcome(entry, case.data, folder)
        if result.get("error") != case.error:
            raise SystemExit(f"{case.name}: {result} instead of {case.error or 'ok'}")
        write(folder / entry["file"], case.data)
        cases.append(json.dumps(entry | {"result": result}))
    text = "[\n" + ",\n".join(cases) + "\n]\n"
    write(folder / "cases.json", text.encode())


def write(path: Path, data: bytes) -> None:
    """A file, and the folder it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
