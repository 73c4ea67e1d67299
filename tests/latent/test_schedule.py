import numpy as np
import pytest

from pseudocodec.errors import PslError
from pseudocodec.latent.schedule import UNIT, Schedule, ideal_levels

VARIANCES = np.array([1.0, 0.5, 0.25, 0.01])


def table(*values):
    return np.array(values, np.int64)


def test_ideal_levels_spend_the_bits_they_are_for():
    levels = ideal_levels(VARIANCES, 30, efficiency=0.8) / UNIT
    rates = np.maximum(0, np.log2(VARIANCES / levels[:, None]) / 2).sum(axis=1)
    # A level is rounded to 2^-30: an error of at most 2^-31 / level, in each of four components.
    bound = 4 * 2**-31 / levels / np.log(2) / 2
    assert np.all(np.abs(rates - 0.8 * np.arange(31)) <= bound + 1e-12)
    assert levels[0] == 1


def test_innovations_add_up_to_what_is_described():
    units = np.rint(VARIANCES * UNIT).astype(np.int64)
    schedule = Schedule(units, ideal_levels(VARIANCES, 24))
    parts = [schedule.innovation(start, start + 8) for start in (0, 8, 16)]
    assert np.allclose(sum(parts), schedule.innovation(0, 24), rtol=0, atol=1e-15)
    assert all(np.all(part >= 0) for part in parts)
    assert parts[0][3] == 0  # the smallest component is still under water
    assert schedule.level(24) < schedule.level(8) < schedule.level(0) == 0


@pytest.mark.parametrize(
    ("variances", "levels"),
    [
        (table(), table(UNIT)),
        (table(UNIT), table()),
        (table([UNIT]), table(UNIT)),
        (table(0), table(UNIT)),
        (table(UNIT + 1), table(UNIT)),
        (table(UNIT), table(UNIT - 1)),
        (table(UNIT), table(UNIT, 5, 6)),
        (table(UNIT), table(UNIT, 0)),
        (table(UNIT), table(UNIT, -(1 << 63))),
    ],
)
def test_a_malformed_schedule_is_refused(variances, levels):
    with pytest.raises(PslError, match="schedule: "):
        Schedule(variances, levels)
