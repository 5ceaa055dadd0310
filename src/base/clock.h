/* Time: the only module that reads a clock for the layers in the middle. All functions are thread-safe. */
#ifndef MTLSD_BASE_CLOCK_H
#define MTLSD_BASE_CLOCK_H

#include <pthread.h>
#include <time.h>

#include "base/base.h"

/* Microseconds of CLOCK_MONOTONIC. */
uint64_t clock_mono_us(void);
/* Milliseconds of CLOCK_MONOTONIC_COARSE: cheap, good to some 4 ms, for deadlines. */
uint64_t clock_mono_ms(void);
/* Seconds since the epoch. */
time_t clock_now(void);

/* A condition that is waited for by CLOCK_MONOTONIC; and that wait, `ms` at most, with the lock held. */
void clock_cond_init(pthread_cond_t *cond);
void clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t ms);

enum { CLOCK_TEXT = 40 };
/* "2026-11-23T16:42:00Z" (RFC 3339, UTC). Years outside 0 to 9999 are clamped. */
const char *clock_rfc3339(time_t t, char out[static CLOCK_TEXT]);
/* "Mon, 23 Nov 2026 16:42:00 GMT" (RFC 9110 IMF-fixdate). */
const char *clock_http_date(time_t t, char out[static CLOCK_TEXT]);
/* "Nov 23 16:42:00", in the machine's time zone (RFC 3164 section 4.1.2). */
const char *clock_syslog_date(time_t t, char out[static CLOCK_TEXT]);
/* Reads RFC 3339 with Z or a numeric offset, fractions ignored. 0, or ERR_SYNTAX. */
MUST_CHECK int clock_parse_rfc3339(const char *text, time_t *out);
/* Reads the three date forms of RFC 9110 section 5.6.7. 0, or ERR_SYNTAX. */
MUST_CHECK int clock_parse_http_date(const char *text, time_t *out);
/* "3 days", "2 hours", "40 seconds": the largest unit of which a whole one fits, for people. `seconds` may be
 * negative (its size counts). */
const char *clock_span(long long seconds, char out[static CLOCK_TEXT]);

#endif
