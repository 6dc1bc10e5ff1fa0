/* The two fixed shapes of ISO 8601, YYYY-MM-DD and HH:MM:SS, each as one number.
 *
 * Eight bytes are one word; its marks are compared in place, and what is left is pushed together to a word
 * of digits. */
#ifndef FEEDMILL_ISO_H
#define FEEDMILL_ISO_H

#include <stdint.h>

#include "word.h"

#define ISO_DATE 10 /* bytes of YYYY-MM-DD */
#define ISO_TIME 8  /* bytes of HH:MM:SS */
#define ISO_OFFSET_LIMIT (15 * 60 + 59) /* minutes; PostgreSQL reads no offset beyond 15:59 */

/* YYYYMMDD of the ten bytes of YYYY-MM-DD; -1 if they are not of that shape. */
static inline int iso_date_number(const unsigned char *p)
{
    uint64_t word = word_load(p);
    uint64_t year = word & UINT64_C(0xFFFFFFFF);
    uint64_t month = (word >> 40 & 0xFFFF) << 32;
    uint64_t day = (uint64_t)p[8] << 48 | (uint64_t)p[9] << 56;
    uint64_t digits = year | month | day;
    if ((word >> 32 & 0xFF) != '-' || word >> 56 != '-' || !word_is_digits(digits)) return -1;
    return (int)word_number(digits);
}

/* HHMMSS of the eight bytes of HH:MM:SS; -1 if they are not of that shape. */
static inline int iso_time_number(const unsigned char *p)
{
    uint64_t word = word_load(p);
    uint64_t hour = (word & 0xFFFF) << 16;
    uint64_t minute = (word >> 24 & 0xFFFF) << 32;
    uint64_t second = word >> 48 << 48;
    uint64_t digits = hour | minute | second | '0' | '0' << 8; /* two zeros in front make it eight */
    if ((word >> 16 & 0xFF) != ':' || (word >> 40 & 0xFF) != ':' || !word_is_digits(digits)) return -1;
    return (int)word_number(digits);
}

#endif
