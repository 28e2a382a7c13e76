"""Vectors of eight float32 in compiled code, whose sums no compiler and no processor puts in another order.

Left to itself, a compiler that may reorder sums does so by the vectors of the processor at hand, and the last
digits differ from machine to machine. Here the order is written down: eight partial sums, each by fused
multiply-add, then halves added to halves. Every processor that has such vectors (x86-64 with AVX2 and FMA, or
wider; 64-bit Arm) runs this at full speed with the same bits; one that has not, gives them slowly.
"""

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils, config
from numba.extending import intrinsic, models, register_model

from edsym.simulation.engines.krylov.lanes_in_python import LANES

_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_INDEX = ir.IntType(32)
_FMA = f"llvm.fma.v{LANES}f32"


class _Vector(types.Type):
    def __init__(self):
        super().__init__(f"float32x{LANES}")


_TYPE = _Vector()


@register_model(_Vector)
class _Model(models.PrimitiveModel):
    def __init__(self, manager, numba_type):
        super().__init__(manager, numba_type, _VECTOR)


def _address(context, builder, signature, args):
    data = context.make_array(signature.args[0])(context, builder, args[0]).data
    index = context.cast(builder, args[1], signature.args[1], types.intp)
    return builder.bitcast(builder.gep(data, [index]), _VECTOR.as_pointer())


@intrinsic
def load(_, array, index):
    """Return the elements of a contiguous float32 array from an index on."""

    def generate(context, builder, signature, args):
        return builder.load(_address(context, builder, signature, args), align=4)

    return _TYPE(array, index), generate


@intrinsic
def store(_, array, index, vector):
    """Write a vector to the elements of a contiguous float32 array from an index on."""

    def generate(context, builder, signature, args):
        builder.store(args[2], _address(context, builder, signature, args), align=4)
        return context.get_dummy_value()

    return types.void(array, index, vector), generate


@intrinsic
def splat(_, number):
    """Return a vector of eight times the same number."""

    def generate(context, builder, signature, args):
        number = context.cast(builder, args[0], signature.args[0], types.float32)
        one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, _INDEX(0))
        return builder.shuffle_vector(one, one, _positions(0, 0))

    return _TYPE(number), generate


@intrinsic
def fma(_, a, b, c):
    """Return a b + c, rounded once."""

    def generate(context, builder, signature, args):
        kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, _FMA), args)

    return _TYPE(a, b, c), generate


@intrinsic
def minus(_, vector):
    """Return a vector with all signs changed."""

    def generate(context, builder, signature, args):
        return builder.fneg(args[0])

    return _TYPE(vector), generate


@intrinsic
def total(_, vector):
    """Return the sum of a vector: halves added to halves."""

    def generate(context, builder, signature, args):
        sums, width = args[0], LANES
        while width > 1:
            width //= 2
            halves = (builder.shuffle_vector(sums, sums, _positions(i, 1, width)) for i in (0, width))
            sums = builder.fadd(*halves)
        return builder.extract_element(sums, _INDEX(0))

    return types.float32(vector), generate


def _positions(first: int, step: int, n: int = LANES) -> ir.Constant:
    return ir.Constant(ir.VectorType(_INDEX, n), [first + step * i for i in range(n)])


if config.DISABLE_JIT:
    # minus is for `products`
    from edsym.simulation.engines.krylov.lanes_in_python import fma, load, minus, splat, store, total  # noqa: F401


@njit(forceinline=True, error_model="numpy")
def dot(x, y):
    """Return the inner product of float32 arrays of multiples of eight; the shorter one counts."""
    sums = splat(0)
    for j in range(0, min(x.size, y.size), LANES):
        sums = fma(load(x, j), load(y, j), sums)
    return total(sums)


@njit(forceinline=True, error_model="numpy")
def add_to(x, factor, y):
    """Add ``factor * y`` to x in place: arrays as in `dot`."""
    factors = splat(factor)
    for j in range(0, min(x.size, y.size), LANES):
        store(x, j, fma(factors, load(y, j), load(x, j)))
