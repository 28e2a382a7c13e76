"""Elementary functions in a form that compilers make several of at once.

Those of a system's library are called for each number by itself: that is most of the time of a likelihood.
Where ``fastmath`` is not said to be off, a function has what the first one to call it has.
"""

import numpy as np
from numba import njit

SUMS = {"reassoc", "contract", "nsz"}
"""What ``fastmath`` may change in sums: their order, so that several terms are added at once."""
_LARGEST = 700.0
# Added to a whole number below 2^51, it leaves that in the last bits.
_WHOLE = 1.5 * 2.0**52
# ln 2 in two parts: products of the first with whole numbers are exact.
_LN2, _LN2_REST = 6.93145751953125e-1, 1.42860682030941723212e-6
_LOG2_E = 1 / np.log(2.0)
_BIAS, _MANTISSA = 1023, 52  # of the exponent of a double, and bits below it


@njit(cache=True, fastmath=False, forceinline=True)
def exp(x):
    """Return e^x of a float64 to a relative 4e-16; beyond ±700 that of ±700.

    e^x = 2^n e^r with |r| <= ½ ln 2, of which thirteen terms of the power series are taken.
    """
    x = min(max(x, -_LARGEST), _LARGEST)
    n = np.floor(x * _LOG2_E + 0.5)
    r = (x - n * _LN2) - n * _LN2_REST
    series = 1 / 39916800 + r * (1 / 479001600)
    series = 1 / 362880 + r * (1 / 3628800 + r * series)
    series = 1 / 5040 + r * (1 / 40320 + r * series)
    series = 1 / 120 + r * (1 / 720 + r * series)
    series = 1 / 6 + r * (1 / 24 + r * series)
    series = 1 + r * (1 + r * (0.5 + r * series))
    power = np.int64((np.float64(n + _WHOLE).view(np.int64) + _BIAS) << _MANTISSA).view(np.float64)
    return series * power


@njit(cache=True, fastmath=False, forceinline=True)
def cos_turns(x):
    """Return cos 2π x to 1e-15, for |x| <= ½: 2 cos² π x - 1, of which eleven terms of the power series."""
    u = -(np.pi * np.pi) * x * x
    series = 1 / 6402373705728000 + u * (1 / 2432902008176640000 + u * (1 / 1124000727777607680000))
    series = 1 / 87178291200 + u * (1 / 20922789888000 + u * series)
    series = 1 / 3628800 + u * (1 / 479001600 + u * series)
    series = 1 / 24 + u * (1 / 720 + u * (1 / 40320 + u * series))
    half = 1 + u * (0.5 + u * series)
    return 2 * half * half - 1
