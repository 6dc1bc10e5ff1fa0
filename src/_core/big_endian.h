/* Numbers with their highest byte first, as PostgreSQL sends and is sent them. Each gives the place after it.
 *
 * Compilers see through the shifts: one byte swap and one store each. */
#ifndef FEEDMILL_BIG_ENDIAN_H
#define FEEDMILL_BIG_ENDIAN_H

#include <stdint.h>

static inline unsigned char *big_put16(unsigned char *out, uint16_t v)
{
    out[0] = (unsigned char)(v >> 8);
    out[1] = (unsigned char)v;
    return out + 2;
}

static inline unsigned char *big_put32(unsigned char *out, uint32_t v)
{
    out[0] = (unsigned char)(v >> 24);
    out[1] = (unsigned char)(v >> 16);
    out[2] = (unsigned char)(v >> 8);
    out[3] = (unsigned char)v;
    return out + 4;
}

static inline unsigned char *big_put64(unsigned char *out, uint64_t v)
{
    out[0] = (unsigned char)(v >> 56);
    out[1] = (unsigned char)(v >> 48);
    out[2] = (unsigned char)(v >> 40);
    out[3] = (unsigned char)(v >> 32);
    out[4] = (unsigned char)(v >> 24);
    out[5] = (unsigned char)(v >> 16);
    out[6] = (unsigned char)(v >> 8);
    out[7] = (unsigned char)v;
    return out + 8;
}

#endif
