/* Eight bytes at a time in one 64-bit word.
 *
 * A word holds text with its first byte lowest, on every machine, so "the next byte" is always a shift
 * right by eight. Loads are memcpy, which compilers turn into one instruction and which needs no
 * alignment. Nothing here reads a byte outside the length it is given: cells may end at the end of a
 * buffer. */
#ifndef FEEDMILL_WORD_H
#define FEEDMILL_WORD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WORD_EACH(byte) (UINT64_C(0x0101010101010101) * (uint64_t)(byte))
#define WORD_HIGH_BITS WORD_EACH(0x80)

static inline uint64_t word_load(const unsigned char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline void word_store(unsigned char *p, uint64_t word)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    memcpy(p, &word, sizeof word);
}

static inline uint32_t word_load4(const unsigned char *p)
{
    uint32_t half;
    memcpy(&half, p, sizeof half);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    half = __builtin_bswap32(half);
#endif
    return half;
}

/* The first n <= 8 bytes, zeros after them. Two loads that overlap replace a loop over the bytes. */
static inline uint64_t word_load_part(const unsigned char *p, size_t n)
{
    if (n >= 8) return word_load(p);
    if (n >= 4) return word_load4(p) | (uint64_t)word_load4(p + n - 4) << (8 * (n - 4));
    if (n == 0) return 0;
    return (uint64_t)p[0] | (uint64_t)p[n / 2] << (8 * (n / 2)) | (uint64_t)p[n - 1] << (8 * (n - 1));
}

/* The high bit of each byte that is below `limit`, for words of ASCII bytes (the sums then carry nowhere). */
static inline uint64_t word_below(uint64_t ascii, unsigned limit)
{
    return ~(ascii + WORD_EACH(0x80 - limit)) & WORD_HIGH_BITS;
}

/* n <= 8 digits as a word of eight, filled up with leading '0's: numbers of any such length take the same
 * path. */
static inline uint64_t word_load_digits(const unsigned char *p, size_t n)
{
    if (n >= 8) return word_load(p);
    if (n == 0) return WORD_EACH('0');
    return word_load_part(p, n) << (8 * (8 - n)) | WORD_EACH('0') >> (8 * n);
}

/* With '0' taken off, a digit is at most 9; adding 0x76 lifts anything above into the high bit. A byte
 * that had its high bit set before may carry into its neighbour, but then the answer is "no" already. */
static inline int word_is_digits(uint64_t word)
{
    uint64_t digits = word ^ WORD_EACH('0');
    return (((digits + WORD_EACH(0x76)) | digits) & WORD_HIGH_BITS) == 0;
}

/* The number that eight digits spell: neighbours are joined, digits to pairs, pairs to quads, quads to the
 * result. */
static inline uint32_t word_number(uint64_t word)
{
    uint64_t digits = word ^ WORD_EACH('0');
    uint64_t pairs = (digits * 10 + (digits >> 8)) & UINT64_C(0x00FF00FF00FF00FF);
    uint64_t quads = (pairs * 100 + (pairs >> 16)) & UINT64_C(0x0000FFFF0000FFFF);
    return (uint32_t)(quads * 10000 + (quads >> 32));
}

/* The digits of n <= 8 bytes, one point taken out of their midst; 0 if they are not of that shape. */
static inline int word_decimal(const unsigned char *p, size_t n, uint32_t *number, int *whole)
{
    uint64_t word = word_load_part(p, n), other = word ^ WORD_EACH('.'), below;
    uint64_t points = (other - WORD_EACH(1)) & ~other & WORD_HIGH_BITS; /* the lowest bit is sure, and it is asked for */
    unsigned at = points ? (unsigned)__builtin_ctzll(points) - 7 : 0;
    if (at == 0 || at >= 8 * (n - 1)) return 0;
    below = (UINT64_C(1) << at) - 1;
    word = (word & below) | (word >> 8 & ~below);
    word = word << (8 * (9 - n)) | WORD_EACH('0') >> (8 * (n - 1));
    if (!word_is_digits(word)) return 0;
    *number = word_number(word);
    *whole = (int)(at / 8);
    return 1;
}

/* The sum of eight digits, each times the weight of its place: first, third, … `even`, second, fourth, …
 * `odd`. Sixteen bits a pair hold it for any weights that check digits have; the last multiplication adds
 * the four pairs up. */
static inline uint32_t word_digit_sum(uint64_t word, uint32_t even, uint32_t odd)
{
    uint64_t digits = word ^ WORD_EACH('0');
    uint64_t each = UINT64_C(0x00FF00FF00FF00FF);
    uint64_t pairs = (digits & each) * even + (digits >> 8 & each) * odd;
    return (uint32_t)((pairs * UINT64_C(0x0001000100010001)) >> 48);
}

/* A hash for tables that live and die with a plan: quick and well mixed, not kept anywhere, no defence
 * against words chosen to collide. The multiplier is 2^64 divided by the golden ratio, whose multiples
 * spread most evenly (Knuth, "The Art of Computer Programming", volume 3, section 6.4). */
static inline uint64_t word_hash(const unsigned char *p, size_t n)
{
    uint64_t hash = n;
    while (n > 0) {
        size_t count = n < 8 ? n : 8;
        hash = (hash ^ word_load_part(p, count)) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 32;
        p += count;
        n -= count;
    }
    return hash;
}

#endif
