"""Products of a Hermitian matrix in half storage with a vector: where the simulation spends its time.

Each element below the diagonal is read once and used twice, for its own place and for its mirror image,
because reading the matrix is what the product waits for. Rows are taken eight (real) or two (complex) at
a time, written out so that their sums stay in registers and the loops along them become vector code.
(A slice that is assigned to, as in ``y[:] = 0``, would cost a third of the speed: the compiler then no longer
sees that the arrays do not overlap.)
"""

import numpy as np
from numba import njit

_FAST = {"fastmath": True, "error_model": "numpy", "inline": "always"}


@njit(**_FAST)
def symmetric_product(matrix, x, y):
    """Write the product of a real symmetric matrix with x into y.

    Parameters
    ----------
    matrix : (rows, stride) float32
        Blocks of eight rows on and below the diagonal; those on it are full squares.
    x, y : (rows,) float32
        Rows are a multiple of eight.
    """
    zero = np.float32(0)
    for j in range(x.size):
        y[j] = zero
    for b in range(0, x.size, 8):
        h0, h1, h2, h3 = matrix[b], matrix[b + 1], matrix[b + 2], matrix[b + 3]
        h4, h5, h6, h7 = matrix[b + 4], matrix[b + 5], matrix[b + 6], matrix[b + 7]
        x0, x1, x2, x3, x4, x5, x6, x7 = (
            x[b],
            x[b + 1],
            x[b + 2],
            x[b + 3],
            x[b + 4],
            x[b + 5],
            x[b + 6],
            x[b + 7],
        )
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = zero
        for j in range(b):
            v = x[j]
            a0, a1, a2, a3, a4, a5, a6, a7 = h0[j], h1[j], h2[j], h3[j], h4[j], h5[j], h6[j], h7[j]
            s0 += a0 * v
            s1 += a1 * v
            s2 += a2 * v
            s3 += a3 * v
            s4 += a4 * v
            s5 += a5 * v
            s6 += a6 * v
            s7 += a7 * v
            y[j] += ((a0 * x0 + a1 * x1) + (a2 * x2 + a3 * x3)) + ((a4 * x4 + a5 * x5) + (a6 * x6 + a7 * x7))
        for j in range(b, b + 8):
            v = x[j]
            s0 += h0[j] * v
            s1 += h1[j] * v
            s2 += h2[j] * v
            s3 += h3[j] * v
            s4 += h4[j] * v
            s5 += h5[j] * v
            s6 += h6[j] * v
            s7 += h7[j] * v
        y[b] += s0
        y[b + 1] += s1
        y[b + 2] += s2
        y[b + 3] += s3
        y[b + 4] += s4
        y[b + 5] += s5
        y[b + 6] += s6
        y[b + 7] += s7


@njit(**_FAST)
def hermitian_product(real, imaginary, x_real, x_imaginary, y_real, y_imaginary):
    """Write the product of a Hermitian matrix with x into y; real and imaginary parts lie apart.

    Parameters
    ----------
    real, imaginary : (rows, stride) float32
        Blocks of two rows on and below the diagonal; those on it are full squares.
    x_real, x_imaginary, y_real, y_imaginary : (rows,) float32
        Rows are a multiple of two.
    """
    zero = np.float32(0)
    for j in range(x_real.size):
        y_real[j] = zero
        y_imaginary[j] = zero
    for b in range(0, x_real.size, 2):
        r0, r1, i0, i1 = real[b], real[b + 1], imaginary[b], imaginary[b + 1]
        u0, u1, v0, v1 = x_real[b], x_real[b + 1], x_imaginary[b], x_imaginary[b + 1]
        sr0 = sr1 = si0 = si1 = zero
        for j in range(b):
            u, v = x_real[j], x_imaginary[j]
            p0, p1, q0, q1 = r0[j], r1[j], i0[j], i1[j]
            sr0 += p0 * u - q0 * v
            sr1 += p1 * u - q1 * v
            si0 += p0 * v + q0 * u
            si1 += p1 * v + q1 * u
            # The mirror image is the complex conjugate.
            y_real[j] += (p0 * u0 + q0 * v0) + (p1 * u1 + q1 * v1)
            y_imaginary[j] += (p0 * v0 - q0 * u0) + (p1 * v1 - q1 * u1)
        for j in range(b, b + 2):
            u, v = x_real[j], x_imaginary[j]
            sr0 += r0[j] * u - i0[j] * v
            sr1 += r1[j] * u - i1[j] * v
            si0 += r0[j] * v + i0[j] * u
            si1 += r1[j] * v + i1[j] * u
        y_real[b] += sr0
        y_real[b + 1] += sr1
        y_imaginary[b] += si0
        y_imaginary[b + 1] += si1


