/* The tokenizer: a chunk of delimited text becomes an index of its separators and rows.
 *
 *     a,b⏎"c,⏎",d⏎      separators  · 1 3 9 11      rows  {begin 0, first 1} {begin 4, first 3}
 *
 * The cells of row r end at separators rows[r].first to rows[r + 1].first - 1, the last of which is its row end (or the
 * end of the data); each begins behind the separator before. What stands before the first of a row is for the reader to
 * put there, and there is a place for it before the first of all. Two machines make the same index:
 *   scan_block.h   64 bytes a step with vector masks; stops at whatever is not plain RFC 4180
 *   scan_odd_row   one byte a step, exact for every dialect, one row a call
 * so odd places cost what they cost and the rest stays fast. The second is the definition: where they differ, it is
 * right.
 * scan_last_end runs the same code and keeps only where the last row ended.
 *
 * Reads nothing outside p[0..n). Owns nothing but the index, which is recycled. Positions are 32 bits: n <= 1 GiB.
 *
 * If you add a special character: scan_odd_row, scan_cell, scan_bad_specials, and has_special in scan.pxd.
 * If you add an instruction set: what scan_block.h asks for, scan_best, scan_step_index, scan_step_ends. */
#ifndef FEEDMILL_SCAN_H
#define FEEDMILL_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(FEEDMILL_NO_VECTORS)
#define SCAN_X86 1
#include <immintrin.h>
#else
#define SCAN_X86 0
#endif

#if defined(__GNUC__)
#define SCAN_INLINE static inline __attribute__((always_inline))
#define SCAN_COLD static __attribute__((noinline, cold))
#define SCAN_UNLIKELY(x) __builtin_expect(!!(x), 0)
#else
#define SCAN_INLINE static inline
#define SCAN_COLD static
#define SCAN_UNLIKELY(x) (x)
#endif

enum { SCAN_DONE, SCAN_ODD, SCAN_NO_MEMORY };
enum { SCAN_SCALAR, SCAN_SSE2, SCAN_AVX2, SCAN_AVX512 };

/* What is known of a row besides its place. */
enum {
    SCAN_ROW_SKIP = 1,     /* a comment: no record */
    SCAN_ROW_OPEN = 2,     /* the data ended inside quotes */
    SCAN_ROW_NO_END = 4,   /* the data ended without a row end */
    SCAN_ROW_KEEP_CR = 8,  /* the CR before the row end was escaped: it is data */
    SCAN_ROW_ODD = 16,     /* its cells need scan_cell */
};

typedef struct {
    unsigned char delimiter, eol, quote, escape, comment;
    unsigned char has_quote, has_escape, has_comment, double_quote, skip_blanks, strip_cr;
    unsigned char has_special; /* escape, comment or blanks: the clean path has to look for them */
    int isa;                   /* SCAN_SCALAR .. */
} scan_dialect_t;

typedef struct {
    uint32_t begin; /* of its first byte */
    uint32_t first; /* index of its first separator */
    uint32_t line;  /* row-end bytes before it */
    uint32_t flags; /* SCAN_ROW_* */
} scan_row_t;

typedef struct {
    uint32_t *separators;
    scan_row_t *rows; /* one more than nrows: its `first` ends the last row's separators */
    size_t nrows, row_capacity;
    size_t separator_capacity;
    uint32_t nseparators;
    uint32_t lines; /* row-end bytes in all */
    /* the row that is being read */
    size_t begin;
    uint32_t first, line;
    int inside;
} scan_t;

typedef struct {
    uint64_t valid, eol, quote, inside, separator, row;
} scan_masks_t;

/* Of the block before: masks, of whose last bits some of this one's depend; and whether a closing quote, or a CR behind
 * one, was its last byte. */
typedef struct {
    uint64_t separator, row, quote, closing, closing_cr;
} scan_carry_t;

#define SCAN_LAST (UINT64_C(1) << 63) /* a mask with its last bit */
#define SCAN_STRIDE 256 /* bytes that are looked at together where only the last row end is wanted */
#define SCAN_AHEAD 4096 /* bytes from one that is looked at to one that is asked to be in the cache by then; measured */

/* —— The index ———————————————————————————————————————————————————————————————————————————————————————————————— */

static void scan_free(scan_t *s)
{
    free(s->separators);
    free(s->rows);
    memset(s, 0, sizeof *s);
}

SCAN_INLINE int scan_has_room(const scan_t *s, size_t more)
{
    return s->nseparators + more + 4 <= s->separator_capacity && s->nrows + more + 2 <= s->row_capacity;
}

