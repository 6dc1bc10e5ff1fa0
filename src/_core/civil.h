/* Days and dates of the Gregorian calendar, in whole-number arithmetic, for years from 0001 to 9999.
 *
 * Years are counted from 1 March of year 0, so that the leap day is a year's last and the months before it
 * form a regular pattern: the days before month m (March is 0) are (153 m + 2) / 5. */
#ifndef FEEDMILL_CIVIL_H
#define FEEDMILL_CIVIL_H

#include <stdint.h>

#define CIVIL_DAYS_TO_1970 719468         /* from 1 March of year 0 */
#define CIVIL_FIRST_DAY INT64_C(-719162)  /* 0001-01-01, counted from 1970-01-01 */
#define CIVIL_LAST_DAY INT64_C(2932896)   /* 9999-12-31 */
#define CIVIL_DAY_US INT64_C(86400000000) /* microseconds of a day */

static inline int civil_is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* The days of a month; 0 for a month there is not. */
static inline int civil_month_days(int year, int month)
{
    static const unsigned char DAYS[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12) return 0;
    return DAYS[month] + (month == 2 && civil_is_leap(year));
}

/* Days from 1970-01-01. */
static inline int32_t civil_days(int year, int month, int day)
{
    int is_before_march = month < 3;
    int y = year - is_before_march;
    int m = month - 3 + 12 * is_before_march;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - CIVIL_DAYS_TO_1970;
}

/* The date that is `days` from 1970-01-01. Of a cycle of 146,097 days in 400 years, the divisions take
 * away first what leap days add, so that the rest falls into years of 365 days. */
static inline void civil_date(int32_t days, int *year, int *month, int *day)
{
    int since = days + CIVIL_DAYS_TO_1970;
    int cycle = since / 146097;
    int in_cycle = since % 146097;
    int y = (in_cycle - in_cycle / 1460 + in_cycle / 36524 - in_cycle / 146096) / 365;
    int in_year = in_cycle - (365 * y + y / 4 - y / 100);
    int m = (5 * in_year + 2) / 153;
    *day = in_year - (153 * m + 2) / 5 + 1;
    *month = m < 10 ? m + 3 : m - 9;
    *year = 400 * cycle + y + (m >= 10);
}

#endif
