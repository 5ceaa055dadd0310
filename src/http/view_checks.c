#include "http/view_checks.h"

#include <stdlib.h>

#include "base/clock.h"
#include "http/view_impl.h"

enum why {
    WHY_NONE,
    WHY_NO_CERTIFICATE,
    WHY_NOT_TOLD,
    WHY_NOT_READ,
    WHY_NO_HANDSHAKE,
    WHY_RESUMED,
    WHY_NO_PATH,
    WHY_UNPROVEN,
    WHY_CRL_CHECK_OFF,
    WHY_NO_CRL,
    WHY_CRL_OVER,
    WHY_TRUSTED_ITSELF,
    WHY_NO_NAME,
};

static const struct {
    const char *word, *note;
} WHYS[] = {
    [WHY_NO_CERTIFICATE] = {"no_certificate", "not checked: no certificate came"},
    [WHY_NOT_TOLD] = {"not_told", "the server does not tell which check failed (error_detail)"},
    [WHY_NOT_READ] = {"not_read", "not checked: the certificate could not be read"},
    [WHY_NO_HANDSHAKE] = {"no_handshake", "not checked: only a handshake proves who has the key"},
    [WHY_RESUMED] = {"resumed", "proved in the handshake that this one resumes"},
    [WHY_NO_PATH] = {"no_path", "not checked: it leads to no trusted CA"},
    [WHY_UNPROVEN] = {"unproven", "not checked: a signature above it does not hold"},
    [WHY_CRL_CHECK_OFF] = {"crl_check_off", "not checked: crl_check is off"},
    [WHY_NO_CRL] = {"no_crl", "not checked: no CRL is configured"},
    [WHY_CRL_OVER] = {"crl_over",
                      "not known: the CRL is past its next update, and crl_stale lets it be used"},
    [WHY_TRUSTED_ITSELF] = {"trusted_itself",
                            "not checked: the certificate is itself among the trusted ones"},
    [WHY_NO_NAME] = {"no_name", "not checked: no name was asked for"},
};

static const char *const NAMES[CHECK_COUNT] = {
    [CHECK_POSSESSION] = "possession", [CHECK_TRUSTED] = "trusted", [CHECK_EXPIRED] = "expired",
    [CHECK_REVOKED] = "revoked",       [CHECK_NAME] = "name",       [CHECK_FIT] = "fit"};

/* An answer. The texts that are owned are made where the answer is written. */
struct answer {
    bool pass;
    enum why why; /* of a pass that was made elsewhere, or of an unknown */
    json_t *value, *expected;
};

PRINTF(1, 2)
static json_t *words(const char *fmt, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    json_t *value = n < 0 ? NULL : view_text(text);
    if (n >= 0)
        free(text);
    return value;
}

static enum check kind_of(const struct verdict_finding *finding, enum verdict_purpose purpose)
{
    enum check check = VERDICT_ROWS[finding->code].check;
    return purpose == PURPOSE_SERVER && check == CHECK_FIT ? CHECK_TRUSTED : check;
}

/* The first error that fails the check; its codes go to `reasons`. */
static const struct verdict_finding *failure(const struct view_checks_input *in, enum check check,
                                             json_t *reasons, bool *good)
{
    const struct peer *peer = in->peer;
    const struct verdict_finding *first = NULL;
    for (size_t i = 0; *good && peer && i < peer->n_errors; i++) {
        const struct verdict_finding *f = &peer->errors[i];
        if (kind_of(f, in->purpose) != check)
            continue;
        first = first ? first : f;
        *good = view_append(reasons, view_text(VERDICT_ROWS[f->code].code));
    }
    return first;
}

static void possession(const struct view_checks_input *in, struct answer *a)
{
    *a = in->tls ? (struct answer){.pass = true, .why = in->tls->resumed ? WHY_RESUMED : WHY_NONE}
                 : (struct answer){.why = WHY_NO_HANDSHAKE};
    if (!in->tls || in->tls->resumed)
        return;
    a->value = view_text(in->tls->client_signature);
    a->expected = view_text("a signature over this handshake by the key of the certificate");
}

static void trusted(const struct peer *peer, struct answer *a)
{
    if (!peer->asked.path) {
        a->why = WHY_NO_PATH;
        return;
    }
    a->pass = true;
    a->value = view_text(peer->through ? peer->through->subject : NULL);
    a->expected = view_text("signatures up to a CA that is trusted here");
}

/* A remembered verdict is one only within the dates that it hangs on, so that these were compared again. */
static void expired(const struct peer *peer, time_t at, struct answer *a)
{
    char from[CLOCK_TEXT], to[CLOCK_TEXT], now[CLOCK_TEXT];
    const struct certinfo *leaf = peer->chain[0];
    a->pass = true;
    a->value = words("%s to %s", clock_rfc3339(leaf->not_before, from), clock_rfc3339(leaf->not_after, to));
    a->expected = words("a time that holds %s, as that of the CAs above it",
                        clock_rfc3339(peer_applied_at(peer, at), now));
}