/* How many times `more` fits, at least once: to be asked only where there is room. */
SCAN_INLINE size_t scan_room(const scan_t *s, size_t more)
{
    size_t separators = s->separator_capacity - s->nseparators - 4, rows = s->row_capacity - s->nrows - 2;
    return (separators < rows ? separators : rows) / more;
}

/* Room for `more` separators and rows, and for the row after them; 0 when there is no memory, and then the index is as
 * it was. */
SCAN_COLD int scan_grow(scan_t *s, size_t more)
{
    if (s->nseparators + more + 4 > s->separator_capacity) {
        size_t capacity = 2 * (s->nseparators + more) + 4096;
        uint32_t *grown = realloc(s->separators, capacity * sizeof *grown);
        if (!grown) return 0;
        s->separators = grown;
        s->separator_capacity = capacity;
    }
    if (s->nrows + more + 2 > s->row_capacity) {
        size_t capacity = 2 * (s->nrows + more) + 1024;
        scan_row_t *grown = realloc(s->rows, capacity * sizeof *grown);
        if (!grown) return 0;
        s->rows = grown;
        s->row_capacity = capacity;
    }
    return 1;
}

/* Write down the row that is being read; room was made before. */
SCAN_INLINE void scan_open_row(scan_t *s)
{
    scan_row_t row = {(uint32_t)s->begin, s->first, s->line, 0};
    s->rows[s->nrows] = row;
}

/* Close the row that is being read; room was made before. */
SCAN_INLINE void scan_put_row(scan_t *s, uint32_t flags)
{
    scan_open_row(s);
    s->rows[s->nrows++].flags = flags;
}

static int scan_put_separator(scan_t *s, size_t position)
{
    if (!scan_has_room(s, 1) && !scan_grow(s, 1)) return 0;
    s->separators[s->nseparators++] = (uint32_t)position;
    return 1;
}

/* —— The state machine ———————————————————————————————————————————————————————————————————————————————————————— */

typedef struct {
    size_t at;       /* the next byte */
    uint32_t lines;  /* row-end bytes inside the row */
    uint32_t flags;
    size_t escaped;  /* place after the last escaped byte, 0 = none */
} scan_cursor_t;

/* From the byte after the opening quote to the one after the closing quote; 0 when the data ends before. */
static int scan_pass_quoted(const scan_dialect_t *d, const unsigned char *p, size_t n, scan_cursor_t *c)
{
    size_t i = c->at;
    while (i < n) {
        unsigned char byte = p[i++];
        if (d->has_escape && byte == d->escape) {
            c->flags |= SCAN_ROW_ODD;
            if (i < n) c->lines += p[i++] == d->eol;
        } else if (byte == d->quote) {
            if (!(d->double_quote && i < n && p[i] == d->quote)) {
                c->at = i;
                return 1;
            }
            i++;
        } else {
            c->lines += byte == d->eol;
        }
    }
    c->at = n;
    return 0;
}

/* To the delimiter or row end, or the end of the data. */
static void scan_pass_plain(const scan_dialect_t *d, const unsigned char *p, size_t n, scan_cursor_t *c)
{
    int escapes = d->has_escape && !d->has_quote;
    size_t i = c->at;
    while (i < n && p[i] != d->delimiter && p[i] != d->eol) {
        if (escapes && p[i] == d->escape) {
            c->flags |= SCAN_ROW_ODD;
            if (i + 1 < n) {
                c->lines += p[++i] == d->eol;
                c->escaped = i + 1;
            }
        }
        i++;
    }
    c->at = i;
}

/* One cell, up to its separator; 0 when the data ends inside quotes. */
static int scan_pass_cell(const scan_dialect_t *d, const unsigned char *p, size_t n, scan_cursor_t *c)
{
    while (d->skip_blanks && c->at < n && p[c->at] == ' ') {
        c->flags |= SCAN_ROW_ODD;
        c->at++;
    }
    if (!(d->has_quote && c->at < n && p[c->at] == d->quote)) {
        scan_pass_plain(d, p, n, c);
        return 1;
    }
    c->at++;
    if (!scan_pass_quoted(d, p, n, c)) return 0;
    size_t closed = c->at, end;
    scan_pass_plain(d, p, n, c);
    end = c->at;
    if (d->strip_cr && end < n && p[end] == d->eol && end > closed && p[end - 1] == '\r') end--;
    if (end > closed) c->flags |= SCAN_ROW_ODD;
    return 1;
}

