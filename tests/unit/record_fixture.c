#include "record_fixture.h"

#include <check.h>
#include <string.h>

#include "http/view.h"

enum { AES_128_GCM = 0x1301 };

static uint64_t clock_us;

uint64_t now(void)
{
    return clock_us += STEP;
}

struct record *new_record(bool asks)
{
    clock_us = BEGUN;
    struct record *record = record_new(BEGUN, asks, true);
    ck_assert_ptr_nonnull(record);
    return record;
}

void send_message(struct record *record, enum record_side from, unsigned type, const void *body, size_t len)
{
    record_message(record, from, type, body, len, now());
}

void send_ccs(struct record *record, enum record_side from)
{
    record_change_cipher_spec(record, from, now());
}

json_t *view(const struct record *record)
{
    json_t *json = view_handshake(record, NULL, 0);
    ck_assert_ptr_nonnull(json);
    return json;
}

void server_hello(struct record *record, bool tls13, bool psk)
{
    uint8_t body[128] = {0x03, 0x03};
    size_t n = 34;
    body[n++] = 0;
    body[n++] = AES_128_GCM >> 8, body[n++] = AES_128_GCM & 0xff;
    body[n++] = 0;
    if (tls13) {
        static const uint8_t VERSION[] = {0, 43, 0, 2, 3, 4}, PSK[] = {0, 41, 0, 2, 0, 0};
        body[n++] = 0, body[n++] = (uint8_t)(sizeof VERSION + (psk ? sizeof PSK : 0));
        memcpy(body + n, VERSION, sizeof VERSION);
        n += sizeof VERSION;
        if (psk) {
            memcpy(body + n, PSK, sizeof PSK);
            n += sizeof PSK;
        }
    }
    send_message(record, RECORD_SERVER, TLS_SERVER_HELLO, body, n);
}

void client_hello(struct record *record)
{
    /* version, random, no session, one suite, one compression, no extension */
    uint8_t body[34 + 1 + 2 + 2 + 2] = {0x03, 0x03};
    body[36] = 2, body[37] = 0x13, body[38] = 0x01, body[39] = 1;
    send_message(record, RECORD_CLIENT, TLS_CLIENT_HELLO, body, sizeof body);
}

void empty(struct record *record, enum record_side from, unsigned type)
{
    send_message(record, from, type, NULL, 0);
}
