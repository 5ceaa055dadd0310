/* Long records that libipsec-mb seals, as a client of GnuTLS's own reads them: between those that GnuTLS
 * makes, and over changes of the key. Where there is no libipsec-mb, or no processor for it, the same holds
 * of GnuTLS alone. */
#include "suites.h"

#include <gnutls/gnutls.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mapping.h"
#include "tls/library.h"
#include "tls/seal.h"
#include "transport_fixture.h"

enum { BODY = 40 * SEAL_PLAIN + 1000 };

static uint8_t body[BODY], heard[BODY];
static size_t n_heard;

/* As the server's does (server/conn_handshake.c). */
static int hook(gnutls_session_t session UNUSED, unsigned type UNUSED, unsigned when UNUSED,
                unsigned incoming, const gnutls_datum_t *message UNUSED)
{
    if (incoming)
        transport_rekeyed(&tf.transport);
    return 0;
}

static void connect_with(const char *priority, size_t most)
{
    tf_connect(priority, most);
    gnutls_handshake_set_hook_function(tf.server, GNUTLS_HANDSHAKE_KEY_UPDATE, GNUTLS_HOOK_PRE, hook);
    for (size_t i = 0; i < BODY; i++)
        body[i] = (uint8_t)(i * 31 + i / 251);
    n_heard = 0;
}

/* Takes what came; a record of `most` bytes at most each. */
static void hear(size_t most)
{
    ssize_t n = GNUTLS_E_AGAIN;
    while (n_heard < BODY &&
           (n = tls_library()->record_recv(tf.client, heard + n_heard, BODY - n_heard)) > 0) {
        ck_assert_uint_le((size_t)n, most);
        n_heard += (size_t)n;
    }
    ck_assert_msg(n_heard == BODY || n == GNUTLS_E_AGAIN, "%zd", n);
}

/* The body from `from` up to `to` to the client, who hears it as it comes. */
static void send_body(size_t from, size_t to, size_t most)
{
    while (from < to) {
        transport_enter(&tf.transport);
        const ssize_t n = transport_write(&tf.transport, body + from, to - from);
        ck_assert_int_eq(transport_leave(&tf.transport, false), 0);
        ck_assert_msg(n > 0 || n == GNUTLS_E_AGAIN, "%zd", n);
        from += n > 0 ? (size_t)n : 0;
        hear(most);
    }
    hear(most);
    ck_assert_uint_eq(n_heard, to);
    ck_assert_mem_eq(heard, body, to);
}

/* The key that the server writes with. */
static void key_now(uint8_t key[static 32])
{
    gnutls_datum_t now;
    memset(key, 0, 32);
    ck_assert_int_eq(gnutls_record_get_state(tf.server, 0, NULL, NULL, &now, NULL), 0);
    memcpy(key, now.data, now.size);
}

static bool sealer_has(const uint8_t key[static 16])
{
    return tf.share.sealer && memmem(tf.share.sealer, malloc_usable_size(tf.share.sealer), key, 16);
}

static uint64_t number_now(void)
{
    uint8_t bytes[8];
    uint64_t number = 0;
    ck_assert_int_eq(gnutls_record_get_state(tf.server, 0, NULL, NULL, NULL, bytes), 0);
    for (size_t i = 0; i < sizeof bytes; i++)
        number = number << 8 | bytes[i];
    return number;
}

/* The next record has this number, for both. */
static void go_to(uint64_t number)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(number >> 8 * (7 - i));
    ck_assert_int_eq(gnutls_record_set_state(tf.server, 0, bytes), 0);
    ck_assert_int_eq(gnutls_record_set_state(tf.client, 1, bytes), 0);
}

#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL"

/* Which ciphers are sealed here, where this can be done at all. */
static const struct {
    const char *priority;
    bool sealed;
} KINDS[] = {
    {TLS13 ":+AES-128-GCM", true},
    {TLS13 ":+AES-256-GCM", true},
    {TLS13 ":+CHACHA20-POLY1305", false},
    {TLS13 ":+AES-128-CCM", false},
    {"NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM", false},
};

