#include "cmd/verify_batch.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "cmd/trust_files.h"
#include "http/view.h"
#include "pki/crl.h"
#include "pki/verdict.h"

enum {
    BATCH_LINE = 64 * 1024 * 1024, /* bytes of one question */
    BATCH_OBJECTS = 4096,          /* certificates or CRLs in one list */
    BATCH_DEPTH = 16,              /* without "depth" */
};

/* DER objects that were decoded from PEM. */
struct blobs {
    gnutls_datum_t *v;
    size_t n;
};

static void blobs_done(struct blobs *blobs)
{
    for (size_t i = 0; i < blobs->n; i++)
        gnutls_free(blobs->v[i].data);
    free(blobs->v);
    *blobs = (struct blobs){0};
}

/* Every PEM object of a text. */
static int add_pem(struct blobs *blobs, const char *text, struct err *err)
{
    static const char begin[] = "-----BEGIN ";
    const char *at = strstr(text, begin);
    if (at == NULL)
        return err_set(err, ERR_SYNTAX, "an entry is not PEM");
    for (; at != NULL; at = strstr(at + 1, begin)) {
        gnutls_datum_t pem = {(unsigned char *)(uintptr_t)at, (unsigned)strlen(at)}, der;
        if (blobs->n == BATCH_OBJECTS)
            return err_set(err, ERR_RANGE, "more than %d objects", BATCH_OBJECTS);
        gnutls_datum_t *more = realloc(blobs->v, (blobs->n + 1) * sizeof(*more));
        if (more == NULL)
            return err_nomem(err);
        blobs->v = more;
        if (gnutls_pem_base64_decode2(NULL, &pem, &der) < 0)
            return err_set(err, ERR_SYNTAX, "an entry is damaged PEM");
        blobs->v[blobs->n++] = der;
    }
    return 0;
}

/* A string, or an array of strings; absent and null are empty. */
static int read_blobs(const json_t *line, const char *key, struct blobs *blobs, struct err *err)
{
    json_t *value = json_object_get(line, key);
    int rc = 0;
    if (value == NULL || json_is_null(value))
        return 0;
    if (json_is_string(value)) {
        rc = add_pem(blobs, json_string_value(value), err);
    } else if (json_is_array(value)) {
        for (size_t i = 0; rc == 0 && i < json_array_size(value); i++) {
            json_t *item = json_array_get(value, i);
            rc = json_is_string(item) ? add_pem(blobs, json_string_value(item), err)
                                      : err_set(err, ERR_SYNTAX, "an entry is not a string");
        }
    } else {
        rc = err_set(err, ERR_SYNTAX, "not an array of strings");
    }
    return rc < 0 ? err_wrap(err, "%s", key) : 0;
}

/* A CA that GnuTLS cannot read is trusted by nobody: it is left out, and what it issued does not verify. */
static int add_ca(struct trust_input *input, const gnutls_datum_t *der, struct err *err)
{
    gnutls_x509_crt_t crt;
    if (gnutls_x509_crt_init(&crt) < 0)
        return err_nomem(err);
    if (gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER) < 0) {
        gnutls_x509_crt_deinit(crt);
        return 0;
    }
    input->ca[input->n_ca++] = crt;
    return 0;
}

static int add_crl(struct trust_input *input, const gnutls_datum_t *der, struct err *err)
{
    int rc = crl_new((struct der){der->data, der->size}, &input->crl[input->n_crls], err);
    if (rc < 0)
        return err_wrap(err, "crl");
    input->n_crls++;
    return 0;
}

static int make_trust(const struct blobs *ca, const struct blobs *crl, unsigned depth,
                      enum certificate_form form, struct trust **out, struct err *err)
{
    struct trust_input input = {.form = form,
                                .crl_check = CRL_CHECK_CHAIN,
                                .crl_stale = CRL_STALE_REFUSE,
                                .verify_depth = depth,
                                .keep_forged_crls = true};
    int rc = 0;
    input.ca = calloc(ca->n + 1, sizeof(gnutls_x509_crt_t));
    input.crl = calloc(crl->n + 1, sizeof(struct crl *));
    if (input.ca == NULL || input.crl == NULL)
        rc = err_nomem(err);
    for (size_t i = 0; rc == 0 && i < ca->n; i++)
        rc = add_ca(&input, &ca->v[i], err);
    for (size_t i = 0; rc == 0 && i < crl->n; i++)
        rc = add_crl(&input, &crl->v[i], err);
    if (rc == 0)
        rc = trust_new(&input, out, err);
    trust_input_drop(&input);
    free(input.ca);
    free(input.crl);
    return rc;
}

