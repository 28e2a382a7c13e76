"""The incident beam's column of exp(i H t) for a batch of matrices, by the Lanczos method in torch.

The recursion and the stopping rule are those of the engine `krylov`. All patterns of a batch take their steps
together; each one's result is that of its own last step, whatever the others need. The device is asked
for numbers only at the checks.
"""

import math

import numpy as np
import torch
from scipy.special import jv

_FIRST_CHECK = 8
_CHECK_EVERY = 8  # a check costs as much as several steps
_COLLECT = 16  # basis vectors that are summed at a time


def basis_bytes(n_beams: int, planes: int, steps: int) -> int:
    """Return the memory that the vectors of one pattern take."""
    return 4 * planes * n_beams * (steps + _COLLECT + 4)


def propagate(
    matrix: torch.Tensor,
    start: torch.Tensor,
    thickness: float,
    tolerance: float,
    max_steps: int,
    hermitian: bool = True,
) -> torch.Tensor | None:
    """Compute the intensities |exp(i H t) e_start|².

    Parameters
    ----------
    matrix : (p, n, planes * n) float32 tensor
        The transpose of H in 1/Å, the imaginary part (if any) beside the real one.
    start : (p,) int64 tensor
        Rows of the incident beam.
    thickness : float
        t in Å.
    tolerance : float
        Stop where the next step would change the amplitudes by less than this.
    max_steps : int
        Limit of the steps.
    hermitian : bool
        Whether H is Hermitian: not if the crystal absorbs.

    Returns
    -------
    intensity : (p, n) float32 tensor or None
        None if the steps did not suffice.
    """
    krylov = _KrylovSpace(matrix, start, tolerance / thickness, hermitian)
    column = torch.zeros(len(matrix), 0, dtype=torch.complex128, device=matrix.device)
    done = torch.zeros(len(matrix), dtype=torch.bool, device=matrix.device)
    next_check = _FIRST_CHECK
    for m in range(1, max_steps + 1):
        krylov.extend()
        if m < next_check or m % _CHECK_EVERY:
            continue
        diagonal, upper, lower = krylov.tridiagonal()
        if m == _FIRST_CHECK:
            low, high = spectral_bounds(diagonal.real, lower)
            due = 0.475 * thickness * (high - low)
        if m >= due.min().item():
            found = exponential_column(diagonal, upper, lower, thickness)
            error = lower[:, -1] * thickness * found[:, -1].abs() / m
            new = ~done & (due <= m) & (error < tolerance)
            column = torch.nn.functional.pad(column, (0, m - column.shape[1]))
            column[new] = found[new]
            done |= new
            if done.all():
                return krylov.intensity(column.to(torch.complex64))
            # A step hardly does more than halve the error.
            due = torch.where(due <= m, m + torch.log2(error / tolerance).clamp(min=1), due)
            due[done] = torch.inf
        next_check = due.min().item()
    return None


