/* Shortcuts: cells that look as nearly all cells of their field do, read in a few instructions.
 *
 * A plan has a shortcut_t for each field whose declaration is of the usual kind. shortcut_row goes through the cells of a
 * row and reads those that are plain: it checks, converts and writes a cell in one go, or leaves the column as it was and
 * stops there. Then value_read (values.pxd), where the rules stand in full, takes that one cell, and shortcut_row goes on
 * behind it. So a shortcut never finds anything wrong: it says "done" or "look closer".
 *
 * shortcut_row.h is that loop. It is included once for each instruction set, because what is inlined into a function is
 * compiled for that function's instructions, and code for newer ones cannot be inlined into code for older ones at all.
 * Where there are no vectors, every cell is looked at closely.
 *
 * What the caller promises: the row is UTF-8 without a NUL, has no odd place, and has all the plan's columns; around its
 * bytes SHORTCUT_EDGE more can be read. Column memory has COLUMN_PADDING bytes to spare.
 *
 * If you add one: SHORTCUT_*, a branch in shortcut_row.h, and who may take it in shortcut_plan.pxd. The tests run each
 * against the reference (tests/core/test_shortcuts.py). */
#ifndef FEEDMILL_SHORTCUT_H
#define FEEDMILL_SHORTCUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "civil.h"
#include "columns.h"
#include "iso.h"
#include "scan.h"
#include "word.h"

enum {
    SHORTCUT_NONE,
    SHORTCUT_TEXT,
    SHORTCUT_LISTED, /* one of a few short words */
    SHORTCUT_URL,
    SHORTCUT_GTIN,
    SHORTCUT_INTEGER,
    SHORTCUT_DECIMAL,
    SHORTCUT_FLOAT,
    SHORTCUT_DATETIME
};

#define SHORTCUT_EDGE 64       /* bytes around a row that can be read */
#define SHORTCUT_LONGEST 1024  /* bytes of a text; the C library copies longer ones faster */
#define SHORTCUT_WORDS 8       /* two vectors of four in each half */
#define SHORTCUT_WORD 16       /* bytes of a listed word */
#define SHORTCUT_CLOCK (ISO_DATE + 1 + ISO_TIME) /* bytes of YYYY-MM-DDTHH:MM:SS */

typedef struct {
    int what;            /* SHORTCUT_* */
    int column;          /* of the file */
    int field;           /* of the schema */
    int takes_empty;     /* an empty cell is a missing value, and may be */
    int trims, collapses, lowers;
    int precision, scale;
    uint32_t shortest;   /* bytes, 1 or more; anything below needs a closer look */
    uint32_t longest;
    uint32_t spread;     /* between the two */
    int64_t low, high;   /* inclusive */
    double real_low, real_high;
    uint64_t words[2][SHORTCUT_WORDS]; /* first and last eight bytes of each, zeros behind its end */
} shortcut_t;

typedef struct {
    const shortcut_t *all;
    int count;
    const unsigned char *p; /* byte i of the chunk is p[i], for those of the row */
    const uint32_t *ends;   /* of the cells; ends[-1] stands before the first */
    unsigned char quote;    /* NUL, which the row has not, where the dialect has none */
    ptrdiff_t row;          /* the slot written to */
    column_t *columns;
} shortcut_row_t;

#if SCAN_X86

#include "_core/shortcut_digits.h"

/* —— A block at a time, a bit for each byte ————————————————————————————————————————————————————————————————————— */

typedef struct {
    __m128i v[2];
} shortcut_block_sse2;
typedef uint32_t shortcut_bits_sse2;

SCAN_INLINE shortcut_block_sse2 shortcut_load_sse2(const unsigned char *p)
{
    shortcut_block_sse2 b;
    for (int k = 0; k < 2; k++) b.v[k] = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * k));
    return b;
}

SCAN_INLINE void shortcut_store_sse2(unsigned char *out, shortcut_block_sse2 b)
{
    for (int k = 0; k < 2; k++) _mm_storeu_si128((__m128i *)(void *)(out + 16 * k), b.v[k]);
}

