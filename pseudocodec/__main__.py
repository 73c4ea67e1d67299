"""`python -m pseudocodec`, and the console command of the same name."""

from __future__ import annotations

from pseudocodec.cli import main

if __name__ == "__main__":
    main(prog_name="pseudocodec")