class _KrylovSpace:
    """Orthonormal vectors q_k in which H is tridiagonal, for a batch of matrices.

    The vectors are real if H is, and complex64 otherwise. Without absorption this is Lanczos' recursion.
    With it, H is Hermitian but for a small part: r = H q is made orthogonal to the last two vectors only
    (incomplete orthogonalisation: Saad 1992, Numerical Methods for Large Eigenvalue Problems, section 6.4).
    """

    def __init__(self, matrix: torch.Tensor, start: torch.Tensor, negligible: float, hermitian: bool):
        n_patterns, n, columns = matrix.shape
        kind = torch.float32 if columns == n else torch.complex64
        q = torch.zeros(n_patterns, n, dtype=kind, device=matrix.device)
        q[torch.arange(n_patterns, device=q.device), start] = 1
        self.matrix, self.negligible, self.hermitian = matrix, negligible, hermitian
        self.basis, self.diagonal, self.upper, self.lower = [q], [], [], []

    def extend(self) -> None:
        """Add the next vector: r = H q - diagonal q - upper q_before, normalised."""
        q = self.basis[-1]
        r = self._product(q)
        if self.lower:
            before = self.basis[-2]
            self.upper.append(self.lower[-1] if self.hermitian else torch.linalg.vecdot(before, r))
            r.addcmul_(before, self.upper[-1][:, None].to(r.dtype), value=-1)
        diagonal = torch.linalg.vecdot(q, r)
        self.diagonal.append(diagonal.real if self.hermitian else diagonal)
        r.addcmul_(q, self.diagonal[-1][:, None].to(r.dtype), value=-1)
        norm = torch.linalg.vector_norm(r, dim=1)
        # A coupling this weak takes nothing further: the space is complete, and what follows is zero.
        further = norm >= self.negligible
        r.mul_((further / norm.clamp(min=self.negligible))[:, None])
        self.lower.append(norm * further)
        self.basis.append(r)

    def _product(self, q: torch.Tensor) -> torch.Tensor:
        """Multiply H with q (p, n): S + iK with u + iv, real and imaginary parts apart.

        As row vector times transpose: as matrix times column it is several times slower on a CPU.
        """
        if not q.is_complex():
            return torch.bmm(q[:, None], self.matrix)[:, 0]
        rows = torch.view_as_real(q).mT.contiguous()
        real, imaginary = torch.bmm(rows, self.matrix).chunk(2, dim=2)
        return torch.complex(real[:, 0] - imaginary[:, 1], real[:, 1] + imaginary[:, 0])

    def tridiagonal(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return diagonal, upper and lower diagonal (p, m): the last values of these two are not of T.

        Complex128, but the lower diagonal is float64: the norms of the vectors before they were normalised.
        """
        diagonal = torch.stack(self.diagonal, dim=1).to(torch.complex128)
        upper = torch.stack([*self.upper, self.lower[-1]], dim=1).to(torch.complex128)
        return diagonal, upper, torch.stack(self.lower, dim=1).double()

    def intensity(self, column: torch.Tensor) -> torch.Tensor:
        """Sum the basis with the coefficients (p, m) complex64, and square the amplitudes."""
        total = 0
        for first in range(0, column.shape[1], _COLLECT):
            block = torch.stack(self.basis[first : min(first + _COLLECT, column.shape[1])], dim=1)
            part = column[:, None, first : first + _COLLECT]
            if block.is_complex():
                total = total + torch.view_as_real(torch.bmm(part, block)[:, 0])
            else:
                parts = torch.cat([part.real, part.imag], dim=1)
                total = total + torch.bmm(parts, block).mT
        return (total**2).sum(dim=2)


def spectral_bounds(diagonal: torch.Tensor, beside: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return bounds (p,) of the eigenvalues of symmetric tridiagonal matrices, by Gershgorin's theorem.

    Parameters
    ----------
    diagonal, beside : (p, m) float64 tensor
        The diagonals, and those beside them (the last value is not used).
    """
    beside = torch.nn.functional.pad(beside[:, :-1], (1, 1))
    radius = beside[:, :-1] + beside[:, 1:]
    return (diagonal - radius).amin(dim=1), (diagonal + radius).amax(dim=1)


def exponential_column(
    diagonal: torch.Tensor, upper: torch.Tensor, lower: torch.Tensor, t: float
) -> torch.Tensor:
    """Return the first columns of exp(i T t) for nearly Hermitian T, by Chebyshev's expansion.

    See `tridiagonal`. One interval serves all matrices, so that all have the same coefficients.

    Parameters
    ----------
    diagonal, upper : (p, m) complex128 tensor
        The diagonals, and those above them (the last value is not used).
    lower : (p, m) float64 tensor
        Those below (the last value is not used).
    t : float
        Factor of the exponent.

    Returns
    -------
    column : (p, m) complex128 tensor
        The first columns.
    """
    low, high = spectral_bounds(diagonal.real, lower)
    low, high = low.min().item(), high.max().item()
    centre, half_width = 0.5 * (low + high), max(0.5 * (high - low), 1e-9)
    middle = 2 * (diagonal - centre) / half_width
    above, below = (2 * x[:, :-1].to(middle.dtype) / half_width for x in (upper, lower))
    before, current = torch.zeros_like(middle), torch.zeros_like(middle)
    current[:, 0] = 1
    column = torch.zeros_like(middle)
    z = half_width * t
    # From some order on Bessel's functions fall faster than exponentially.
    for n, weight in enumerate(jv(np.arange(int(z + 14 + 8 * z ** (1 / 3)) + 1), z).tolist()):
        column.add_(current, alpha=1j**n * weight * (2 if n else 1))
        following = middle * current
        following[:, :-1].addcmul_(above, current[:, 1:])
        following[:, 1:].addcmul_(below, current[:, :-1])
        # T_1(x) = x, and T_(n+1)(x) = 2x T_n(x) - T_(n-1)(x)
        before, current = current, (following.sub_(before) if n else following.mul_(0.5))
    return column * complex(math.cos(centre * t), math.sin(centre * t))