/* Read the row at s->begin. SCAN_ODD: it is finished; SCAN_DONE: it took the rest of the data, without a row end. */
SCAN_COLD int scan_odd_row(const scan_dialect_t *d, const unsigned char *p, size_t n, scan_t *s)
{
    scan_cursor_t c = {.at = s->begin};
    if (d->has_comment && p[c.at] == d->comment) {
        const unsigned char *end = memchr(p + c.at, d->eol, n - c.at);
        c.at = end ? (size_t)(end - p) : n;
        c.flags = SCAN_ROW_SKIP;
        if (!scan_put_separator(s, c.at)) return SCAN_NO_MEMORY;
    } else {
        for (;; c.at++) {
            if (!scan_pass_cell(d, p, n, &c)) c.flags |= SCAN_ROW_OPEN;
            if (!scan_put_separator(s, c.at)) return SCAN_NO_MEMORY;
            if (c.at >= n || p[c.at] == d->eol) break;
        }
    }
    int ended = c.at < n;
    if (!ended) c.flags |= SCAN_ROW_NO_END;
    if (ended && c.escaped == c.at && c.at > s->begin) c.flags |= SCAN_ROW_KEEP_CR;
    scan_put_row(s, c.flags);
    s->lines = s->line + c.lines + (uint32_t)ended;
    s->line = s->lines;
    s->begin = c.at + (size_t)ended;
    s->first = s->nseparators;
    return ended ? SCAN_ODD : SCAN_DONE;
}

/* —— The vector machines —————————————————————————————————————————————————————————————————————————————————————— */

#if SCAN_X86

typedef struct {
    __m128i v[4];
} block_sse2;

SCAN_INLINE block_sse2 load_sse2(const unsigned char *p)
{
    block_sse2 b;
    for (int k = 0; k < 4; k++) b.v[k] = _mm_loadu_si128((const __m128i *)(p + 16 * k));
    return b;
}

SCAN_INLINE uint64_t equal_sse2(const block_sse2 *b, unsigned char byte)
{
    __m128i wanted = _mm_set1_epi8((char)byte);
    uint64_t mask = 0;
    for (int k = 0; k < 4; k++)
        mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(b->v[k], wanted)) << (16 * k);
    return mask;
}

/* The place of the lowest bit; of no bit, any. */
SCAN_INLINE uint32_t first_bit_sse2(uint64_t mask)
{
    return (uint32_t)__builtin_ctzll(mask | SCAN_LAST);
}

SCAN_INLINE uint64_t prefix_xor_sse2(uint64_t mask)
{
    for (int shift = 1; shift < 64; shift *= 2) mask ^= mask << shift;
    return mask;
}

/* Whether a byte is among those of a stride. */
SCAN_INLINE int occurs_sse2(const unsigned char *p, unsigned char byte)
{
    __m128i wanted = _mm_set1_epi8((char)byte), found = _mm_setzero_si128();
    for (int k = 0; k < SCAN_STRIDE; k += 16)
        found = _mm_or_si128(found, _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(p + k)), wanted));
    return _mm_movemask_epi8(found);
}

#define SCAN_NAME(word) word##_sse2
#define SCAN_TARGET
#include "_core/scan_block.h"

/* PCLMUL comes with every processor that has AVX2, but a compiler does not know that. */
#define SCAN_TARGET __attribute__((target("avx2,pclmul,bmi,popcnt,lzcnt")))

typedef struct {
    __m256i v[2];
} block_avx2;

SCAN_TARGET SCAN_INLINE block_avx2 load_avx2(const unsigned char *p)
{
    block_avx2 b;
    b.v[0] = _mm256_loadu_si256((const __m256i *)p);
    b.v[1] = _mm256_loadu_si256((const __m256i *)(p + 32));
    return b;
}

SCAN_TARGET SCAN_INLINE uint64_t equal_avx2(const block_avx2 *b, unsigned char byte)
{
    __m256i wanted = _mm256_set1_epi8((char)byte);
    uint64_t low = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(b->v[0], wanted));
    uint64_t high = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(b->v[1], wanted));
    return low | high << 32;
}

SCAN_TARGET SCAN_INLINE uint32_t first_bit_avx2(uint64_t mask)
{
    return (uint32_t)_tzcnt_u64(mask);
}

