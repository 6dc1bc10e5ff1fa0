# Limits are compiled to what the value is compared with: for all that is stored as an int64 (integers, scaled
# decimals, dates, times) every limit becomes an inclusive one, rounded inwards, so `> 0.5` on an integer is
# `>= 1`.

from libc.stdint cimport int64_t

from _core.codes cimport CODE_EXCLUSIVE_MAXIMUM, CODE_EXCLUSIVE_MINIMUM, CODE_MAXIMUM, CODE_MINIMUM
from _core.span cimport span_t

cdef enum:
    LIMIT_NONE
    LIMIT_VALUE
    LIMIT_NEVER      # beyond what the type holds: no value satisfies it
    LIMIT_COUNT = 4  # minimum, maximum, exclusive minimum, exclusive maximum

ctypedef struct limit_t:
    int state        # LIMIT_*
    int64_t whole    # inclusive, for what is stored as an int64
    double real
    span_t text      # for decimals kept as text


cdef inline int limit_code(int index) noexcept nogil:
    """Give the code of a limit that was passed."""
    if index == 0:
        return CODE_MINIMUM
    elif index == 1:
        return CODE_MAXIMUM
    elif index == 2:
        return CODE_EXCLUSIVE_MINIMUM
    return CODE_EXCLUSIVE_MAXIMUM


cdef inline bint limit_is_lower(int index) noexcept nogil:
    return index & 1 == 0


cdef inline bint limit_is_exclusive(int index) noexcept nogil:
    return index >= 2
