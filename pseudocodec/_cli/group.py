"""The command group: one sentence and an exit code for every way a command can fail."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from pseudocodec._text import label
from pseudocodec.errors import PslError

EXIT_BAD = 1
EXIT_INTERRUPTED = 130  # 128 + SIGINT, the shell's convention

_JSON = "pseudocodec.json"
F = TypeVar("F", bound=Callable[..., Any])


class Group(click.Group):
    """A click group that turns errors into sentences on stderr, and JSON on stdout if asked."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order they were declared, which is that of their use."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; exits 1 on bad input and 130 on Ctrl-C."""
        try:
            return super().invoke(ctx)
        except PslError as error:
            self._fail(ctx, error, str(error))
        except KeyboardInterrupt:
            click.echo("pseudocodec: interrupted", err=True)
            ctx.exit(EXIT_INTERRUPTED)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # click ends quietly: nobody reads the output any more
            place = f" {error.filename}" if error.filename else ""
            self._fail(ctx, error, f"{error.strerror or error}{place}")

    def _fail(self, ctx: click.Context, error: Exception, sentence: str) -> None:
        click.echo(f"pseudocodec: error: {label(sentence)}", err=True)
        if ctx.meta.get(_JSON):
            emit(failure(error))
        ctx.exit(EXIT_BAD)


def json_option(command: F) -> F:
    """Add `--json`, passed to the command as `as_json`."""

    def remember(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
        ctx.meta[_JSON] = value  # shared with the group, which reports the errors
        return value

    return click.option(
        "--json", "as_json", is_flag=True, callback=remember, help="Print JSON on stdout."
    )(command)


def failure(error: Exception) -> dict[str, str]:
    """An error as `--json` shows it."""
    return {"error": str(error), "kind": type(error).__name__}


def emit(value: object) -> None:
    """Print one line of JSON on stdout; what JSON lacks (paths, tuples) becomes text or lists."""
    sys.stdout.write(json.dumps(value, default=str, allow_nan=False) + "\n")
    sys.stdout.flush()
