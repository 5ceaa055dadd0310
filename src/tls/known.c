#include "tls/known.h"

#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local struct known *own;

/* The end of its signature. Who chooses others makes them give way to his, no more. */
static bool mark_of(const gnutls_datum_t *der, uint64_t *mark)
{
    if (der->size < sizeof *mark || der->size > KNOWN_MOST_BYTES)
        return false;
    memcpy(mark, der->data + der->size - sizeof *mark, sizeof *mark);
    return true;
}

static struct known_one *place(uint64_t mark)
{
    return &own->one[(mark ^ mark >> 32) % KNOWN_MOST];
}

static void forget(struct known_one *one)
{
    free(one->der.data);
    gnutls_free(one->x.data);
    gnutls_free(one->y.data);
    *one = (struct known_one){0};
}

void known_enter(struct known *known)
{
    own = known;
}

void known_leave(void)
{
    for (size_t i = 0; own && i < KNOWN_MOST; i++)
        forget(&own->one[i]);
    own = NULL;
}

static gnutls_pubkey_t copy_key(const struct known_one *one)
{
    gnutls_pubkey_t key;
    if (gnutls_pubkey_init(&key) < 0)
        return NULL;
    if (gnutls_pubkey_import_ecc_raw(key, one->curve, &one->x, &one->y) >= 0 &&
        gnutls_pubkey_set_key_usage(key, one->usage) >= 0)
        return key;
    gnutls_pubkey_deinit(key);
    return NULL;
}

bool known_import(gnutls_pcert_st *out, const gnutls_datum_t *der, unsigned flags)
{
    uint64_t mark;
    if (!own || !mark_of(der, &mark))
        return false;
    const struct known_one *one = place(mark);
    if (!one->der.data || one->flags != flags || one->der.size != der->size ||
        memcmp(one->der.data, der->data, der->size) != 0)
        return false;
    gnutls_pcert_st made = {.type = GNUTLS_CRT_X509};
    if (one->whole) {
        made.cert = (gnutls_datum_t){gnutls_malloc(der->size), der->size};
        if (!made.cert.data)
            return false;
        memcpy(made.cert.data, der->data, der->size);
    }
    made.pubkey = copy_key(one);
    if (!made.pubkey) {
        gnutls_free(made.cert.data);
        return false;
    }
    *out = made;
    return true;
}

void known_add(const gnutls_pcert_st *made, const gnutls_datum_t *der, unsigned flags)
{
    uint64_t mark;
    if (!own || !mark_of(der, &mark))
        return;
    struct known_one *one = place(mark);
    bool again = one->mark == mark;
    if (!again || gnutls_pubkey_get_pk_algorithm(made->pubkey, NULL) != GNUTLS_PK_ECDSA) {
        forget(one);
        one->mark = mark;
        return;
    }
    struct known_one next = {
        .mark = mark,
        .der = {malloc(der->size), der->size},
        .flags = flags,
        .whole = made->cert.data != NULL,
    };
    if (!next.der.data || gnutls_pubkey_get_key_usage(made->pubkey, &next.usage) < 0 ||
        gnutls_pubkey_export_ecc_raw2(made->pubkey, &next.curve, &next.x, &next.y, 0) < 0) {
        forget(&next);
        return;
    }
    memcpy(next.der.data, der->data, der->size);
    forget(one);
    *one = next;
}