/* By itself: each record is of a number of its own, GnuTLS's go between, and what cannot be done takes no
 * number. */
START_TEST(record)
{
    static uint8_t sealed[SEAL_RECORD];
    connect_with(KINDS[_i].priority, 0);
    const bool can = seal_prepare() && KINDS[_i].sealed;
    size_t at = 0;
    ck_assert(!seal_record(NULL, tf.server, body, sealed)); /* there was no memory for it */
    for (int i = 0; i < 5; i++) {
        const uint64_t number = number_now();
        ck_assert_int_eq(seal_record(tf.share.sealer, tf.server, body + at, sealed), can);
        ck_assert_uint_eq(number_now(), number + can);
        if (can) {
            ck_assert_int_eq(send(tf.near, sealed, sizeof sealed, 0), (ssize_t)sizeof sealed);
            at += SEAL_PLAIN;
        }
        transport_enter(&tf.transport);
        ck_assert_int_eq(transport_write(&tf.transport, body + at, 100), 100);
        ck_assert_int_eq(transport_leave(&tf.transport, false), 0);
        at += 100;
        hear(SEAL_PLAIN);
        ck_assert_uint_eq(n_heard, at);
        ck_assert_mem_eq(heard, body, at);
    }
    tf_end();
}
END_TEST

/* Through the transport, to a socket that does not take all at once. */
START_TEST(long_body)
{
    connect_with(KINDS[_i].priority, 0);
    (void)seal_prepare();
    send_body(0, BODY, SEAL_PLAIN);
    tf_end();
}
END_TEST

/* A client that said that it takes less gets no long record. */
START_TEST(small_records)
{
    static const size_t MOST[] = {512, 4096, SEAL_PLAIN - 1};
    (void)seal_prepare();
    for (size_t i = 0; i < ARRAY_LEN(MOST); i++) {
        connect_with(KINDS[0].priority, MOST[i]);
        send_body(0, BODY, MOST[i]);
        tf_end();
    }
}
END_TEST

/* Each time that the client wants the server's key changed, it is, before more is sent (RFC 8446
 * section 4.6.3). */
START_TEST(key_updates)
{
    enum { PART = BODY / 4 };
    uint8_t before[32], after[32];
    connect_with(KINDS[0].priority, 0);
    const bool can = seal_prepare();
    send_body(0, PART, SEAL_PLAIN);
    for (size_t i = 1; i < 4; i++) {
        key_now(before);
        ck_assert_int_eq(gnutls_session_key_update(tf.client, i < 3 ? GNUTLS_KU_PEER : 0), 0);
        ck_assert_int_eq(tf_read(), GNUTLS_E_AGAIN);
        send_body(i * PART, i * PART + 3 * SEAL_PLAIN, SEAL_PLAIN);
        key_now(after);
        ck_assert_int_eq(memcmp(before, after, sizeof before) != 0, i < 3);
        ck_assert_int_eq(sealer_has(after), can); /* not GnuTLS's for ever */
        send_body(i * PART + 3 * SEAL_PLAIN, (i + 1) * PART, SEAL_PLAIN);
    }
    tf_end();
}
END_TEST

/* GnuTLS changes the key behind record 2^24 - 3 that it sends, which no other record may take from it. */
START_TEST(key_limit)
{
    enum { LIMIT = 0xfffffd };
    static uint8_t sealed[SEAL_RECORD];
    uint8_t before[32], after[32];
    connect_with(KINDS[0].priority, 0);
    const bool can = seal_prepare();
    send_body(0, 2 * SEAL_PLAIN, SEAL_PLAIN);
    go_to(LIMIT - 0x1000);
    ck_assert_int_eq(seal_record(tf.share.sealer, tf.server, body, sealed), can);
    go_to(LIMIT - 10);
    ck_assert(!seal_record(tf.share.sealer, tf.server, body, sealed));
    key_now(before);
    send_body(2 * SEAL_PLAIN, BODY, SEAL_PLAIN);
    key_now(after);
    ck_assert_mem_ne(before, after, sizeof before);
    ck_assert_uint_lt(number_now(), 40);
    tf_end();
}
END_TEST

