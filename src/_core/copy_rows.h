/* The loop over rows and their values; included once for each set of instructions (no include guard). encode_copy.h
 * tells what it is for.
 *
 * The includer defines COPY_NAME(word), COPY_TARGET, and in this name: copy_step, which copies COPY_STEP bytes. */

/* A text as it is. Behind it, COPY_STEP bytes of its column can be read and COPY_STEP of the block be written: so many are
 * copied without asking how long it is, which no processor guesses well. */
COPY_TARGET SCAN_INLINE unsigned char *COPY_NAME(copy_text)(unsigned char *out, const view_t *view, ptrdiff_t row)
{
    const unsigned char *p = view->data + view->offsets[row];
    int32_t n = view->offsets[row + 1] - view->offsets[row];
    out = big_put32(out, (uint32_t)n);
    COPY_NAME(copy_step)(out, p);
    if (n > COPY_LONG) memcpy(out, p, (size_t)n);
    else for (int32_t i = COPY_STEP; i < n; i += COPY_STEP) COPY_NAME(copy_step)(out + i, p + i);
    return out + n;
}

COPY_TARGET static __attribute__((noinline)) unsigned char *COPY_NAME(copy_rows)(
    copy_t *copy, unsigned char *out, ptrdiff_t first, ptrdiff_t end)
{
    /* Variables of its own: what is written could be anything's, for all the compiler knows, and it would read what it
     * has in memory anew after each value. */
    const view_t *views = copy->views, *after = views + copy->nviews;
    uint16_t count = (uint16_t)(copy->nviews + (copy->record != NULL));
    for (ptrdiff_t row = first; row < end; row++) {
        out = big_put16(out, count);
        if (copy->record) {
            int64_t record = copy->record_base + copy->record[row] + 1;
            out = big_put64(big_put32(out, 8), (uint64_t)record);
        }
        for (const view_t *view = views; view < after; view++) {
            if (!view_has(view, row)) {
                out = big_put32(out, UINT32_MAX);
            } else if (view->kind == COPY_BYTES) {
                out = COPY_NAME(copy_text)(out, view, row);
            } else if (view->kind == COPY_INT8 || view->kind == COPY_FLOAT8 || view->kind == COPY_TIME) {
                /* A time counts from midnight in both; a float8 is sent as its bits. */
                out = big_put64(big_put32(out, 8), ((const uint64_t *)(const void *)view->data)[row]);
            } else if (view->kind == COPY_TIMESTAMP) {
                int64_t us = ((const int64_t *)(const void *)view->data)[row] - COPY_EPOCH_US;
                out = big_put64(big_put32(out, 8), (uint64_t)us);
            } else {
                out = copy->put_value(out, view, row);
                if (!out) {
                    copy->fault_row = row;
                    copy->fault_view = (int)(view - views);
                    return NULL;
                }
            }
        }
    }
    return out;
}

#undef COPY_NAME
#undef COPY_TARGET
