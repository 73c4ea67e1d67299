"""The encoder of the trellis code: Viterbi around a ring of bits.

The payload is a ring of B bits. A state is the last L bits that went in, the newest highest, so
that bit b turns state s into s >> 1 | b << (L - 1), and the two predecessors of a state stand side
by side. The path around the ring must end in the state it started from (tail-biting): no bits are
spent on a start state, and no value suffers from a known one.

The best path that starts and ends in a given state is exact (`_forward` and `_trace`). Which state
to fix is a guess, made in the usual way: after a lap with every start allowed, from costs that know
the bits before it, the best paths pass the seam in states that suit both sides of it. Most often
the best path of that lap to such a state also begins in it: the ring is closed without another lap.
Of a ring that is long for its states the seam matters little, and one candidate does. Of others,
the better half of the rings that the candidates give is improved: turn the ring by 3/8, fix the
state that it has there, and solve again. The error can only fall.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

RUN_UP = 16  # lengths of a state before the lap that candidates are read off, at most a lap
LONG = 16  # a ring of so many lengths of a state is long
IMPROVED = 2  # one candidate in so many is improved: the best of them
PATIENCE = 2  # turns without gain before a ring is left alone
TRIES = 4  # end states looked at for each candidate wanted: several lead to one start
_NEVER = np.float32(1e30)  # cost of a state that is not allowed
_CLEARLY = np.float32(1 - 1e-5)  # sums in another order differ by less

# contract: multiply-add in one instruction; nnan, nsz: minima in vectors. No reassociation.
_MATH = {"contract", "nnan", "nsz"}


@numba.njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def search(
    values: NDArray[np.float32],
    first: NDArray[np.int64],
    targets: NDArray[np.float32],
    gains: NDArray[np.float32],
    candidates: int,
) -> NDArray[np.uint8]:
    """Rings of bits (n, B), B > L, for `targets` (n, k) in units in which errors count alike.

    `values` (rows, 2^L) of the states; `gains` (k,) multiply them. Behind bit b come the values
    first[b] to first[b + 1] - 1, where value i takes row i mod rows. Memory: B 2^L / 16 bytes of
    decisions a thread.
    """
    out = np.zeros((len(targets), len(first) - 1), np.uint8)
    for row in numba.prange(len(targets)):
        block = (values, first, targets[row], gains)
        _search_one(block, candidates, out[row])
    return out


@numba.njit(cache=True)
def _search_one(block, candidates, best_ring):  # type: ignore[no-untyped-def]
    states, bits = block[0].shape[1], len(best_ring)
    length = 0
    while 1 << length < states:
        length += 1
    cost = np.zeros(states, np.float32)
    decisions = np.empty((bits, states // 16), np.uint8)
    work = (cost, np.empty(states, np.float32), decisions)
    run_up = min(bits, RUN_UP * length)
    begin = _forward(block, work, bits - run_up, run_up).copy()
    cost[:] = begin
    ends = _forward(block, work, 0, bits).copy()
    long = bits >= LONG * length
    starts = np.empty(1 if long else candidates, np.int64)
    found = _candidates(ends.copy(), decisions, starts, best_ring)
    errors = np.empty(found, np.float32)
    rings = np.empty((found, bits), np.uint8)
    closed = np.empty(found, np.bool_)
    for i in range(found):
        state = starts[i]
        closed[i] = _trace(decisions, state, 0, rings[i]) == state
        errors[i] = ends[state] - begin[state]
    for i in range(found):  # these use up the decisions of the lap
        if not closed[i]:
            errors[i] = _best_from(block, work, starts[i], 0, rings[i])
    if long:
        best_ring[:] = rings[0]
        return
    least = np.float32(np.inf)
    for _ in range((found + IMPROVED - 1) // IMPROVED):
        chosen = np.argmin(errors)
        error = _improve(block, work, errors[chosen], rings[chosen])
        errors[chosen] = np.inf
        if error < least:
            least = error
            best_ring[:] = rings[chosen]


@numba.njit(cache=True)
def _best_from(block, work, state, turn, ring):  # type: ignore[no-untyped-def]
    """Write the best ring that has `state` before bit `turn`; its error."""
    cost, _, decisions = work
    cost[:] = _NEVER
    cost[state] = 0
    error = _forward(block, work, turn, len(ring))[state]
    _trace(decisions, state, turn, ring)
    return error


@numba.njit(cache=True)
def _improve(block, work, error, ring):  # type: ignore[no-untyped-def]
    """Turn the ring, fix the state it has there, and solve again, while that helps; its error."""
    bits, states = len(ring), len(work[0])
    trial = np.empty_like(ring)
    turn, failures = 0, 0
    while failures < PATIENCE:
        turn = (turn + max(1, 3 * bits // 8)) % bits
        again = _best_from(block, work, _window(ring, turn, states), turn, trial)
        if again < error * _CLEARLY:
            error, failures = again, 0
            ring[:] = trial
        else:
            failures += 1
    return error


@numba.njit(cache=True)
def _candidates(ends, decisions, starts, scratch):  # type: ignore[no-untyped-def]
    """Fill `starts` with the distinct states that the best paths of a lap began in; their number.

    `ends` is used up. The lower of two equal end states comes first.
    """
    found = 0
    for _ in range(TRIES * len(starts)):
        end = np.argmin(ends)
        if ends[end] == np.inf:
            break
        ends[end] = np.inf
        start = _trace(decisions, end, 0, scratch)
        known = False
        for i in range(found):
            known |= starts[i] == start
        if not known:
            starts[found] = start
            found += 1
            if found == len(starts):
                break
    return found


@numba.njit(cache=True)
def _forward(block, work, turn, count):  # type: ignore[no-untyped-def]
    """`count` bits from `turn` on; the array that holds the costs (states,) behind them.

    `work` is the costs in front and room for others, both used up, and for decisions: decisions[j]
    become those of the j-th bit.
    """
    values, first, target, gains = block
    cost, spare, decisions = work
    bits, rows = len(first) - 1, len(values)
    for j in range(count):
        bit = (turn + j) % bits
        _take_bit(cost, spare, decisions[j])
        cost, spare = spare, cost
        for i in range(first[bit], first[bit + 1]):
            _take_value(cost, values[i % rows], target[i], gains[i])
    return cost


@numba.njit(fastmath=_MATH, cache=True)
def _take_bit(cost, out, decisions):  # type: ignore[no-untyped-def]
    """The cheaper predecessor of every state; bit j of decisions[q]: of state j * len + q."""
    half, part = len(cost) // 2, len(decisions)
    decisions[:] = 0
    for j in range(8):  # slices spare the compiler the proof that no index is negative: four times
        before = cost[2 * j * part : 2 * (j + 1) * part]  # as fast
        low = out[j * part : (j + 1) * part]
        high = out[half + j * part : half + (j + 1) * part]
        for q in range(part):
            even, odd = before[2 * q], before[2 * q + 1]
            least = min(even, odd)
            low[q] = least
            high[q] = least
            decisions[q] |= np.uint8(odd < even) << np.uint8(j)


@numba.njit(fastmath=_MATH, cache=True)
def _take_value(cost, values, target, gain):  # type: ignore[no-untyped-def]
    for state in range(len(cost)):
        error = target - gain * values[state]
        cost[state] += error * error


@numba.njit(cache=True)
def _trace(decisions, end, turn, ring):  # type: ignore[no-untyped-def]
    """Write the bits of the lap's best path to state `end`; the state it started from."""
    bits, part = decisions.shape
    half = 8 * part
    state = end
    for j in range(bits - 1, -1, -1):
        ring[(turn + j) % bits] = state // half
        older = state % half
        state = 2 * older + (decisions[j, older % part] >> (older // part) & 1)
    return state


@numba.njit(cache=True)
def _window(ring, turn, states):  # type: ignore[no-untyped-def]
    """The state before bit `turn`."""
    state, weight, place = 0, states // 2, turn
    while weight:
        place = place - 1 if place else len(ring) - 1
        state += weight * ring[place]
        weight //= 2
    return state


@numba.njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def search_all(
    values: NDArray[np.float32],
    ends: NDArray[np.int64],
    targets: NDArray[np.float32],
    gains: NDArray[np.float32],
    bits: int,
) -> NDArray[np.uint8]:
    """As `search`, for rings of no more bits than a state: all 2^bits of them are tried.

    `values` are those of `bits`-bit states; value i is read behind ends[i] bits.
    """
    states = 1 << bits
    out = np.zeros((len(targets), bits), np.uint8)
    for row in numba.prange(len(targets)):
        cost = np.zeros(states, np.float32)
        for i in range(len(ends)):
            turn, gain = ends[i] % bits, gains[i]
            value, target = values[i % len(values)], targets[row, i]
            for ring in range(states):
                state = (ring >> turn | ring << (bits - turn)) & (states - 1)
                error = target - gain * value[state]
                cost[ring] += error * error
        best = np.argmin(cost)
        for bit in range(bits):
            out[row, bit] = best >> bit & 1
    return out
