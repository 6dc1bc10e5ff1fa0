/* The Arrow C data interface: structures that any two libraries in one process agree on, so that neither needs
 * the other.
 *
 * Layout and names after the public specification, https://arrow.apache.org/docs/format/CDataInterface.html and
 * CStreamInterface.html. The guards are the specification's own, so that a second header with the same
 * structures does no harm.
 */
#ifndef FEEDMILL_ENCODE_ARROW_H
#define FEEDMILL_ENCODE_ARROW_H

#include <stdint.h>

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#endif /* ARROW_C_DATA_INTERFACE */

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};

#endif /* ARROW_C_STREAM_INTERFACE */

/* A decimal128 is the value as a 128-bit integer in the machine's byte order. */
static inline void arrow_widen(void *out, const int64_t *values, int64_t n)
{
    __int128 *wide = out;
    for (int64_t i = 0; i < n; i++)
        wide[i] = values[i];
}

#endif /* FEEDMILL_ENCODE_ARROW_H */
