/* A column of a batch, for the parts of the kernel that are C and for those that are Cython; columns.pxd says more. */
#ifndef FEEDMILL_COLUMNS_H
#define FEEDMILL_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

enum {
    COL_UTF8 = 0,       /* offsets + text */
    COL_INT64 = 1,
    COL_DECIMAL64 = 2,  /* int64 scaled by 10 ** scale; precision <= 18 */
    COL_NUMERIC = 3,    /* offsets + the decimal's text, digits kept as written */
    COL_FLOAT64 = 4,
    COL_BOOL = 5,       /* bitmap */
    COL_DATE32 = 6,     /* days from 1970-01-01 */
    COL_TIME64 = 7,     /* microseconds from midnight */
    COL_TIMESTAMP = 8   /* microseconds from 1970-01-01T00:00:00Z */
};

#define COLUMN_PADDING 64 /* bytes: one AVX-512 vector */

/* Stands for the data of a column that never had any: its texts are all empty. */
static const unsigned char COLUMN_EMPTY[COLUMN_PADDING] = {0};

typedef struct {
    int storage;             /* COL_* */
    int precision;           /* COL_DECIMAL64, COL_NUMERIC: declared digits in all, 0 = not declared */
    int scale;               /* COL_DECIMAL64: digits after the point */
    int is_year;             /* COL_INT64 whose text has four digits */
    int is_uuid;             /* COL_UTF8 of format uuid: 16 bytes in COPY BINARY */
    int is_json;             /* COL_UTF8 that holds JSON: jsonb in COPY BINARY, itself in JSON Lines */
    unsigned char *validity; /* bitmap, bit set = present; zero from bit `rows` on in a finished batch */
    int32_t *offsets;        /* COL_UTF8, COL_NUMERIC: rows + 1 of them, the first 0; NULL otherwise */
    unsigned char *data;     /* values: text, or 8/4-byte words, or a bitmap */
    ptrdiff_t used;          /* bytes of text in `data` (COL_UTF8, COL_NUMERIC) */
    ptrdiff_t capacity;      /* bytes `data` can hold, padding not counted */
} column_t;

static inline int column_is_text(const column_t *column)
{
    return column->storage == COL_UTF8 || column->storage == COL_NUMERIC;
}

/* Write a null; its bits are set back if the record is given up. */
static inline void column_put_null(column_t *column, ptrdiff_t row)
{
    unsigned char others = (unsigned char)~(1u << (row & 7));
    column->validity[row >> 3] &= others;
    if (column_is_text(column)) column->offsets[row + 1] = column->offsets[row];
    else if (column->storage == COL_BOOL) column->data[row >> 3] &= others;
    else if (column->storage == COL_DATE32) ((int32_t *)(void *)column->data)[row] = 0;
    else ((int64_t *)(void *)column->data)[row] = 0;
}

#endif
