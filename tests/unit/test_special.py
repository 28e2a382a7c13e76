"""Special functions against SciPy's."""

import numpy as np
import scipy.special

from edsym.simulation.crystal.special import expi, interpolate


def test_exponential_integral():
    positive = np.geomspace(1e-12, 50, 2000)
    x = np.concatenate([-np.geomspace(1e-12, 700, 2000), positive[np.abs(positive - 0.37250741) > 1e-3]])
    np.testing.assert_allclose(expi(x), scipy.special.expi(x), rtol=1e-12)


def test_interpolation_is_exact_for_the_fifth_degree():
    nodes = np.arange(9) * 0.25
    x = np.linspace(0, nodes[-1], 101)
    polynomial = np.polynomial.Polynomial([3, -1, 0.5, 2, -1, 0.7])
    np.testing.assert_allclose(interpolate(polynomial(nodes), 0.25, x), polynomial(x), rtol=1e-13)
