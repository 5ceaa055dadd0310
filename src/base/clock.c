#include "base/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

uint64_t clock_mono_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t clock_mono_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

time_t clock_now(void)
{
    return time(NULL);
}

void clock_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

void clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(cond, lock, &until);
}

static const char *const MONTHS[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const DAYS[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

/* 0000-01-01 and 9999-12-31T23:59:59 as seconds since the epoch: what both text forms can say. */
static const long long FIRST = -62167219200LL, LAST = 253402300799LL;

static void split(time_t t, struct tm *tm)
{
    long long v = (long long)t;
    time_t clamped = (time_t)(v < FIRST ? FIRST : v > LAST ? LAST : v);
    gmtime_r(&clamped, tm);
}

const char *clock_rfc3339(time_t t, char out[static CLOCK_TEXT])
{
    struct tm tm;
    split(t, &tm);
    snprintf(out, CLOCK_TEXT, "%04u-%02u-%02uT%02u:%02u:%02uZ", ((unsigned)tm.tm_year + 1900u) % 10000u,
             ((unsigned)tm.tm_mon + 1u) % 100u, (unsigned)tm.tm_mday % 100u, (unsigned)tm.tm_hour % 100u,
             (unsigned)tm.tm_min % 100u, (unsigned)tm.tm_sec % 100u);
    return out;
}

const char *clock_http_date(time_t t, char out[static CLOCK_TEXT])
{
    struct tm tm;
    split(t, &tm);
    snprintf(out, CLOCK_TEXT, "%s, %02u %s %04u %02u:%02u:%02u GMT", DAYS[tm.tm_wday % 7],
             (unsigned)tm.tm_mday % 100u, MONTHS[tm.tm_mon % 12], ((unsigned)tm.tm_year + 1900u) % 10000u,
             (unsigned)tm.tm_hour % 100u, (unsigned)tm.tm_min % 100u, (unsigned)tm.tm_sec % 100u);
    return out;
}

const char *clock_syslog_date(time_t t, char out[static CLOCK_TEXT])
{
    struct tm tm = {0};
    localtime_r(&t, &tm);
    snprintf(out, CLOCK_TEXT, "%s %2u %02u:%02u:%02u", MONTHS[tm.tm_mon % 12], (unsigned)tm.tm_mday % 100u,
             (unsigned)tm.tm_hour % 100u, (unsigned)tm.tm_min % 100u, (unsigned)tm.tm_sec % 100u);
    return out;
}

/* Reads exactly `n` digits. */
static bool digits(const char **p, int n, int *out)
{
    int v = 0;
    for (int i = 0; i < n; i++) {
        if (!isdigit((unsigned char)(*p)[i]))
            return false;
        v = v * 10 + ((*p)[i] - '0');
    }
    *p += n;
    *out = v;
    return true;
}

static bool literal(const char **p, const char *text)
{
    size_t n = strlen(text);
    if (strncmp(*p, text, n) != 0)
        return false;
    *p += n;
    return true;
}

/* Checks the fields against the calendar by letting timegm normalise them and comparing. */
static int assemble(struct tm *tm, time_t *out)
{
    struct tm copy = *tm;
    bool leap_second = copy.tm_sec == 60;
    if (leap_second)
        copy.tm_sec = 59;
    struct tm want = copy;
    time_t t = timegm(&copy);
    if (copy.tm_mday != want.tm_mday || copy.tm_mon != want.tm_mon || copy.tm_hour != want.tm_hour ||
        copy.tm_min != want.tm_min || copy.tm_sec != want.tm_sec)
        return ERR_SYNTAX;
    *out = t + (leap_second ? 1 : 0);
    return 0;
}

int clock_parse_rfc3339(const char *p, time_t *out)
{
    struct tm tm = {0};
    int year, month;
    if (!digits(&p, 4, &year) || !literal(&p, "-") || !digits(&p, 2, &month) || !literal(&p, "-") ||
        !digits(&p, 2, &tm.tm_mday) || (*p != 'T' && *p != 't' && *p != ' '))
        return ERR_SYNTAX;
    p++;
    if (!digits(&p, 2, &tm.tm_hour) || !literal(&p, ":") || !digits(&p, 2, &tm.tm_min) || !literal(&p, ":") ||
        !digits(&p, 2, &tm.tm_sec))
        return ERR_SYNTAX;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    if (*p == '.') {
        p++;
        if (!isdigit((unsigned char)*p))
            return ERR_SYNTAX;
        while (isdigit((unsigned char)*p))
            p++;
    }
    int offset = 0;
    if (*p == 'Z' || *p == 'z') {
        p++;
    } else if (*p == '+' || *p == '-') {
        int sign = *p++ == '+' ? 1 : -1, hours, minutes;
        if (!digits(&p, 2, &hours) || !literal(&p, ":") || !digits(&p, 2, &minutes) || hours > 23 ||
            minutes > 59)
            return ERR_SYNTAX;
        offset = sign * (hours * 3600 + minutes * 60);
    } else {
        return ERR_SYNTAX;
    }
    time_t t;
    if (*p != '\0' || assemble(&tm, &t) != 0)
        return ERR_SYNTAX;
    *out = t - offset;
    return 0;
}

static bool month(const char **p, int *out)
{
    for (int i = 0; i < 12; i++) {
        if (literal(p, MONTHS[i])) {
            *out = i;
            return true;
        }
    }
    return false;
}

static bool hms(const char **p, struct tm *tm)
{
    return digits(p, 2, &tm->tm_hour) && literal(p, ":") && digits(p, 2, &tm->tm_min) && literal(p, ":") &&
           digits(p, 2, &tm->tm_sec);
}

/* "06 Nov 1994 08:49:37 GMT", after the day's name. */
static bool imf_fixdate(const char *p, struct tm *tm)
{
    int year;
    bool ok = digits(&p, 2, &tm->tm_mday) && literal(&p, " ") && month(&p, &tm->tm_mon) && literal(&p, " ") &&
              digits(&p, 4, &year) && literal(&p, " ") && hms(&p, tm) && literal(&p, " GMT") && *p == '\0';
    if (ok)
        tm->tm_year = year - 1900;
    return ok;
}

/* "06-Nov-94 08:49:37 GMT": a year more than 50 years ahead means the past century (RFC 9110 section 5.6.7).
 */
static bool rfc850(const char *p, struct tm *tm)
{
    int year;
    bool ok = digits(&p, 2, &tm->tm_mday) && literal(&p, "-") && month(&p, &tm->tm_mon) && literal(&p, "-") &&
              digits(&p, 2, &year) && literal(&p, " ") && hms(&p, tm) && literal(&p, " GMT") && *p == '\0';
    if (!ok)
        return false;
    struct tm now;
    split(clock_now(), &now);
    int century = now.tm_year / 100 * 100;
    tm->tm_year = century + year;
    if (tm->tm_year > now.tm_year + 50)
        tm->tm_year -= 100;
    return true;
}

/* "Nov  6 08:49:37 1994" */
static bool asctime_date(const char *p, struct tm *tm)
{
    int year;
    bool ok = month(&p, &tm->tm_mon) && literal(&p, " ");
    if (ok && *p == ' ') {
        p++;
        ok = digits(&p, 1, &tm->tm_mday);
    } else if (ok) {
        ok = digits(&p, 2, &tm->tm_mday);
    }
    ok = ok && literal(&p, " ") && hms(&p, tm) && literal(&p, " ") && digits(&p, 4, &year) && *p == '\0';
    if (ok)
        tm->tm_year = year - 1900;
    return ok;
}

int clock_parse_http_date(const char *text, time_t *out)
{
    static const char *const LONG_DAYS[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                            "Thursday", "Friday", "Saturday"};
    for (int i = 0; i < 7; i++) {
        struct tm tm = {0};
        const char *p = text;
        if (literal(&p, LONG_DAYS[i]))
            return literal(&p, ", ") && rfc850(p, &tm) ? assemble(&tm, out) : ERR_SYNTAX;
        if (!literal(&p, DAYS[i]))
            continue;
        if (literal(&p, ", "))
            return imf_fixdate(p, &tm) ? assemble(&tm, out) : ERR_SYNTAX;
        return literal(&p, " ") && asctime_date(p, &tm) ? assemble(&tm, out) : ERR_SYNTAX;
    }
    return ERR_SYNTAX;
}

const char *clock_span(long long seconds, char out[static CLOCK_TEXT])
{
    static const struct {
        long long size;
        const char *one;
    } UNITS[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    unsigned long long s = seconds < 0 ? 0ull - (unsigned long long)seconds : (unsigned long long)seconds;
    for (size_t i = 0; i < ARRAY_LEN(UNITS); i++) {
        unsigned long long n = s / (unsigned long long)UNITS[i].size;
        if (n > 0 || UNITS[i].size == 1) {
            snprintf(out, CLOCK_TEXT, "%llu %s%s", n, UNITS[i].one, n == 1 ? "" : "s");
            break;
        }
    }
    return out;
}
