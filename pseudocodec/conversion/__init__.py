"""Data sets of any size into archives of some thousand pictures each, on one machine or on many.

A plan lists the inputs once and cuts them into shards. A shard is a task that depends on the plan
alone, writes its archive and then, as the mark that it is done, what it made of each input; so it
can be killed anywhere, run twice, or run on any machine. The manifest sums up all shards.

    DST/plan.json              settings, number of inputs and of shards
    DST/plan/shard-00000.json  where the inputs of that shard are
    DST/shard-00000.psl        the archive
    DST/shard-00000.json       for each input its place in the archive, or why it is in none
    DST/manifest.json          settings, totals, and of every archive the size and the SHA-256
"""

from pseudocodec.conversion.driver import convert
from pseudocodec.conversion.manifest import skipped

__all__ = ["convert", "skipped"]
