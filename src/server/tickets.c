#include "server/tickets.h"

#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <string.h>

#include "base/clock.h"
#include "pki/x509file.h"

/* What gnutls_session_ticket_enable_server takes: GnuTLS derives the rotating keys from it by time. */
enum { TICKET_KEY_BYTES = 64, KEY_FILE_LEAST = 32, KEY_FILE_MOST = 4096 };

int ticket_master_init(struct ticket_master *master, struct err *err)
{
    master->made = clock_now();
    int rc = gnutls_rnd(GNUTLS_RND_KEY, master->secret, sizeof master->secret);
    return rc < 0 ? err_set(err, ERR_CRYPTO, "no random numbers: %s", gnutls_strerror(rc)) : 0;
}

void ticket_master_wipe(struct ticket_master *master)
{
    gnutls_memset(master, 0, sizeof *master);
}

/* Each part goes in with its length, so that no two different listeners give the same bytes. */
static int absorb(gnutls_hmac_hd_t hmac, const void *data, size_t len)
{
    uint64_t n = len;
    int rc = gnutls_hmac(hmac, &n, sizeof n);
    return rc < 0 ? rc : gnutls_hmac(hmac, data, len);
}

static int absorb_cas(gnutls_hmac_hd_t hmac, const struct trust *trust)
{
    int rc = 0;
    const gnutls_datum_t *ca;
    for (size_t i = 0; rc >= 0 && (ca = trust_anchor(trust, i)) != NULL; i++)
        rc = absorb(hmac, ca->data, ca->size);
    return rc;
}

static int derive(const void *secret, size_t secret_len, const struct conf_listener *listener,
                  const struct trust *trust, unsigned char out[static TICKET_KEY_BYTES])
{
    gnutls_hmac_hd_t hmac;
    int rc = gnutls_hmac_init(&hmac, GNUTLS_MAC_SHA512, secret, secret_len);
    if (rc < 0)
        return rc;
    /* Its number: 2, since tickets of 1 may be in the hands of somebody whom their certificate does not name.
     */
    static const char LABEL[] = "mtlsd session tickets 2";
    const char *mode = conf_client_auth_word(listener->client_auth);
    rc = absorb(hmac, LABEL, sizeof LABEL);
    if (rc >= 0 && listener->of) /* a host: five parts, where a listener has four */
        rc = absorb(hmac, listener->of->name, strlen(listener->of->name));
    if (rc >= 0)
        rc = absorb(hmac, listener->name, strlen(listener->name));
    if (rc >= 0)
        rc = absorb(hmac, mode, strlen(mode));
    if (rc >= 0)
        rc = absorb_cas(hmac, trust);
    gnutls_hmac_deinit(hmac, rc >= 0 ? out : NULL);
    return rc;
}

int ticket_key_init(gnutls_datum_t *key, const struct ticket_master *master,
                    const struct conf_listener *listener, const struct trust *trust, struct err *err)
{
    *key = (gnutls_datum_t){NULL, 0};
    if (!listener->tickets || (!master && !listener->ticket_key_file.text))
        return 0;
    const void *secret = master ? master->secret : NULL;
    size_t secret_len = sizeof master->secret;
    char *file = NULL;
    size_t file_len = 0;
    if (listener->ticket_key_file.text) {
        int rc = x509file_read(listener->ticket_key_file.text, KEY_FILE_MOST, &file, &file_len, err);
        if (rc != 0)
            return err_wrap(err, "ticket_key_file");
        if (file_len < KEY_FILE_LEAST) {
            x509file_wipe(file, file_len);
            return err_set(err, ERR_RANGE,
                           "ticket_key_file: %s: a ticket key needs at least %d bytes; make one with "
                           "`openssl rand -out %s 64`",
                           listener->ticket_key_file.text, KEY_FILE_LEAST, listener->ticket_key_file.text);
        }
        secret = file;
        secret_len = file_len;
    }
    unsigned char *data = gnutls_malloc(TICKET_KEY_BYTES);
    int rc = data ? derive(secret, secret_len, listener, trust, data) : GNUTLS_E_MEMORY_ERROR;
    x509file_wipe(file, file_len);
    if (rc < 0) {
        gnutls_free(data);
        return err_set(err, ERR_CRYPTO, "cannot derive a ticket key: %s", gnutls_strerror(rc));
    }
    *key = (gnutls_datum_t){data, TICKET_KEY_BYTES};
    return 0;
}

void ticket_key_done(gnutls_datum_t *key)
{
    if (key->data)
        gnutls_memset(key->data, 0, key->size);
    gnutls_free(key->data);
    *key = (gnutls_datum_t){NULL, 0};
}
