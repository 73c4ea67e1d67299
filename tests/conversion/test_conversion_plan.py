"""How inputs are cut into shards."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pseudocodec.conversion.plan import Run, _shards

FILES = st.lists(st.integers(1, 40), max_size=30)


@given(FILES.filter(len), st.integers(1, 50))
def test_shards_hold_all_inputs_in_order(counts: list[int], size: int) -> None:
    sources = [f"{i}.tar" for i, count in enumerate(counts) for _ in range(count)]
    numbers = [(f"{i}.tar", n) for i, count in enumerate(counts) for n in range(count)]
    shards = list(_shards(sources, size))
    found = [
        (run.source, run.first + n) for runs in shards for run in runs for n in range(run.count)
    ]
    assert found == numbers
    sizes = [sum(run.count for run in runs) for runs in shards]
    assert all(each == size for each in sizes[:-1])
    assert sizes[-1] < 1.5 * size
    assert sizes[-1] >= size / 2 or len(sizes) == 1


def test_a_shard_says_where_its_inputs_are() -> None:
    shards = list(_shards(["a.tar", "a.tar", "a.tar", "b.png", "c.tar", "c.tar", "d.png"], 2))
    assert shards == [
        [Run("a.tar", 0, 2)],
        [Run("a.tar", 2, 1), Run("b.png", 0, 1)],
        [Run("c.tar", 0, 2)],
        [Run("d.png", 0, 1)],
    ]
