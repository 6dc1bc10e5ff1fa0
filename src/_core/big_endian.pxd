# The Cython face of big_endian.h.

from libc.stdint cimport uint16_t, uint32_t, uint64_t

cdef extern from "_core/big_endian.h" nogil:
    unsigned char* big_put16(unsigned char* out, uint16_t v)
    unsigned char* big_put32(unsigned char* out, uint32_t v)
    unsigned char* big_put64(unsigned char* out, uint64_t v)
