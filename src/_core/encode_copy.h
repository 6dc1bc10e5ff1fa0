/* The loop over rows that become COPY BINARY tuples; encode_copy.pxd says what those are, and cuts rows into blocks.
 *
 * Here are the values that nearly all feeds are made of: texts, and numbers of eight bytes. All else is the caller's.
 * copy_rows.h is the loop. It is included once for each set of instructions with another way to copy texts. */
#ifndef FEEDMILL_ENCODE_COPY_H
#define FEEDMILL_ENCODE_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "big_endian.h"
#include "scan.h"
#include "view.h"

/* What a value is sent as. */
enum {
    COPY_NONE,
    COPY_BYTES,                    /* text, varchar, bytea: the value as it is */
    COPY_UUID,
    COPY_JSONB,                    /* its version, 1, and the text */
    COPY_INT2,
    COPY_INT4,
    COPY_INT8,
    COPY_INT_NUMERIC,
    COPY_SCALED_NUMERIC,
    COPY_TEXT_NUMERIC,
    COPY_FLOAT4,
    COPY_FLOAT8,
    COPY_BOOL,
    COPY_DATE,
    COPY_TIME,
    COPY_TIMESTAMP
};

#define COPY_EPOCH_US INT64_C(946684800000000) /* from 1970-01-01 to 2000-01-01 */
#define COPY_STEP 64                           /* bytes of a text that are copied together */
#define COPY_LONG 1024                         /* bytes of a text above which the C library's copy is faster */

typedef struct {
    rows_t rows;
    const view_t *views;           /* of the fields to write, their kind a COPY_* */
    int nviews;
    int isa;                       /* SCAN_* */
    const int32_t *record;         /* of each row; NULL: no leading record number */
    int64_t record_base;
    /* Writes a value that is not null, its length first, and gives the place after it; NULL if it does not fit. */
    unsigned char *(*put_value)(unsigned char *out, const view_t *view, ptrdiff_t row);
    int fault_view;                /* set by copy_rows when it gives NULL */
    ptrdiff_t fault_row;
} copy_t;

#define COPY_NAME(word) word##_plain
#define COPY_TARGET
SCAN_INLINE void copy_step_plain(unsigned char *out, const unsigned char *p)
{
    memcpy(out, p, COPY_STEP);
}
#include "_core/copy_rows.h"

#if SCAN_X86

#define COPY_NAME(word) word##_avx2
#define COPY_TARGET __attribute__((target("avx2")))
COPY_TARGET SCAN_INLINE void copy_step_avx2(unsigned char *out, const unsigned char *p)
{
    __m256i first = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i second = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
    _mm256_storeu_si256((__m256i *)(void *)out, first);
    _mm256_storeu_si256((__m256i *)(void *)(out + 32), second);
}
#include "_core/copy_rows.h"

#endif

/* Write rows first .. end-1, of which none is left out; give the place after them, or NULL if a value does not fit, and
 * its place in fault_row and fault_view. */
static inline unsigned char *copy_rows(copy_t *copy, unsigned char *out, ptrdiff_t first, ptrdiff_t end)
{
#if SCAN_X86
    if (copy->isa >= SCAN_AVX2) return copy_rows_avx2(copy, out, first, end);
#endif
    return copy_rows_plain(copy, out, first, end);
}

#endif
