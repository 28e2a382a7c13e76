"""Small linear algebra written out: it compiles in a tenth of the time of LAPACK's interface."""

import math

import numpy as np
from numba import njit


@njit(error_model="numpy", cache=True)
def root(matrix):
    """Return Cholesky's root (n, n) of a positive definite matrix, of which the lower half is looked at.

    In rows that the matrix says nothing about, the diagonal element is infinite.
    """
    lower = np.zeros(matrix.shape)
    write_root(matrix, lower)
    return lower


@njit(error_model="numpy", cache=True)
def write_root(matrix, lower):
    """Write what `root` returns into an array: in small loops, to ask for memory takes most of the time."""
    for i in range(len(matrix)):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= lower[i, k] * lower[j, k]
            if i == j:
                lower[i, i] = math.sqrt(total) if total > 1e-14 * abs(matrix[i, i]) else np.inf
            else:
                lower[i, j] = total / lower[j, j]


@njit(error_model="numpy", cache=True)
def solve(matrix, right):
    """Return the solution (n, m) of a positive definite system, by Cholesky's decomposition.

    Rows that the system says nothing about are left alone: their part of the solution is 0.
    """
    out = right.copy()
    write_solution(root(matrix), out)
    return out


@njit(error_model="numpy", cache=True)
def write_solution(lower, out):
    """Write the solution (n, m) of a system over its right side, by its root (n, n)."""
    n, m = out.shape
    for c in range(m):
        for i in range(n):
            for k in range(i):
                out[i, c] -= lower[i, k] * out[k, c]
            out[i, c] /= lower[i, i]
        for i in range(n - 1, -1, -1):
            for k in range(i + 1, n):
                out[i, c] -= lower[k, i] * out[k, c]
            out[i, c] /= lower[i, i]


@njit(error_model="numpy", cache=True, forceinline=True)
def determinant(m):
    """Return the determinant of a (3, 3) matrix."""
    return (
        m[0, 0] * (m[1, 1] * m[2, 2] - m[1, 2] * m[2, 1])
        - m[0, 1] * (m[1, 0] * m[2, 2] - m[1, 2] * m[2, 0])
        + m[0, 2] * (m[1, 0] * m[2, 1] - m[1, 1] * m[2, 0])
    )


@njit(error_model="numpy", cache=True, forceinline=True)
def dual(m):
    """Return the rows that are dual to those of a (3, 3) matrix: its inverse, transposed."""
    out, det = np.empty((3, 3)), determinant(m)
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        for a in range(3):
            b, c = (a + 1) % 3, (a + 2) % 3
            out[i, a] = (m[j, b] * m[k, c] - m[j, c] * m[k, b]) / det
    return out


@njit(error_model="numpy", cache=True, forceinline=True)
def combined(hkl, basis):
    """Return the three components of a combination of the rows of a (3, 3) matrix."""
    return (
        hkl[0] * basis[0, 0] + hkl[1] * basis[1, 0] + hkl[2] * basis[2, 0],
        hkl[0] * basis[0, 1] + hkl[1] * basis[1, 1] + hkl[2] * basis[2, 1],
        hkl[0] * basis[0, 2] + hkl[1] * basis[1, 2] + hkl[2] * basis[2, 2],
    )
