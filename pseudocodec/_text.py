"""Text that is safe to print."""

from __future__ import annotations


def label(name: object) -> str:
    """`name` for messages: what a terminal would act on, or cannot print, becomes U+FFFD."""
    return "".join(c if c.isprintable() else "\ufffd" for c in str(name))