SCAN_INLINE uint32_t shortcut_equal_sse2(shortcut_block_sse2 b, char byte)
{
    uint32_t low = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(b.v[0], _mm_set1_epi8(byte)));
    return low | (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(b.v[1], _mm_set1_epi8(byte))) << 16;
}

/* Bytes that can be, or start, white space other than a blank: controls, U+0080 to U+00BF, U+1000 to U+3FFF. */
SCAN_INLINE uint32_t shortcut_spaces_sse2(shortcut_block_sse2 b)
{
    uint32_t bits[2];
    for (int k = 0; k < 2; k++) {
        __m128i found = _mm_or_si128(shortcut_within(b.v[k], 0, 0x1F), shortcut_within(b.v[k], 0xE1, 0xE3));
        found = _mm_or_si128(found, _mm_cmpeq_epi8(b.v[k], _mm_set1_epi8((char)0xC2)));
        bits[k] = (uint32_t)_mm_movemask_epi8(found);
    }
    return bits[0] | bits[1] << 16;
}

/* Of what RFC 3986 allows after the scheme, what feeds have: letters, digits, & ' ( ) * + , - . / : ; = ? @ _ */
SCAN_INLINE uint32_t shortcut_usual_sse2(shortcut_block_sse2 b)
{
    uint32_t bits[2];
    for (int k = 0; k < 2; k++) {
        __m128i v = b.v[k];
        __m128i found = shortcut_within(_mm_or_si128(v, _mm_set1_epi8(0x20)), 'a', 'z');
        found = _mm_or_si128(found, _mm_or_si128(shortcut_within(v, '&', ';'), shortcut_within(v, '?', '@')));
        found = _mm_or_si128(found, _mm_cmpeq_epi8(v, _mm_set1_epi8('=')));
        found = _mm_or_si128(found, _mm_cmpeq_epi8(v, _mm_set1_epi8('_')));
        bits[k] = (uint32_t)_mm_movemask_epi8(found);
    }
    return bits[0] | bits[1] << 16;
}

SCAN_INLINE int shortcut_is_listed_sse2(const shortcut_t *op, uint64_t head, uint64_t tail)
{
    int found = 0;
    for (int i = 0; i < SHORTCUT_WORDS; i++) found |= (op->words[0][i] == head) & (op->words[1][i] == tail);
    return found;
}

/* YYYY-MM-DDTHH:MM:SS */
SCAN_INLINE int shortcut_datetime_sse2(const unsigned char *p, int64_t *us)
{
    int date = iso_date_number(p), time = iso_time_number(p + ISO_DATE + 1);
    int year = date / 10000, month = date / 100 % 100, day = date % 100;
    int hour = time / 10000, minute = time / 100 % 100, second = time % 100;
    if ((date | time) < 0 || p[ISO_DATE] != 'T') return 0;
    if (year < 1 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59) return 0;
    return shortcut_instant(year, month, day, (hour * 60 + minute) * 60 + second, us);
}

#define SHORTCUT_NAME(word) word##_sse2
#define SHORTCUT_TARGET
#define SHORTCUT_BLOCK 32
#include "_core/shortcut_row.h"

/* Which bytes are in a set, told by a bit that their two halves have in common: high halves from 8 on have none. */
typedef struct {
    __m128i by_low, by_high;
} shortcut_class_t;