@njit(**_FAST)
def complex_symmetric_product(real, imaginary, x_real, x_imaginary, y_real, y_imaginary):
    """Write the product of a complex symmetric matrix with x into y.

    Parameters
    ----------
    real, imaginary, x_real, x_imaginary, y_real, y_imaginary
        See `hermitian_product`, but the mirror image is the element itself.
    """
    zero = np.float32(0)
    for j in range(x_real.size):
        y_real[j] = zero
        y_imaginary[j] = zero
    for b in range(0, x_real.size, 2):
        r0, r1, i0, i1 = real[b], real[b + 1], imaginary[b], imaginary[b + 1]
        u0, u1, v0, v1 = x_real[b], x_real[b + 1], x_imaginary[b], x_imaginary[b + 1]
        sr0 = sr1 = si0 = si1 = zero
        for j in range(b):
            u, v = x_real[j], x_imaginary[j]
            p0, p1, q0, q1 = r0[j], r1[j], i0[j], i1[j]
            sr0 += p0 * u - q0 * v
            sr1 += p1 * u - q1 * v
            si0 += p0 * v + q0 * u
            si1 += p1 * v + q1 * u
            y_real[j] += (p0 * u0 - q0 * v0) + (p1 * u1 - q1 * v1)
            y_imaginary[j] += (p0 * v0 + q0 * u0) + (p1 * v1 + q1 * u1)
        for j in range(b, b + 2):
            u, v = x_real[j], x_imaginary[j]
            sr0 += r0[j] * u - i0[j] * v
            sr1 += r1[j] * u - i1[j] * v
            si0 += r0[j] * v + i0[j] * u
            si1 += r1[j] * v + i1[j] * u
        y_real[b] += sr0
        y_real[b + 1] += sr1
        y_imaginary[b] += si0
        y_imaginary[b + 1] += si1


@njit(**_FAST)
def complex_product(real, imaginary, x_real, x_imaginary, y_real, y_imaginary):
    """Write the product of a complex matrix, all of it stored, with x into y.

    Parameters
    ----------
    real, imaginary : (rows, stride) float32
        Rows are a multiple of four.
    x_real, x_imaginary, y_real, y_imaginary : (rows,) float32
        As in `hermitian_product`.
    """
    zero = np.float32(0)
    for b in range(0, x_real.size, 4):
        r0, r1, r2, r3 = real[b], real[b + 1], real[b + 2], real[b + 3]
        i0, i1, i2, i3 = imaginary[b], imaginary[b + 1], imaginary[b + 2], imaginary[b + 3]
        sr0 = sr1 = sr2 = sr3 = si0 = si1 = si2 = si3 = zero
        for j in range(x_real.size):
            u, v = x_real[j], x_imaginary[j]
            sr0 += r0[j] * u - i0[j] * v
            sr1 += r1[j] * u - i1[j] * v
            sr2 += r2[j] * u - i2[j] * v
            sr3 += r3[j] * u - i3[j] * v
            si0 += r0[j] * v + i0[j] * u
            si1 += r1[j] * v + i1[j] * u
            si2 += r2[j] * v + i2[j] * u
            si3 += r3[j] * v + i3[j] * u
        y_real[b], y_real[b + 1], y_real[b + 2], y_real[b + 3] = sr0, sr1, sr2, sr3
        y_imaginary[b], y_imaginary[b + 1], y_imaginary[b + 2], y_imaginary[b + 3] = si0, si1, si2, si3