/* A carry-less product with all ones is the running xor. */
SCAN_TARGET SCAN_INLINE uint64_t prefix_xor_avx2(uint64_t mask)
{
    __m128i ones = _mm_set1_epi8((char)0xFF);
    return (uint64_t)_mm_cvtsi128_si64(_mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)mask), ones, 0));
}

SCAN_TARGET SCAN_INLINE int occurs_avx2(const unsigned char *p, unsigned char byte)
{
    __m256i wanted = _mm256_set1_epi8((char)byte), found = _mm256_setzero_si256();
    for (int k = 0; k < SCAN_STRIDE; k += 32)
        found = _mm256_or_si256(found, _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)(p + k)), wanted));
    return _mm256_movemask_epi8(found);
}

#define SCAN_NAME(word) word##_avx2
#include "_core/scan_block.h"

/* A block is one vector here, a comparison makes its mask, and VBMI2 picks the places of a mask's bits. */
#define SCAN_TARGET \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi2,avx2,pclmul,bmi,bmi2,popcnt,lzcnt")))

typedef __m512i block_avx512;

SCAN_TARGET SCAN_INLINE block_avx512 load_avx512(const unsigned char *p)
{
    return _mm512_loadu_si512(p);
}

SCAN_TARGET SCAN_INLINE uint64_t equal_avx512(const block_avx512 *b, unsigned char byte)
{
    return _mm512_cmpeq_epi8_mask(*b, _mm512_set1_epi8((char)byte));
}

SCAN_TARGET SCAN_INLINE uint32_t first_bit_avx512(uint64_t mask)
{
    return first_bit_avx2(mask);
}

SCAN_TARGET SCAN_INLINE uint64_t prefix_xor_avx512(uint64_t mask)
{
    return prefix_xor_avx2(mask);
}

SCAN_TARGET SCAN_INLINE int occurs_avx512(const unsigned char *p, unsigned char byte)
{
    __mmask64 found = 0;
    for (int k = 0; k < SCAN_STRIDE; k += 64)
        found |= _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(p + k), _mm512_set1_epi8((char)byte));
    return found != 0;
}

/* The numbers from 0 to 63. */
static const unsigned char SCAN_PLACES[64] = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
    30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59,
    60, 61, 62, 63};

/* The places from the 17th on, which few blocks have; out of line, or the vector is kept in memory for its sake. */
SCAN_TARGET static __attribute__((noinline)) void scan_put_rest_avx512(uint32_t *out, uint64_t mask, uint32_t base)
{
    __m512i places = _mm512_maskz_compress_epi8(mask, _mm512_loadu_si512(SCAN_PLACES));
    __m512i bases = _mm512_set1_epi32((int)base);
    __m512i second = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(places, 1));
    __m512i third = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(places, 2));
    __m512i fourth = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(places, 3));
    _mm512_storeu_si512(out + 16, _mm512_add_epi32(second, bases));
    if (__builtin_popcountll(mask) <= 32) return;
    _mm512_storeu_si512(out + 32, _mm512_add_epi32(third, bases));
    _mm512_storeu_si512(out + 48, _mm512_add_epi32(fourth, bases));
}

SCAN_TARGET SCAN_INLINE uint32_t scan_put_positions_avx512(uint32_t *out, uint64_t mask, uint32_t base)
{
    uint32_t count = (uint32_t)__builtin_popcountll(mask);
    __m512i places = _mm512_maskz_compress_epi8(mask, _mm512_loadu_si512(SCAN_PLACES));
    __m512i bases = _mm512_set1_epi32((int)base);
    _mm512_storeu_si512(out, _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(places)), bases));
    if (SCAN_UNLIKELY(count > 16)) scan_put_rest_avx512(out, mask, base);
    return count;
}

#define SCAN_NAME(word) word##_avx512
#define SCAN_HAS_POSITIONS
#include "_core/scan_block.h"

#endif

/* The fastest this processor can do. */
static int scan_best(void)
{
#if SCAN_X86
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("pclmul") || !__builtin_cpu_supports("bmi")
        || !__builtin_cpu_supports("bmi2") || !__builtin_cpu_supports("popcnt"))
        return SCAN_SSE2;
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512vbmi2"))
        return SCAN_AVX512;
    return SCAN_AVX2;
#else
    return SCAN_SCALAR;
#endif
}

static int scan_step_index(const scan_dialect_t *d, const unsigned char *p, size_t n, scan_t *s)
{
#if SCAN_X86
    if (d->isa == SCAN_AVX512) return scan_index_avx512(d, p, n, s);
    if (d->isa == SCAN_AVX2) return scan_index_avx2(d, p, n, s);
    if (d->isa == SCAN_SSE2) return scan_index_sse2(d, p, n, s);
#endif
    return SCAN_ODD;
}

