"""Products of a matrix with a vector: where the simulation spends its time.

In half storage each element below the diagonal is read once and used twice, for its own place and for its
mirror image, because reading the matrix is what the product waits for. Rows are taken eight (real), two or
four (complex) at a time, written out so that their sums stay in registers.
"""

from numba import njit

from edsym.simulation.engines.krylov.lanes import LANES, fma, load, minus, splat, store, total


@njit(forceinline=True, error_model="numpy")
def symmetric_product(matrix, x, y):
    """Write the product of a real symmetric matrix with x into y.

    Parameters
    ----------
    matrix : (rows, stride) float32
        Blocks of eight rows on and below the diagonal; those on it are full squares.
    x, y : (rows,) float32
        Rows are a multiple of eight.
    """
    zero = splat(0)
    for b in range(0, x.size, LANES):
        h0, h1, h2, h3 = matrix[b], matrix[b + 1], matrix[b + 2], matrix[b + 3]
        h4, h5, h6, h7 = matrix[b + 4], matrix[b + 5], matrix[b + 6], matrix[b + 7]
        x0, x1, x2, x3 = splat(x[b]), splat(x[b + 1]), splat(x[b + 2]), splat(x[b + 3])
        x4, x5, x6, x7 = splat(x[b + 4]), splat(x[b + 5]), splat(x[b + 6]), splat(x[b + 7])
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = zero
        for j in range(0, b + LANES, LANES):
            v, mirror = load(x, j), load(y, j)
            a = load(h0, j)
            s0, mirror = fma(a, v, s0), fma(a, x0, mirror)
            a = load(h1, j)
            s1, mirror = fma(a, v, s1), fma(a, x1, mirror)
            a = load(h2, j)
            s2, mirror = fma(a, v, s2), fma(a, x2, mirror)
            a = load(h3, j)
            s3, mirror = fma(a, v, s3), fma(a, x3, mirror)
            a = load(h4, j)
            s4, mirror = fma(a, v, s4), fma(a, x4, mirror)
            a = load(h5, j)
            s5, mirror = fma(a, v, s5), fma(a, x5, mirror)
            a = load(h6, j)
            s6, mirror = fma(a, v, s6), fma(a, x6, mirror)
            a = load(h7, j)
            s7, mirror = fma(a, v, s7), fma(a, x7, mirror)
            store(y, j, mirror)
        # The square on the diagonal has no mirror image: what was written there goes.
        y[b], y[b + 1], y[b + 2], y[b + 3] = total(s0), total(s1), total(s2), total(s3)
        y[b + 4], y[b + 5], y[b + 6], y[b + 7] = total(s4), total(s5), total(s6), total(s7)


@njit(forceinline=True, error_model="numpy")
def complex_half_product(real, imaginary, u, v, x, y, conjugate):
    """Write the product of a Hermitian or complex symmetric matrix with u + iv into x + iy.

    Parameters
    ----------
    real, imaginary : (rows, stride) float32
        In half storage: see `symmetric_product`.
    u, v, x, y : (rows,) float32
        Rows are a multiple of eight.
    conjugate : float
        1 if the mirror image of an element is its complex conjugate, -1 if it is the element itself.
    """
    zero = splat(0)
    for b in range(0, u.size, LANES):
        for i in range(b, b + LANES, 2):
            r0, r1, i0, i1 = real[i], real[i + 1], imaginary[i], imaginary[i + 1]
            u0, u1, v0, v1 = splat(u[i]), splat(u[i + 1]), splat(v[i]), splat(v[i + 1])
            # p - iq (or p + iq) times u + iv: what q is multiplied with
            a0, a1 = splat(conjugate * v[i]), splat(conjugate * v[i + 1])
            b0, b1 = splat(-conjugate * u[i]), splat(-conjugate * u[i + 1])
            x0 = x1 = y0 = y1 = zero
            for j in range(0, b, LANES):
                p0, p1, q0, q1 = load(r0, j), load(r1, j), load(i0, j), load(i1, j)
                uj, vj = load(u, j), load(v, j)
                x0, y0 = _add(p0, q0, uj, vj, minus(vj), uj, x0, y0)
                x1, y1 = _add(p1, q1, uj, vj, minus(vj), uj, x1, y1)
                xj, yj = _add(p0, q0, u0, v0, a0, b0, load(x, j), load(y, j))
                xj, yj = _add(p1, q1, u1, v1, a1, b1, xj, yj)
                store(x, j, xj)
                store(y, j, yj)
            uj, vj = load(u, b), load(v, b)
            x0, y0 = _add(load(r0, b), load(i0, b), uj, vj, minus(vj), uj, x0, y0)
            x1, y1 = _add(load(r1, b), load(i1, b), uj, vj, minus(vj), uj, x1, y1)
            x[i], x[i + 1], y[i], y[i + 1] = total(x0), total(x1), total(y0), total(y1)


@njit(forceinline=True, error_model="numpy")
def complex_product(real, imaginary, u, v, x, y):
    """Write the product of a complex matrix, all of it stored, with u + iv into x + iy.

    Parameters
    ----------
    real, imaginary : (rows, stride) float32
        Rows are a multiple of eight.
    u, v, x, y : (rows,) float32
        As in `complex_half_product`.
    """
    zero = splat(0)
    for b in range(0, u.size, 4):
        r0, r1, r2, r3 = real[b], real[b + 1], real[b + 2], real[b + 3]
        i0, i1, i2, i3 = imaginary[b], imaginary[b + 1], imaginary[b + 2], imaginary[b + 3]
        x0 = x1 = x2 = x3 = y0 = y1 = y2 = y3 = zero
        for j in range(0, u.size, LANES):
            uj, vj = load(u, j), load(v, j)
            wj = minus(vj)
            x0, y0 = _add(load(r0, j), load(i0, j), uj, vj, wj, uj, x0, y0)
            x1, y1 = _add(load(r1, j), load(i1, j), uj, vj, wj, uj, x1, y1)
            x2, y2 = _add(load(r2, j), load(i2, j), uj, vj, wj, uj, x2, y2)
            x3, y3 = _add(load(r3, j), load(i3, j), uj, vj, wj, uj, x3, y3)
        x[b], x[b + 1], x[b + 2], x[b + 3] = total(x0), total(x1), total(x2), total(x3)
        y[b], y[b + 1], y[b + 2], y[b + 3] = total(y0), total(y1), total(y2), total(y3)


@njit(forceinline=True, error_model="numpy")
def _add(p, q, u, v, a, b, x, y):
    """Return x + p u + q a and y + p v + q b."""
    return fma(q, a, fma(p, u, x)), fma(q, b, fma(p, v, y))