static void revoked(const struct peer *peer, struct answer *a)
{
    static const enum why UNASKED[] = {[REVOCATION_NO_PATH] = WHY_NO_PATH,
                                       [REVOCATION_UNPROVEN] = WHY_UNPROVEN,
                                       [REVOCATION_OFF] = WHY_CRL_CHECK_OFF,
                                       [REVOCATION_NO_CRL] = WHY_NO_CRL,
                                       [REVOCATION_PINNED] = WHY_TRUSTED_ITSELF};
    char made[CLOCK_TEXT], next[CLOCK_TEXT];
    const struct peer_asked *asked = &peer->asked;
    if (asked->revocation != REVOCATION_ASKED) {
        a->why = UNASKED[asked->revocation];
        return;
    }
    a->pass = asked->crl_next_update >= peer->judged_at;
    a->why = a->pass ? WHY_NONE : WHY_CRL_OVER;
    a->value = view_text(peer->chain[0]->serial);
    a->expected = words("not on the CRL of %s that was made on %s, its next update due on %s",
                        peer->chain[0]->issuer.text, clock_rfc3339(asked->crl_this_update, made),
                        clock_rfc3339(asked->crl_next_update, next));
}

static void name(const struct view_checks_input *in, struct answer *a)
{
    if (!in->hostname) {
        a->why = WHY_NO_NAME;
        return;
    }
    a->pass = true;
    a->value = view_text(in->hostname);
    a->expected = view_text("a name that the certificate bears");
}

static void fit(const struct peer *peer, struct answer *a)
{
    const struct certinfo *leaf = peer->chain[0];
    a->pass = true;
    a->value = words("%s of %u bits, signed with %s", leaf->key_algorithm, leaf->key_bits,
                     leaf->signature_algorithm);
    a->expected = view_text("a form, a purpose, keys and signatures that are taken here");
}

/* Of a check that found no fault: whether it was made at all. */
static void unfailed(const struct view_checks_input *in, enum check check, struct answer *a)
{
    const struct peer *peer = in->peer;
    if (check == CHECK_POSSESSION)
        possession(in, a);
    else if (peer->verify == VERIFY_FAILED && in->detail == ERROR_DETAIL_NONE)
        a->why = WHY_NOT_TOLD;
    else if (peer->n_chain == 0)
        a->why = WHY_NOT_READ;
    else if (check == CHECK_TRUSTED)
        trusted(peer, a);
    else if (check == CHECK_EXPIRED)
        expired(peer, in->at, a);
    else if (check == CHECK_REVOKED)
        revoked(peer, a);
    else if (check == CHECK_NAME)
        name(in, a);
    else
        fit(peer, a);
}

static json_t *check_value(const struct view_checks_input *in, enum check check)
{
    const struct peer *peer = in->peer;
    bool presented = peer && peer->verify != VERIFY_NONE, full = in->detail == ERROR_DETAIL_FULL, good = true;
    json_t *object = json_object(), *reasons = json_array();
    const struct verdict_finding *failed =
        presented && in->detail != ERROR_DETAIL_NONE ? failure(in, check, reasons, &good) : NULL;
    struct answer a = {0};
    if (!presented)
        a.why = WHY_NO_CERTIFICATE;
    else if (!failed)
        unfailed(in, check, &a);
    else if (full)
        a = (struct answer){.value = view_text(failed->value), .expected = view_text(failed->expected)};
    good = view_put(object, "status",
                    view_text(failed   ? "fail"
                              : a.pass ? "pass"
                                       : "unknown")) &&
           view_put(object, "reasons", view_finish(reasons, good)) &&
           view_put(object, "why", view_text(WHYS[a.why].word)) &&
           view_put(object, "note", view_text(WHYS[a.why].note));
    good = view_put(object, "value", a.value ? a.value : json_null()) && good;
    good = view_put(object, "expected", a.expected ? a.expected : json_null()) && good;
    return view_finish(object, good);
}

json_t *view_checks(const struct view_checks_input *input)
{
    static const enum check CLIENT[] = {CHECK_POSSESSION, CHECK_TRUSTED, CHECK_EXPIRED, CHECK_REVOKED,
                                        CHECK_FIT},
                            SERVER[] = {CHECK_EXPIRED, CHECK_REVOKED, CHECK_TRUSTED, CHECK_NAME};
    bool client = input->purpose == PURPOSE_CLIENT, good = true;
    const enum check *row = client ? CLIENT : SERVER;
    size_t n = client ? ARRAY_LEN(CLIENT) : ARRAY_LEN(SERVER);
    json_t *object = json_object();
    for (size_t i = 0; good && i < n; i++)
        good = view_put(object, NAMES[row[i]], check_value(input, row[i]));
    return view_finish(object, good);
}
