#include "config.h"

#include "tls/seal.h"

#include <stddef.h>

#if !defined HAVE_IPSEC_MB || !defined __x86_64__

bool seal_prepare(void)
{
    return false;
}

const char *seal_library(void)
{
    return NULL;
}

struct sealer *seal_new(void)
{
    return NULL;
}

void seal_free(struct sealer *sealer)
{
    (void)sealer;
}

bool seal_record(struct sealer *sealer, gnutls_session_t session, const uint8_t plain[static SEAL_PLAIN],
                 uint8_t record[static SEAL_RECORD])
{
    (void)sealer, (void)session, (void)plain, (void)record;
    return false;
}

void seal_forget(struct sealer *sealer, gnutls_session_t session)
{
    (void)sealer, (void)session;
}

#else

#include <intel-ipsec-mb.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEADER = 5,
    TAG = 16,
    NONCE = 12,
    MOST_KEY = 32,
    APPLICATION_DATA = 23,
    /* GnuTLS changes the key behind record 2^24 - 3: it sends the last ones before that. */
    MOST_SEALED = 0xfff000,
};

struct sealer {
    struct gcm_key_data schedule; /* aligned as its type says */
    gnutls_session_t session;     /* whose it was last; only compared */
    unsigned key_len;             /* 0: there is none */
    uint8_t key[MOST_KEY];
};

static _Atomic(IMB_MGR *) library; /* for the life of the process; its functions for GCM keep nothing in it */

bool seal_prepare(void)
{
    if (atomic_load(&library))
        return true;
    /* Other processors are not worth the library's start. */
    if (!__builtin_cpu_supports("avx512bw") || gnutls_fips140_mode_enabled())
        return false;
    IMB_MGR *manager = alloc_mb_mgr(0);
    if (!manager)
        return false;
    const uint64_t WANTED = IMB_FEATURE_VAES | IMB_FEATURE_VPCLMULQDQ;
    init_mb_mgr_auto(manager, NULL);
    if (imb_get_errno(manager) != 0 || (manager->features & WANTED) != WANTED) {
        free_mb_mgr(manager);
        return false;
    }
    atomic_store(&library, manager);
    return true;
}

const char *seal_library(void)
{
    return "libipsec-mb " IMB_VERSION_STR;
}

struct sealer *seal_new(void)
{
    struct sealer *sealer = aligned_alloc(_Alignof(struct sealer), sizeof *sealer);
    if (sealer)
        *sealer = (struct sealer){.key_len = 0};
    return sealer;
}

void seal_free(struct sealer *sealer)
{
    if (sealer)
        gnutls_memset(sealer, 0, sizeof *sealer);
    free(sealer);
}

/* GnuTLS's state for what the session writes next. */
struct state {
    gnutls_datum_t iv, key; /* borrowed, until the session's key changes */
    uint64_t number;
};

static bool get_state(gnutls_session_t session, struct state *state)
{
    gnutls_cipher_algorithm_t cipher = gnutls_cipher_get(session);
    unsigned key_len = cipher == GNUTLS_CIPHER_AES_128_GCM   ? 16
                       : cipher == GNUTLS_CIPHER_AES_256_GCM ? 32
                                                             : 0;
    uint8_t number[8];
    if (gnutls_protocol_get_version(session) != GNUTLS_TLS1_3 || key_len == 0 ||
        gnutls_record_get_state(session, 0, NULL, &state->iv, &state->key, number) < 0)
        return false;
    state->number = 0;
    for (size_t i = 0; i < sizeof number; i++)
        state->number = state->number << 8 | number[i];
    return state->iv.size == NONCE && state->key.size == key_len && state->number < MOST_SEALED;
}

static void use_key(IMB_MGR *mb, struct sealer *sealer, gnutls_session_t session, const gnutls_datum_t *key)
{
    if (sealer->session == session && sealer->key_len == key->size &&
        gnutls_memcmp(sealer->key, key->data, key->size) == 0)
        return;
    gnutls_memset(sealer, 0, sizeof *sealer); /* the schedule of a longer key would stay in part */
    sealer->session = session;
    memcpy(sealer->key, key->data, key->size);
    sealer->key_len = key->size;
    if (key->size == 16)
        IMB_AES128_GCM_PRE(mb, sealer->key, &sealer->schedule);
    else
        IMB_AES256_GCM_PRE(mb, sealer->key, &sealer->schedule);
}

/* The record's number has been used, whatever comes of the record: no other one may have it. */
static bool count(gnutls_session_t session, uint64_t number)
{
    uint8_t next[8];
    for (size_t i = 0; i < sizeof next; i++)
        next[i] = (uint8_t)((number + 1) >> 8 * (7 - i));
    return gnutls_record_set_state(session, 0, next) == 0;
}

bool seal_record(struct sealer *sealer, gnutls_session_t session, const uint8_t plain[static SEAL_PLAIN],
                 uint8_t record[static SEAL_RECORD])
{
    static const uint8_t TYPE = APPLICATION_DATA;
    IMB_MGR *mb = atomic_load_explicit(&library, memory_order_acquire);
    struct state state;
    if (!mb || !sealer || !get_state(session, &state) || !count(session, state.number))
        return false;
    use_key(mb, sealer, session, &state.key);
    uint8_t nonce[NONCE]; /* RFC 8446 section 5.3 */
    memcpy(nonce, state.iv.data, NONCE);
    for (size_t i = 0; i < 8; i++)
        nonce[NONCE - 1 - i] ^= (uint8_t)(state.number >> 8 * i);
    const uint8_t header[HEADER] = {APPLICATION_DATA, 3, 3, (SEAL_RECORD - HEADER) >> 8,
                                    (SEAL_RECORD - HEADER) & 0xff};
    memcpy(record, header, HEADER);
    uint8_t *sealed = record + HEADER, *tag = sealed + SEAL_PLAIN + 1;
    struct gcm_context_data context;
    if (sealer->key_len == 16) {
        IMB_AES128_GCM_INIT(mb, &sealer->schedule, &context, nonce, header, HEADER);
        IMB_AES128_GCM_ENC_UPDATE(mb, &sealer->schedule, &context, sealed, plain, SEAL_PLAIN);
        IMB_AES128_GCM_ENC_UPDATE(mb, &sealer->schedule, &context, sealed + SEAL_PLAIN, &TYPE, 1);
        IMB_AES128_GCM_ENC_FINALIZE(mb, &sealer->schedule, &context, tag, TAG);
    } else {
        IMB_AES256_GCM_INIT(mb, &sealer->schedule, &context, nonce, header, HEADER);
        IMB_AES256_GCM_ENC_UPDATE(mb, &sealer->schedule, &context, sealed, plain, SEAL_PLAIN);
        IMB_AES256_GCM_ENC_UPDATE(mb, &sealer->schedule, &context, sealed + SEAL_PLAIN, &TYPE, 1);
        IMB_AES256_GCM_ENC_FINALIZE(mb, &sealer->schedule, &context, tag, TAG);
    }
    gnutls_memset(&context, 0, sizeof context);
    return true;
}

void seal_forget(struct sealer *sealer, gnutls_session_t session)
{
    if (sealer && sealer->key_len > 0 && sealer->session == session)
        gnutls_memset(sealer, 0, sizeof *sealer);
}

#endif
