/* Which record has a key: a hash table of 16 bytes an entry, open addressing, the next free place taken.
 *
 * Of a key its digest is kept, not its text: 88 bits, which two of a billion keys share with a chance of one in
 * 600 million. It is at most seven eighths full and doubles then, so a key takes 18 to 37 bytes, and 55 while it
 * grows. */
#ifndef FEEDMILL_KEY_TABLE_H
#define FEEDMILL_KEY_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define KEY_TABLE_FIRST 1024 /* entries, a power of two */
#define KEY_ORDINAL_BITS 40
#define KEY_ORDINAL_MAX ((INT64_C(1) << KEY_ORDINAL_BITS) - 1)

typedef struct {
    uint64_t low;
    uint64_t high; /* 24 bits of the digest, then the record that has it, from 1; 0: free */
} key_entry_t;

typedef struct {
    key_entry_t *entries; /* NULL at first */
    size_t capacity;
    size_t count;
} key_table_t;

static inline key_entry_t *key_table_place(const key_table_t *table, uint64_t low, uint64_t tag)
{
    size_t mask = table->capacity - 1, i = (size_t)low & mask;
    while (table->entries[i].high != 0
           && (table->entries[i].low != low || table->entries[i].high >> KEY_ORDINAL_BITS != tag))
        i = (i + 1) & mask;
    return &table->entries[i];
}

static inline int key_table_grow(key_table_t *table)
{
    key_table_t grown = {NULL, table->capacity ? 2 * table->capacity : KEY_TABLE_FIRST, table->count};
    grown.entries = calloc(grown.capacity, sizeof *grown.entries);
    if (grown.entries == NULL) return 0;
    for (size_t i = 0; i < table->capacity; i++) {
        key_entry_t *entry = &table->entries[i];
        if (entry->high != 0) *key_table_place(&grown, entry->low, entry->high >> KEY_ORDINAL_BITS) = *entry;
    }
    free(table->entries);
    *table = grown;
    return 1;
}

/* The record that has the key; 0: none. */
static inline int64_t key_table_find(const key_table_t *table, const uint64_t *digest)
{
    if (table->capacity == 0) return 0;
    return (int64_t)(key_table_place(table, digest[0], digest[1] >> KEY_ORDINAL_BITS)->high & (uint64_t)KEY_ORDINAL_MAX);
}

/* Give a key that no record has to one; 0 if there is no memory. */
static inline int key_table_add(key_table_t *table, const uint64_t *digest, int64_t ordinal)
{
    uint64_t tag = digest[1] >> KEY_ORDINAL_BITS;
    key_entry_t *entry;
    if (table->count + 1 > table->capacity / 8 * 7 && !key_table_grow(table)) return 0;
    entry = key_table_place(table, digest[0], tag);
    if (entry->high == 0) table->count++;
    entry->low = digest[0];
    entry->high = tag << KEY_ORDINAL_BITS | (uint64_t)ordinal;
    return 1;
}

#endif
