from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pseudocodec.errors import PslError
from pseudocodec.latent import lattice as module
from pseudocodec.latent._lll import Reduction
from pseudocodec.latent.lattice import LatticeDecoder
from pseudocodec.prng import THESIS, Lcg

LCGS = (
    THESIS["lcg-5101"],
    THESIS["lcg-524287"],
    Lcg(a=1103515245, c=12345, m=2**31),
    Lcg(a=0x5DEECE66D, c=11, m=2**48),
    Lcg(a=6364136223846793005, c=1442695040888963407, m=2**64),
)
LENGTH = 16


def noisy(lcg: Lcg, n: int, noise: float, length: int = LENGTH) -> tuple[np.ndarray, np.ndarray]:
    """Random seeds (n,) and their sequences with Gaussian noise (n, length)."""
    rng = np.random.default_rng(2024)
    seeds = rng.integers(0, lcg.m - 1, n, np.uint64, endpoint=True)
    exact = lcg.to_interval(lcg.sequence(seeds, length))
    return seeds, exact + rng.normal(0, noise, exact.shape)


@st.composite
def lcgs(draw: st.DrawFn) -> Lcg:
    bits = draw(st.integers(2, 64))
    m = draw(st.integers(2 ** (bits - 1) + 1, 2**bits))
    return Lcg(a=draw(st.integers(1, m - 1)), c=draw(st.integers(0, m - 1)), m=m)


@pytest.mark.parametrize("lcg", LCGS, ids=lambda lcg: str(lcg.m))
def test_every_seed_is_recovered_at_half_the_limit(lcg: Lcg) -> None:
    # There, the predicted share of failures is 1e-5 or less for 16 values.
    decoder = LatticeDecoder(lcg, LENGTH)
    seeds, z = noisy(lcg, 1000, decoder.noise_limit / 2)
    found = decoder.recover(z)
    assert found.dtype == np.uint64
    assert np.array_equal(found, seeds)


@pytest.mark.parametrize("lcg", LCGS, ids=lambda lcg: str(lcg.m))
def test_the_share_recovered_is_the_one_predicted(lcg: Lcg) -> None:
    decoder = LatticeDecoder(lcg, LENGTH)
    assert decoder.share(decoder.noise_limit) == pytest.approx(0.99)
    for times, gain in ((1, 0.02), (2, 0.25)):
        noise = decoder.noise_limit * times
        seeds, z = noisy(lcg, 2000, noise)
        share = np.mean(decoder.recover(z) == seeds)
        # 5 standard errors below; above, what clipping to [-1, 1] takes off the noise
        error = (decoder.share(noise) * (1 - decoder.share(noise)) / 2000) ** 0.5
        assert -5 * error < share - decoder.share(noise) < gain


