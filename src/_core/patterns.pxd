# Patterns: matched by PCRE2 where the system has it (pcre2.h), by a call-out to Python's re otherwise.

from _core.span cimport span_t


cdef extern from "_core/pcre2.h" nogil:
    ctypedef struct matcher_t:
        pass
    bint pcre2_open()
    void pcre2_version(char* out)
    void* pcre2_compile(const unsigned char* pattern, size_t n)
    void pcre2_free(void* code)
    void matcher_free(matcher_t* matcher)
    int pcre2_matches(const void* code, matcher_t** slot, const unsigned char* p, size_t n)
