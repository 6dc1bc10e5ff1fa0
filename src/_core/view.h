/* What an encoder sees of a batch, for the parts of the kernel that are C and for those that are Cython; view.pxd says
 * more. */
#ifndef FEEDMILL_VIEW_H
#define FEEDMILL_VIEW_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint64_t *key_hash;      /* of each row; NULL: no lane key, all rows belong to lane 0 */
    ptrdiff_t count;
    uint64_t lane, lanes;
    const unsigned char *chosen;   /* of each row, 0 or 1; NULL: all rows of the lane */
} rows_t;

typedef struct {
    int kind;                      /* what to make of it: a COL_*, or a COPY_* in the COPY encoder */
    int scale;
    int is_year;                   /* its text has four digits */
    int is_json;                   /* its text is JSON */
    int field;                     /* index in the schema, for faults */
    const unsigned char *validity; /* NULL: each row has a value */
    const int32_t *offsets;
    const unsigned char *data;
    const unsigned char *end;      /* of the memory behind data */
} view_t;

static inline int view_has(const view_t *view, ptrdiff_t row)
{
    return view->validity == NULL || (view->validity[row >> 3] >> (row & 7) & 1);
}

#endif