@pytest.mark.parametrize("m", [2, 3, 6, 2**31, 2**40 - 87, 2**48])
@pytest.mark.parametrize("a", [1, 2, 3, -1, "half"])
@pytest.mark.parametrize("length", [2, LENGTH])
def test_degenerate_multipliers(m: int, a: int | str, length: int) -> None:
    lcg = Lcg(a=m // 2 if isinstance(a, str) else a % m or 1, c=m // 3, m=m)
    decoder = LatticeDecoder(lcg, length)
    seeds, z = noisy(lcg, 50, decoder.noise_limit / 3, length)
    assert np.array_equal(decoder.recover(z), seeds)


def test_states_that_floats_cannot_tell_apart_give_a_near_seed() -> None:
    lcg = Lcg(a=1, c=5, m=2**64)
    decoder = LatticeDecoder(lcg, LENGTH)
    assert decoder.noise_limit < 2**-48
    seeds, z = noisy(lcg, 50, 0.0)
    error = np.abs(lcg.to_interval(decoder.recover(z)) - lcg.to_interval(seeds))
    assert np.minimum(error, 2 - error).max() < 2**-48  # m - 1 and 0 are neighbours


@given(lcgs(), st.integers(2, 12), st.data())
def test_noise_shorter_than_the_radius_never_matters(
    lcg: Lcg, length: int, data: st.DataObject
) -> None:
    decoder = LatticeDecoder(lcg, length)
    seeds = np.array(data.draw(st.lists(st.integers(0, lcg.m - 1), min_size=1)), np.uint64)
    exact = lcg.to_interval(lcg.sequence(seeds, length))
    noise = np.random.default_rng(data.draw(st.integers(0, 99))).normal(size=exact.shape)
    room = decoder.radius * 0.99 - 2**-47  # floats round the latents, and then the coordinates
    if room > 0:
        noise *= room / np.linalg.norm(noise[:, : decoder.dims], axis=1, keepdims=True)
        assert np.array_equal(decoder.recover(exact + noise), seeds)


@given(lcgs(), st.integers(2, 12))
def test_any_latents_give_a_state_alone_as_in_a_batch(lcg: Lcg, length: int) -> None:
    decoder = LatticeDecoder(lcg, length)
    z = np.random.default_rng(0).normal(0, 10, (7, length))
    found = decoder.recover(z)
    assert int(found.max()) < lcg.m
    alone = np.concatenate([decoder.recover(row[None]) for row in z])
    assert np.array_equal(found, alone)


def test_a_large_batch_is_decoded_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = LatticeDecoder(LCGS[2], LENGTH)
    seeds, z = noisy(LCGS[2], 10, 0.0)
    monkeypatch.setattr(module, "CHUNK", 3)
    assert np.array_equal(decoder.recover(z), seeds)
    assert decoder.recover(z[:0]).shape == (0,)


def test_more_values_stand_more_noise_up_to_the_dimensions_used() -> None:
    limits = [LatticeDecoder(LCGS[2], length).noise_limit for length in (2, 4, 8, 16)]
    assert all(low < high for low, high in pairwise(limits))
    long = LatticeDecoder(LCGS[0], 100)
    assert long.dims <= module.MAX_DIMS
    seeds, z = noisy(LCGS[0], 20, long.noise_limit / 2, 100)
    assert np.array_equal(long.recover(z), seeds)


def test_the_reduction_is_done_once_for_a_multiplier_and_a_length() -> None:
    before = module._best_planes.cache_info().misses
    for c in (1, 2, 3):
        LatticeDecoder(Lcg(a=69069, c=c, m=2**32), 6)
    assert module._best_planes.cache_info().misses == before + 1


def gram_schmidt(rows: list[list[int]]) -> tuple[list[list[Fraction]], list[Fraction]]:
    """Coefficients mu and squared norms of b*, exactly, from the definition."""
    stars: list[list[Fraction]] = []
    norms: list[Fraction] = []
    mu: list[list[Fraction]] = []
    for row in rows:
        star = [Fraction(x) for x in row]
        products = [sum(x * y for x, y in zip(row, s, strict=True)) for s in stars]
        mu.append([p / norm for p, norm in zip(products, norms, strict=True)])
        for coefficient, s in zip(mu[-1], stars, strict=True):
            star = [x - coefficient * y for x, y in zip(star, s, strict=True)]
        stars.append(star)
        norms.append(sum((x * x for x in star), Fraction(0)))
    return mu, norms


@given(lcgs(), st.integers(2, 7))
def test_the_basis_is_reduced_and_spans_the_same_lattice(lcg: Lcg, d: int) -> None:
    powers = [pow(lcg.a, i, lcg.m) for i in range(d)]
    unit = [[lcg.m * (i == j) for j in range(d)] for i in range(1, d)]
    reduction = Reduction([powers, *unit])
    mu, norms = gram_schmidt(reduction.rows)
    assert all(abs(coefficient) <= Fraction(1, 2) for row in mu for coefficient in row)
    for i in range(1, d):
        assert norms[i] >= (Fraction(99, 100) - mu[i][i - 1] ** 2) * norms[i - 1]
    for row in reduction.rows:  # each row is a point of the lattice, and the volume is the same
        assert all((x - row[0] * power) % lcg.m == 0 for x, power in zip(row, powers, strict=True))
    assert reduction.gram[-1] == lcg.m ** (2 * (d - 1))
    gram = [Fraction(1)]
    for norm in norms:
        gram.append(gram[-1] * norm)
    assert reduction.gram == gram
    assert all(
        reduction.lam[i][j] == mu[i][j] * reduction.gram[j + 1] for i in range(d) for j in range(i)
    )


@pytest.mark.parametrize("length", [1, 0, -3, 2.0, True, None])
def test_a_bad_length_is_refused(length: object) -> None:
    with pytest.raises(PslError, match="length="):
        LatticeDecoder(LCGS[0], length)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_latents_that_are_not_finite_are_refused(value: float) -> None:
    z = np.zeros((3, 4))
    z[1, 3] = value
    with pytest.raises(PslError, match="NaN or infinite"):
        LatticeDecoder(LCGS[0], 4).recover(z)


@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 5), (1, 2, 4), ()])
def test_latents_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(PslError, match="shape"):
        LatticeDecoder(LCGS[0], 4).recover(np.zeros(shape))


@pytest.mark.parametrize("dtype", [bool, complex, object, "U1"])
def test_latents_that_are_no_real_numbers_are_refused(dtype: object) -> None:
    with pytest.raises(PslError, match="dtype"):
        LatticeDecoder(LCGS[0], 4).recover(np.zeros((2, 4), dtype))


@pytest.mark.parametrize("noise", [0.0, -1.0, np.nan])
def test_the_share_for_no_noise_is_refused(noise: float) -> None:
    with pytest.raises(PslError, match="noise="):
        LatticeDecoder(LCGS[0], 4).share(noise)
