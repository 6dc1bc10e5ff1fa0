/* Memory for the tables of known.pxd, and where a key's slot is. */
#ifndef FEEDMILL_KNOWN_H
#define FEEDMILL_KNOWN_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Whether large tables are in pages of their own; not under the sanitizer, which knows of malloc's memory only. */
#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
#define KNOWN_HAS_PAGES 1
#include <sys/mman.h>
#else
#define KNOWN_HAS_PAGES 0
#endif

#define KNOWN_SPREAD UINT64_C(0x9E3779B97F4A7C15)
#define KNOWN_HUGE ((size_t)2 << 20) /* bytes of a large page */

/* A number below `count`, evenly. */
static inline uint64_t known_start(uint64_t key, uint64_t count)
{
    return (uint64_t)((unsigned __int128)(key * KNOWN_SPREAD) * count >> 64);
}

static inline void known_fetch(const void *slot) { __builtin_prefetch(slot, 1); }

/* Zeros. In large pages where there are any: each look-up is at a place of its own, and of small pages the
 * processor does not remember enough to find them quickly. */
static inline void *known_room(size_t size)
{
#if KNOWN_HAS_PAGES
    if (size >= KNOWN_HUGE) {
        void *room = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (room == MAP_FAILED) return NULL;
        (void)madvise(room, size, MADV_HUGEPAGE);
        return room;
    }
#endif
    return calloc(size, 1);
}

/* Give back what lies behind so many bytes, if the room is in pages of its own: it holds anything then. */
static inline void known_drop(void *room, size_t kept, size_t size)
{
#if KNOWN_HAS_PAGES
    kept = (kept + KNOWN_HUGE - 1) / KNOWN_HUGE * KNOWN_HUGE;
    if (size >= KNOWN_HUGE && kept < size) (void)madvise((char *)room + kept, size - kept, MADV_DONTNEED);
#else
    (void)room;
    (void)kept;
    (void)size;
#endif
}

static inline void known_leave(void *room, size_t size)
{
#if KNOWN_HAS_PAGES
    if (size >= KNOWN_HUGE) {
        if (room != NULL) munmap(room, size);
        return;
    }
#endif
    (void)size;
    free(room);
}

#endif