/* See shortcut_spaces_sse2. Bits: 1 a control, 2 C2, 4 E1 to E3. */
SCAN_INLINE shortcut_class_t shortcut_spaces(void)
{
    shortcut_class_t class = {
        _mm_setr_epi8(1, 5, 7, 5, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
        _mm_setr_epi8(1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 4, 0)};
    return class;
}

/* See shortcut_usual_sse2. Bits, by high half: 1 for 2, 2 for 3, 32 for 4, 8 for 5, 4 for 6, 16 for 7. */
SCAN_INLINE shortcut_class_t shortcut_usual(void)
{
    shortcut_class_t class = {
        _mm_setr_epi8(58, 62, 62, 62, 62, 62, 63, 63, 63, 63, 63, 39, 37, 39, 37, 47),
        _mm_setr_epi8(0, 0, 1, 2, 32, 8, 4, 16, 0, 0, 0, 0, 0, 0, 0, 0)};
    return class;
}

#define SHORTCUT_TARGET __attribute__((target("avx2,bmi,bmi2,popcnt,lzcnt")))
#define SHORTCUT_INLINE SHORTCUT_TARGET SCAN_INLINE

typedef __m256i shortcut_block_avx2;
typedef uint32_t shortcut_bits_avx2;

SHORTCUT_INLINE __m256i shortcut_load_avx2(const unsigned char *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

SHORTCUT_INLINE void shortcut_store_avx2(unsigned char *out, __m256i v)
{
    _mm256_storeu_si256((__m256i *)(void *)out, v);
}

SHORTCUT_INLINE uint32_t shortcut_equal_avx2(__m256i v, char byte)
{
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_set1_epi8(byte)));
}

SHORTCUT_INLINE uint32_t shortcut_class_avx2(__m256i v, shortcut_class_t class)
{
    __m256i half = _mm256_set1_epi8(15);
    __m256i low = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(class.by_low), _mm256_and_si256(v, half));
    __m256i high = _mm256_and_si256(_mm256_srli_epi16(v, 4), half);
    __m256i both = _mm256_and_si256(low, _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(class.by_high), high));
    return ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(both, _mm256_setzero_si256()));
}

SHORTCUT_INLINE uint32_t shortcut_spaces_avx2(__m256i v)
{
    return shortcut_class_avx2(v, shortcut_spaces());
}

SHORTCUT_INLINE uint32_t shortcut_usual_avx2(__m256i v)
{
    return shortcut_class_avx2(v, shortcut_usual());
}

SHORTCUT_INLINE int shortcut_is_listed_avx2(const shortcut_t *op, uint64_t head, uint64_t tail)
{
    __m256i heads = _mm256_set1_epi64x((long long)head), tails = _mm256_set1_epi64x((long long)tail);
    __m256i found = _mm256_setzero_si256();
    for (int i = 0; i < SHORTCUT_WORDS; i += 4) {
        __m256i first = _mm256_loadu_si256((const __m256i *)(const void *)(op->words[0] + i));
        __m256i last = _mm256_loadu_si256((const __m256i *)(const void *)(op->words[1] + i));
        found = _mm256_or_si256(
            found, _mm256_and_si256(_mm256_cmpeq_epi64(first, heads), _mm256_cmpeq_epi64(last, tails)));
    }
    return !_mm256_testz_si256(found, found);
}

