/* Any messages through the record of a handshake: it stays within its bounds, and whatever it kept can be
 * shown.
 *
 * The input is a row of events: a byte that says what comes and from whom, for a handshake message the byte
 * of its type, a length of two bytes, and so many bytes. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "http/view.h"
#include "tls/frames.h"
#include "tls/record.h"

enum { EVENT_MESSAGE, EVENT_WATCH, EVENT_ALERT, EVENT_TRIM, FROM_SERVER = 4, IS_RETRY = 8, IS_END = 16 };

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void event(struct record *record, struct frames frames[static 2], uint8_t what, uint8_t type,
                  struct wire bytes, uint64_t now)
{
    enum record_side from = what & FROM_SERVER ? RECORD_SERVER : RECORD_CLIENT;
    /* An allocation of exactly this size, so that a sanitizer sees a read behind its end. */
    uint8_t *copy = malloc(bytes.n ? bytes.n : 1);
    require(copy != NULL);
    if (bytes.n > 0)
        memcpy(copy, bytes.p, bytes.n);
    switch (what & 3) {
    case EVENT_MESSAGE:
        record_message(record, from, what & IS_RETRY ? GNUTLS_HANDSHAKE_HELLO_RETRY_REQUEST : type, copy,
                       bytes.n, now);
        break;
    case EVENT_WATCH:
        if (frames_feed(&frames[from], copy, bytes.n))
            record_change_cipher_spec(record, from, now);
        break;
    case EVENT_ALERT:
        record_alert(record, from, bytes.n & 3, type, frames_alert(&frames[from]) >= 0, now);
        break;
    default:
        record_trim(record, bytes.n);
        break;
    }
    free(copy);
    if (what & IS_END)
        record_end(record);
}

static void check_bounds(const struct record *record)
{
    size_t n = record_count(record), bytes = 0;
    require(n <= RECORD_MOST_MESSAGES);
    for (size_t i = 0; i < n; i++) {
        struct record_item item;
        record_get(record, i, &item);
        require(item.name && item.kind < DETAIL_COUNT);
        bytes += item.detail.n;
    }
    require(bytes <= RECORD_MOST_DETAIL);
    struct record_other other[RECORD_MOST_OTHER];
    size_t n_other = record_other_mode(record, other);
    require(n_other <= RECORD_MOST_OTHER);
    for (size_t i = 0; i < n_other; i++)
        require(other[i].after >= -1 && other[i].after < (int)n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire in = {data, size}, bytes;
    uint8_t flags, what, type;
    uint64_t now = 1;
    if (!wire_u8(&in, &flags))
        return 0;
    struct frames frames[2] = {{0}};
    struct record *record = record_new(0, flags & 1, !(flags & 2));
    require(record != NULL);
    while (wire_u8(&in, &what) && wire_u8(&in, &type) && wire_vector16(&in, &bytes))
        event(record, frames, what, type, bytes, now++);
    check_bounds(record);
    json_t *json = view_handshake(record, NULL, 0);
    require(json != NULL);
    json_decref(json);
    struct buf text = {0};
    record_text(record, &text);
    require(!buf_failed(&text));
    buf_done(&text);
    record_unref(record);
    return 0;
}