/* Nothing is left of a key when its connection is over. */
START_TEST(wiped)
{
    uint8_t key[32];
    connect_with(KINDS[0].priority, 0);
    const bool can = seal_prepare();
    send_body(0, BODY, SEAL_PLAIN);
    key_now(key);
    ck_assert_int_eq(sealer_has(key), can);
    tf_disconnect();
    ck_assert(!sealer_has(key));
    tls_share_done(&tf.share);
}
END_TEST

/* Nor when another one took its place: AES-128's schedule is shorter than that of AES-256, two of whose round
 * keys are as good as the key. */
START_TEST(replaced)
{
    static uint8_t sealed[SEAL_RECORD];
    struct sealer *sealer = seal_new();
    const bool can = seal_prepare() && sealer;
    const size_t size = malloc_usable_size(sealer);
    enum { PIECE = 16 };
    uint8_t *fresh = calloc(1, size + 1), *before = calloc(1, size + 1);
    if (can)
        memcpy(fresh, sealer, size); /* behind the sealer there may be memory that nobody uses */
    for (int i = 1; i >= 0; i--) {
        connect_with(KINDS[i].priority, 0);
        ck_assert_int_eq(seal_record(sealer, tf.server, body, sealed), can);
        if (can && i == 1)
            memcpy(before, sealer, size);
        tf_end();
    }
    for (size_t at = 0; at + PIECE <= size; at += PIECE)
        ck_assert(memcmp(before + at, fresh + at, PIECE) == 0 ||
                  memmem(sealer, size, before + at, PIECE) == NULL);
    seal_free(sealer);
    free(fresh);
    free(before);
}
END_TEST

/* The library touches pages of a file that are gone: zeros are sealed in their place, and the record is as
 * good as any. */
START_TEST(lost_page)
{
    static uint8_t sealed[SEAL_RECORD];
    enum { LEFT = 8192 };
    const void *bytes;
    connect_with(KINDS[0].priority, 0);
    const int fd = memfd_create("body", MFD_CLOEXEC);
    ck_assert_int_eq(write(fd, body, SEAL_PLAIN), SEAL_PLAIN);
    struct mapping *mapping = mapping_new(fd, 0, SEAL_PLAIN, &bytes);
    ck_assert_ptr_nonnull(mapping);
    ck_assert_int_eq(ftruncate(fd, LEFT), 0);
    if (seal_prepare()) {
        ck_assert(seal_record(tf.share.sealer, tf.server, bytes, sealed));
        ck_assert(mapping_is_broken(bytes, SEAL_PLAIN));
        ck_assert_int_eq(send(tf.near, sealed, sizeof sealed, 0), (ssize_t)sizeof sealed);
        hear(SEAL_PLAIN);
        memset(body + LEFT, 0, SEAL_PLAIN - LEFT);
        ck_assert_uint_eq(n_heard, SEAL_PLAIN);
        ck_assert_mem_eq(heard, body, SEAL_PLAIN);
    }
    mapping_free(mapping);
    close(fd);
    tf_end();
}
END_TEST

Suite *suite_seal(void)
{
    Suite *suite = suite_create("seal");
    TCase *tcase = tcase_create("seal");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, record, 0, (int)ARRAY_LEN(KINDS));
    tcase_add_loop_test(tcase, long_body, 0, (int)ARRAY_LEN(KINDS));
    tcase_add_test(tcase, small_records);
    tcase_add_test(tcase, key_updates);
    tcase_add_test(tcase, key_limit);
    tcase_add_test(tcase, wiped);
    tcase_add_test(tcase, replaced);
    tcase_add_test(tcase, lost_page);
    suite_add_tcase(suite, tcase);
    return suite;
}