/* YYYY-MM-DDTHH:MM:SS: fourteen digits gathered, joined to seven numbers, and each held to its range. */
SHORTCUT_INLINE int shortcut_datetime_avx2(const unsigned char *p, int64_t *us)
{
    __m128i start = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i end = _mm_loadu_si128((const __m128i *)(const void *)(p + 4));
    __m128i digits = _mm_shuffle_epi8(start, _mm_setr_epi8(0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, -1, -1, -1, -1));
    __m128i marks = _mm_shuffle_epi8(start, _mm_setr_epi8(4, 7, 10, 13, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
    __m128i numbers, bad;
    digits = _mm_or_si128(
        digits, _mm_shuffle_epi8(end, _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 13, 14, -1, -1)));
    marks = _mm_or_si128(
        marks, _mm_shuffle_epi8(end, _mm_setr_epi8(-1, -1, -1, -1, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1)));
    digits = _mm_sub_epi8(digits, _mm_setr_epi8(48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 0, 0));
    marks = _mm_xor_si128(marks, _mm_setr_epi8('-', '-', 'T', ':', ':', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
    numbers = _mm_maddubs_epi16(digits, _mm_set1_epi16(0x010A));
    bad = _mm_subs_epu8(digits, _mm_set1_epi8(9));
    bad = _mm_or_si128(bad, _mm_cmpgt_epi16(numbers, _mm_setr_epi16(99, 99, 12, 31, 23, 59, 59, 0)));
    bad = _mm_or_si128(bad, _mm_cmpgt_epi16(_mm_setr_epi16(0, 0, 1, 1, 0, 0, 0, 0), numbers));
    bad = _mm_or_si128(bad, marks);
    if (!_mm_testz_si128(bad, bad)) return 0;
    int year = _mm_extract_epi16(numbers, 0) * 100 + _mm_extract_epi16(numbers, 1);
    int minute = _mm_extract_epi16(numbers, 4) * 60 + _mm_extract_epi16(numbers, 5);
    if (year == 0) return 0;
    return shortcut_instant(
        year, _mm_extract_epi16(numbers, 2), _mm_extract_epi16(numbers, 3),
        minute * 60 + _mm_extract_epi16(numbers, 6), us);
}

#define SHORTCUT_NAME(word) word##_avx2
#define SHORTCUT_BLOCK 32
#include "_core/shortcut_row.h"
#undef SHORTCUT_INLINE

/* Sixty-four bytes are one vector here: more texts are done in one step, and fewer ends of loops are guessed wrong. */
#define SHORTCUT_TARGET \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi2,avx2,bmi,bmi2,popcnt,lzcnt")))
#define SHORTCUT_INLINE SHORTCUT_TARGET SCAN_INLINE

typedef __m512i shortcut_block_avx512;
typedef uint64_t shortcut_bits_avx512;

SHORTCUT_INLINE __m512i shortcut_load_avx512(const unsigned char *p)
{
    return _mm512_loadu_si512(p);
}

SHORTCUT_INLINE void shortcut_store_avx512(unsigned char *out, __m512i v)
{
    _mm512_storeu_si512(out, v);
}

SHORTCUT_INLINE uint64_t shortcut_equal_avx512(__m512i v, char byte)
{
    return _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(byte));
}

SHORTCUT_INLINE uint64_t shortcut_class_avx512(__m512i v, shortcut_class_t class)
{
    __m512i half = _mm512_set1_epi8(15);
    __m512i low = _mm512_shuffle_epi8(_mm512_broadcast_i32x4(class.by_low), _mm512_and_si512(v, half));
    __m512i high = _mm512_and_si512(_mm512_srli_epi16(v, 4), half);
    return _mm512_test_epi8_mask(low, _mm512_shuffle_epi8(_mm512_broadcast_i32x4(class.by_high), high));
}

SHORTCUT_INLINE uint64_t shortcut_spaces_avx512(__m512i v)
{
    return shortcut_class_avx512(v, shortcut_spaces());
}

SHORTCUT_INLINE uint64_t shortcut_usual_avx512(__m512i v)
{
    return shortcut_class_avx512(v, shortcut_usual());
}

#define shortcut_is_listed_avx512 shortcut_is_listed_avx2
#define shortcut_datetime_avx512 shortcut_datetime_avx2

#define SHORTCUT_NAME(word) word##_avx512
#define SHORTCUT_BLOCK 64
#include "_core/shortcut_row.h"
#undef SHORTCUT_INLINE

#endif

/* The place that byte 0 of the chunk would have, were a copied row a part of it: reckoned in numbers, as there may be no
 * such place. */
static inline const unsigned char *shortcut_origin(const unsigned char *row, ptrdiff_t begin)
{
    return (const unsigned char *)((uintptr_t)row - (uintptr_t)begin);
}

/* Go through the cells of a row from place `at` of the plan on; give the place of the first that takes a closer look,
 * or how many there are. */
static inline int shortcut_row(int isa, const shortcut_row_t *row, int at)
{
#if SCAN_X86
    if (isa == SCAN_AVX512) return shortcut_row_avx512(row, at);
    if (isa == SCAN_AVX2) return shortcut_row_avx2(row, at);
    if (isa == SCAN_SSE2) return shortcut_row_sse2(row, at);
#endif
    (void)isa, (void)row;
    return at;
}

#endif
