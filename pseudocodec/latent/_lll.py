"""Lattice reduction in exact integers: the algorithm of Lenstra, Lenstra and Lovasz.

Source: H. Cohen, "A Course in Computational Algebraic Number Theory" (1993), algorithm 2.6.7
(integral LLL, after de Weger). With b*_i the Gram-Schmidt vectors of the rows and
mu_ij = <b_i, b*_j> / |b*_j|^2, it keeps two tables of integers from which both follow:

    gram[i] = |b*_0|^2 ... |b*_(i-1)|^2        lam[i][j] = mu_ij gram[j + 1]

so nothing is ever rounded. 32 rows of 64 bits take about half a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

DELTA: Final = (99, 100)
"""Lovasz' constant as a fraction: nearer to 1 gives a better basis for more work."""


class Reduction:
    """An LLL-reduced basis of the lattice spanned by the rows of `basis`.

    Args:
        basis: linearly independent rows of ints, at least one.

    Attributes:
        rows: the reduced basis: |mu_ij| <= 1/2 (size-reduced) and, for every i >= 1,
            |b*_i|^2 >= (0.99 - mu_i(i-1)^2) |b*_(i-1)|^2 (Lovasz' condition).
        gram: n + 1 products of squared Gram-Schmidt norms, gram[0] = 1.
        lam: n x n integers, those left of the diagonal as above.
    """

    def __init__(self, basis: Sequence[Sequence[int]]) -> None:
        """Take the rows in one after the other, with the rows before them reduced."""
        n = len(basis)
        self.rows = [list(row) for row in basis]
        self.gram = [1] + [0] * n
        self.lam = [[0] * n for _ in range(n)]
        known = k = 0
        while k < n:
            if k == known:
                self._orthogonalise(k)
                known += 1
            if k:
                self._reduce(k, k - 1)
            if k and self._swap_is_due(k):
                self._swap(k, known)
                k -= 1
            else:
                for j in range(k - 2, -1, -1):
                    self._reduce(k, j)
                k += 1

    def _orthogonalise(self, k: int) -> None:
        """Fill in gram and lam for row k from the rows above it."""
        gram, lam, row = self.gram, self.lam[k], self.rows[k]
        for j in range(k + 1):
            product = sum(x * y for x, y in zip(row, self.rows[j], strict=True))
            for i in range(j):
                product = (gram[i + 1] * product - lam[i] * self.lam[j][i]) // gram[i]
            if j < k:
                lam[j] = product
        gram[k + 1] = product

    def _reduce(self, k: int, j: int) -> None:
        """Subtract the multiple of row j from row k that brings mu_kj to 1/2 or below."""
        norm, lam = self.gram[j + 1], self.lam[k]
        if 2 * abs(lam[j]) <= norm:
            return
        times = (2 * lam[j] + norm) // (2 * norm)
        self.rows[k] = [x - times * y for x, y in zip(self.rows[k], self.rows[j], strict=True)]
        for i in range(j):
            lam[i] -= times * self.lam[j][i]
        lam[j] -= times * norm

    def _swap_is_due(self, k: int) -> bool:
        """Whether rows k - 1 and k violate Lovasz' condition."""
        gram, (top, bottom) = self.gram, DELTA
        return bottom * (gram[k + 1] * gram[k - 1] + self.lam[k][k - 1] ** 2) < top * gram[k] ** 2

    def _swap(self, k: int, known: int) -> None:
        """Exchange rows k - 1 and k, and update the tables of the `known` rows.

        All divisions are exact.
        """
        rows, gram, lam = self.rows, self.gram, self.lam
        rows[k - 1], rows[k] = rows[k], rows[k - 1]
        lam[k - 1][: k - 1], lam[k][: k - 1] = lam[k][: k - 1], lam[k - 1][: k - 1]
        pivot = lam[k][k - 1]
        norm = (gram[k - 1] * gram[k + 1] + pivot**2) // gram[k]
        for below in lam[k + 1 : known]:
            old = below[k]
            below[k] = (gram[k + 1] * below[k - 1] - pivot * old) // gram[k]
            below[k - 1] = (norm * old + pivot * below[k]) // gram[k + 1]
        gram[k] = norm