static int scan_step_ends(const scan_dialect_t *d, const unsigned char *p, size_t n, scan_t *s)
{
#if SCAN_X86
    if (d->isa == SCAN_AVX512) return scan_ends_avx512(d, p, n, s);
    if (d->isa == SCAN_AVX2) return scan_ends_avx2(d, p, n, s);
    if (d->isa == SCAN_SSE2) return scan_ends_sse2(d, p, n, s);
#endif
    return SCAN_ODD;
}

/* —— What the rest of the kernel calls ———————————————————————————————————————————————————————————————————————— */

static void scan_start(scan_t *s)
{
    s->nrows = 0;
    s->nseparators = s->first = 1;
    s->lines = s->line = 0;
    s->begin = 0;
    s->inside = 0;
}

/* Index a chunk that starts with a row. Blank lines are indexed as rows; 0 when there is no memory. */
static int scan_chunk(const scan_dialect_t *d, const unsigned char *p, size_t n, scan_t *s)
{
    scan_start(s);
    while (s->begin < n) {
        int status = scan_step_index(d, p, n, s);
        if (status == SCAN_ODD) {
            status = scan_odd_row(d, p, n, s);
        } else if (status == SCAN_DONE && s->begin < n) {
            if (!scan_put_separator(s, n)) return 0;
            scan_put_row(s, s->inside ? SCAN_ROW_NO_END | SCAN_ROW_OPEN : SCAN_ROW_NO_END);
            s->begin = n;
        }
        if (status == SCAN_NO_MEMORY) return 0;
    }
    if (!scan_has_room(s, 1) && !scan_grow(s, 1)) return 0;
    s->rows[s->nrows].first = s->nseparators;
    return 1;
}

/* Where the last complete row of the data ends, given that one starts at 0; -1 when there is no memory. */
static ptrdiff_t scan_last_end(const scan_dialect_t *d, const unsigned char *p, size_t n, scan_t *s)
{
    scan_start(s);
    while (s->begin < n) {
        int status = scan_step_ends(d, p, n, s);
        if (status == SCAN_DONE) break;
        size_t begin = s->begin;
        s->nrows = 0;
        s->nseparators = s->first = 0;
        status = scan_odd_row(d, p, n, s);
        if (status == SCAN_NO_MEMORY) return -1;
        if (status == SCAN_DONE) return (ptrdiff_t)begin;
    }
    return (ptrdiff_t)s->begin;
}

typedef struct {
    size_t begin;  /* place of its first byte: its opening quote, blanks skipped */
    size_t n;      /* bytes written */
    int quoted;
    int bad_quote; /* text follows the closing quote */
} scan_cell_t;

/* The text of any cell p[begin..end), the CR of a row end already left out. `out` has room for all of it. */
SCAN_COLD scan_cell_t scan_cell(
    const scan_dialect_t *d, const unsigned char *p, size_t begin, size_t end, unsigned char *out)
{
    scan_cell_t cell = {.begin = begin};
    size_t i = begin;
    while (d->skip_blanks && i < end && p[i] == ' ') i++;
    cell.begin = i;
    cell.quoted = d->has_quote && i < end && p[i] == d->quote;
    int open = cell.quoted;
    i += (size_t)open;
    while (i < end) {
        unsigned char byte = p[i++];
        if (d->has_escape && byte == d->escape && (open || !d->has_quote) && i < end) {
            byte = p[i++];
        } else if (open && byte == d->quote) {
            if (d->double_quote && i < end && p[i] == d->quote) {
                i++;
            } else {
                open = 0;
                cell.bad_quote = i < end;
                continue;
            }
        }
        out[cell.n++] = byte;
    }
    return cell;
}

/* The text between the quotes of a well-formed cell with doubled quotes inside. */
static size_t scan_unquote(unsigned char quote, const unsigned char *p, size_t n, unsigned char *out)
{
    unsigned char *to = out;
    while (n) {
        const unsigned char *found = memchr(p, quote, n);
        size_t part = found ? (size_t)(found - p) + 1 : n;
        memcpy(to, p, part);
        to += part;
        p += part;
        n -= part;
        if (found && n) { /* the second of the pair */
            p++;
            n--;
        }
    }
    return (size_t)(to - out);
}

#endif
