#include "pki/serials.h"

#include "base/err.h"
#include "base/pages.h"

/* A record: one octet with the length of the serial number, the number, the date as five octets, the reason.
 */
enum { DATE_OCTETS = 5, RECORD_MORE = 1 + DATE_OCTETS + 1, NO_REASON = 255, MOST_REASON = 254 };
/* Later than any date that DER can hold: none. */
static const uint64_t NO_DATE = (1ULL << (8 * DATE_OCTETS)) - 1;
/* Added to a date, so that those before 1970 (at least the year 1) are not negative. */
static const int64_t DATE_BIAS = 62135596800;

/* What is compared first. Almost always it decides, without a look at a record. */
struct sorted {
    uint64_t key; /* the length, and the number's first seven octets */
    uint32_t at;
};

struct der serial_normal(struct der s)
{
    while (s.n > 1 && s.p[0] == 0)
        s = der_skip(s, 1);
    return s;
}

int serials_reserve(struct serials *serials, size_t n, size_t octets)
{
    struct serials room = {.octets_room = octets + n * RECORD_MORE, .at_room = n * sizeof(*serials->at)};
    *serials = (struct serials){0};
    if (room.octets_room > UINT32_MAX)
        return ERR_RANGE;
    room.octets = pages_new(room.octets_room);
    room.at = pages_new(room.at_room);
    *serials = room;
    if (room.octets != NULL && room.at != NULL)
        return 0;
    serials_done(serials);
    return ERR_NOMEM;
}

void serials_done(struct serials *serials)
{
    pages_free(serials->octets, serials->octets_room);
    pages_free(serials->at, serials->at_room);
    *serials = (struct serials){0};
}

void serials_add(struct serials *serials, struct der serial, const struct crl_entry *entry)
{
    serial = serial_normal(serial);
    unsigned char *p = serials->octets + serials->used;
    uint64_t date = entry->dated ? (uint64_t)((int64_t)entry->date + DATE_BIAS) : NO_DATE;
    serials->at[serials->n++] = (uint32_t)serials->used;
    *p++ = (unsigned char)serial.n;
    memcpy(p, serial.p, serial.n);
    p += serial.n;
    for (int shift = 8 * (DATE_OCTETS - 1); shift >= 0; shift -= 8)
        *p++ = (unsigned char)(date >> shift);
    *p++ = (unsigned char)(entry->reason < 0             ? NO_REASON
                           : entry->reason > MOST_REASON ? MOST_REASON
                                                         : entry->reason);
    serials->used = (size_t)(p - serials->octets);
}

static struct der serial_at(const struct serials *serials, uint32_t at)
{
    return (struct der){serials->octets + at + 1, serials->octets[at]};
}

static uint64_t key_of(struct der serial)
{
    uint64_t key = serial.n;
    for (size_t i = 0; i < 7; i++)
        key = key << 8 | (i < serial.n ? serial.p[i] : 0);
    return key;
}

int serial_compare(struct der a, struct der b)
{
    if (a.n != b.n)
        return a.n < b.n ? -1 : 1;
    return a.n == 0 ? 0 : memcmp(a.p, b.p, a.n);
}

static bool before(const struct serials *serials, const struct sorted *a, const struct sorted *b)
{
    return a->key != b->key ? a->key < b->key
                            : serial_compare(serial_at(serials, a->at), serial_at(serials, b->at)) < 0;
}

/* Two runs, `from`[0 .. left) and [left .. n), into one. */
static void merge(const struct serials *serials, const struct sorted *from, size_t left, size_t n,
                  struct sorted *to)
{
    for (size_t i = 0, k = left, at = 0; at < n; at++)
        to[at] = i < left && (k >= n || !before(serials, &from[k], &from[i])) ? from[i++] : from[k++];
}

/* By merging from the bottom upwards: the same time whatever somebody put into the list, and no other memory.
 */
int serials_sort(struct serials *serials)
{
    size_t n = serials->n, size = 2 * n * sizeof(struct sorted);
    if (n < 2)
        return 0;
    struct sorted *both = pages_new(size);
    if (both == NULL)
        return ERR_NOMEM;
    struct sorted *from = both, *to = both + n;
    for (size_t i = 0; i < n; i++)
        from[i] = (struct sorted){key_of(serial_at(serials, serials->at[i])), serials->at[i]};
    for (size_t run = 1; run < n; run *= 2) {
        for (size_t i = 0; i < n; i += 2 * run) {
            size_t all = n - i < 2 * run ? n - i : 2 * run;
            merge(serials, from + i, all < run ? all : run, all, to + i);
        }
        struct sorted *swap = from;
        from = to;
        to = swap;
    }
    for (size_t i = 0; i < n; i++)
        serials->at[i] = from[i].at;
    pages_free(both, size);
    return 0;
}

static struct crl_entry entry_at(const struct serials *serials, uint32_t at)
{
    const unsigned char *p = serials->octets + at + 1 + serials->octets[at];
    uint64_t date = 0;
    for (int i = 0; i < DATE_OCTETS; i++)
        date = date << 8 | *p++;
    bool dated = date != NO_DATE;
    return (struct crl_entry){dated ? (time_t)((int64_t)date - DATE_BIAS) : 0, dated,
                              *p == NO_REASON ? REASON_NONE : *p};
}

static bool find(const struct serials *serials, struct der serial, struct crl_entry *out)
{
    size_t low = 0, high = serials->n;
    bool found = false;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (serial_compare(serial_at(serials, serials->at[mid]), serial) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < serials->n && serial_compare(serial_at(serials, serials->at[low]), serial) == 0; low++) {
        *out = entry_at(serials, serials->at[low]);
        found = true;
        if (out->reason != REASON_REMOVE_FROM_CRL)
            break;
    }
    return found;
}

bool serials_find(const struct serials *serials, struct der serial, struct crl_entry *out)
{
    enum { LONGEST = 24 }; /* some more than RFC 5280 section 4.1.2.2 allows */
    unsigned char longer[2 * LONGEST];
    serial = serial_normal(serial);
    bool found = find(serials, serial, out);
    /* A negative number may be written with more octets of ones than it needs, here or in the list. */
    if (found || serial.n == 0 || serial.n > LONGEST || (serial.p[0] & 0x80) == 0)
        return found;
    memset(longer, 0xff, LONGEST);
    memcpy(longer + LONGEST, serial.p, serial.n);
    for (size_t more = 1; !found && serial.n + more <= LONGEST; more++)
        found = find(serials, (struct der){longer + LONGEST - more, serial.n + more}, out);
    while (!found && serial.n > 1 && serial.p[0] == 0xff && (serial.p[1] & 0x80) != 0) {
        serial = der_skip(serial, 1);
        found = find(serials, serial, out);
    }
    return found;
}