static int read_question(const json_t *line, struct verdict_question *q, unsigned *depth,
                         enum certificate_form *form, struct err *err)
{
    json_t *at = json_object_get(line, "at"), *purpose = json_object_get(line, "purpose");
    json_t *hostname = json_object_get(line, "hostname"), *deep = json_object_get(line, "depth");
    q->at = clock_now();
    if (at != NULL && !json_is_null(at) &&
        (!json_is_string(at) || clock_parse_rfc3339(json_string_value(at), &q->at) < 0))
        return err_set(err, ERR_SYNTAX, "at: not a time of RFC 3339");
    q->purpose = PURPOSE_CLIENT;
    if (purpose != NULL && !json_is_null(purpose)) {
        const char *word = json_string_value(purpose);
        if (word != NULL && strcmp(word, "server") == 0)
            q->purpose = PURPOSE_SERVER;
        else if (word == NULL || strcmp(word, "client") != 0)
            return err_set(err, ERR_SYNTAX, "purpose: not \"client\" or \"server\"");
    }
    if (hostname != NULL && !json_is_null(hostname)) {
        if (!json_is_string(hostname))
            return err_set(err, ERR_SYNTAX, "hostname: not a string");
        q->hostname = json_string_value(hostname);
    }
    json_t *word = json_object_get(line, "certificate_form");
    if (word != NULL && !json_is_null(word) &&
        (!json_is_string(word) || !trust_parse_form(json_string_value(word), form)))
        return err_set(err, ERR_SYNTAX, "certificate_form: not \"standard\" or \"strict\"");
    *depth = BATCH_DEPTH;
    if (deep != NULL && !json_is_null(deep)) {
        if (!json_is_integer(deep) || json_integer_value(deep) < 0)
            return err_set(err, ERR_SYNTAX, "depth: not a number from 0");
        *depth = json_integer_value(deep) > 1000 ? 1000 : (unsigned)json_integer_value(deep);
    }
    return 0;
}

static int judge_line(const json_t *line, enum certificate_form form, struct peer **peer, struct err *err)
{
    struct verdict_question q = {.from_file = true};
    struct blobs chain = {0}, ca = {0}, crl = {0};
    struct trust *trust = NULL;
    unsigned depth;
    if (!json_is_object(line))
        return err_set(err, ERR_SYNTAX, "not an object");
    int rc = read_question(line, &q, &depth, &form, err);
    if (rc == 0)
        rc = read_blobs(line, "chain", &chain, err);
    if (rc == 0)
        rc = read_blobs(line, "ca", &ca, err);
    if (rc == 0)
        rc = read_blobs(line, "crl", &crl, err);
    if (rc == 0)
        rc = make_trust(&ca, &crl, depth, form, &trust, err);
    if (rc == 0) {
        q.trust = trust;
        q.chain = chain.v;
        q.n_chain = (unsigned)chain.n;
        rc = verdict_judge(&q, peer, err);
    }
    trust_unref(trust);
    blobs_done(&chain);
    blobs_done(&ca);
    blobs_done(&crl);
    return rc;
}

static json_t *answer(const json_t *id, const struct peer *peer)
{
    return json_pack("{s:O?, s:s, s:o, s:o}", "id", id, "verify", verify_word(peer->verify), "errors",
                     view_findings(peer->errors, peer->n_errors, ERROR_DETAIL_FULL), "warnings",
                     view_findings(peer->warnings, peer->n_warnings, ERROR_DETAIL_FULL));
}

/* False when the line could not be judged. */
static bool do_line(const char *text, size_t len, enum certificate_form form, FILE *out)
{
    json_error_t where;
    struct err err = {0};
    struct peer *peer = NULL;
    json_t *line = json_loadb(text, len, 0, &where), *reply = NULL;
    if (line == NULL)
        err_set(&err, ERR_SYNTAX, "not JSON: %s", where.text);
    else if (judge_line(line, form, &peer, &err) == 0 && peer != NULL)
        reply = answer(json_object_get(line, "id"), peer);
    bool judged = reply != NULL;
    if (!judged)
        reply = json_pack("{s:O?, s:s}", "id", line != NULL ? json_object_get(line, "id") : NULL, "error",
                          err.text[0] != 0 ? err.text : "out of memory");
    char *printed = reply != NULL ? json_dumps(reply, JSON_COMPACT) : NULL;
    if (printed != NULL)
        fprintf(out, "%s\n", printed);
    else
        judged = false;
    free(printed);
    json_decref(reply);
    json_decref(line);
    peer_unref(peer);
    return judged;
}

int verify_batch(FILE *in, FILE *out, enum certificate_form form)
{
    char *text = NULL;
    size_t room = 0;
    ssize_t len;
    bool good = true;
    while ((len = getline(&text, &room, in)) >= 0) {
        if (strspn(text, " \t\r\n") == (size_t)len)
            continue;
        if (len > BATCH_LINE) {
            fputs("{\"id\":null,\"error\":\"the line is longer than 64 MiB\"}\n", out);
            good = false;
            continue;
        }
        good = do_line(text, (size_t)len, form, out) && good;
    }
    if (ferror(in) || fflush(out) != 0)
        good = false;
    free(text);
    return good ? VERIFY_GOOD : VERIFY_FAULT;
}
