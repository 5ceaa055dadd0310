#include "http/view.h"
#include "http/view_checks.h"
#include "http/view_impl.h"

enum { DAY = 24 * 60 * 60 };

json_t *view_findings(const struct verdict_finding *findings, size_t n, enum error_detail detail)
{
    json_t *array = json_array();
    bool good = array != NULL;
    bool full = detail == ERROR_DETAIL_FULL;
    for (size_t i = 0; good && detail != ERROR_DETAIL_NONE && i < n; i++) {
        const struct verdict_finding *f = &findings[i];
        json_t *object = json_object();
        good = view_put(object, "code", view_text(VERDICT_ROWS[f->code].code)) &&
               view_put(object, "title", view_text(VERDICT_ROWS[f->code].title)) &&
               view_put(object, "depth", f->depth < 0 ? json_null() : json_integer(f->depth)) &&
               view_put(object, "reason", view_text(full ? f->reason : NULL)) &&
               view_put(object, "hint", view_text(full ? f->hint : NULL)) &&
               view_put(object, "command", view_text(full ? f->command : NULL)) &&
               view_put(object, "value", view_text(full ? f->value : NULL)) &&
               view_put(object, "expected", view_text(full ? f->expected : NULL));
        good = view_append(array, view_finish(object, good));
    }
    return view_finish(array, good);
}

static json_t *value_texts(const struct certvalues *values)
{
    json_t *array = json_array();
    bool good = true;
    for (size_t i = 0; good && values && i < values->n; i++)
        good = view_append(array, view_text(values->v[i].text));
    return view_finish(array, good);
}

static json_t *other_names(const struct certothers *others)
{
    json_t *array = json_array();
    bool good = true;
    for (size_t i = 0; good && others && i < others->n; i++) {
        json_t *object = json_object();
        good = view_put(object, "type_id", view_text(others->v[i].oid)) &&
               view_put(object, "value", view_text(others->v[i].text));
        good = view_append(array, view_finish(object, good));
    }
    return view_finish(array, good);
}

static json_t *san(const struct certinfo *info)
{
    json_t *object = json_object();
    bool good = view_put(object, "dns_names", value_texts(info ? &info->dns_names : NULL)) &&
                view_put(object, "emails", value_texts(info ? &info->emails : NULL)) &&
                view_put(object, "ips", value_texts(info ? &info->ips : NULL)) &&
                view_put(object, "uris", value_texts(info ? &info->uris : NULL)) &&
                view_put(object, "other_names", other_names(info ? &info->other_names : NULL));
    return view_finish(object, good);
}

static json_t *public_key(const struct certinfo *info)
{
    json_t *object = json_object();
    bool good = view_put(object, "algorithm", view_text(info ? info->key_algorithm : NULL)) &&
                view_put(object, "bits", info ? json_integer(info->key_bits) : json_null()) &&
                view_put(object, "curve", view_text(info ? info->curve : NULL));
    return view_finish(object, good);
}

static json_t *key_usage(const struct certinfo *info)
{
    const char *word[9];
    size_t n = info && info->has_key_usage ? certinfo_key_usage_words(info->key_usage, word) : 0;
    json_t *array = json_array();
    bool good = true;
    for (size_t i = 0; good && i < n; i++)
        good = view_append(array, view_text(word[i]));
    return view_finish(array, good);
}

/* Whole days that are left, or, below 0, that have passed since: as clock_span says it in words. */
static json_int_t days_between(time_t now, time_t end)
{
    return ((json_int_t)end - (json_int_t)now) / DAY;
}

/* The fields of a certificate; of none for NULL: the same keys, null or empty. */
static bool put_certificate(json_t *object, const struct certinfo *info, time_t now)
{
    return view_put(object, "subject", view_text(info ? info->subject.text : NULL)) &&
           view_put(object, "issuer", view_text(info ? info->issuer.text : NULL)) &&
           view_put(object, "serial", view_text(info ? info->serial : NULL)) &&
           view_put(object, "not_before", info ? view_time(info->not_before) : json_null()) &&
           view_put(object, "not_after", info ? view_time(info->not_after) : json_null()) &&
           view_put(object, "days_remaining",
                    info ? json_integer(days_between(now, info->not_after)) : json_null()) &&
           view_put(object, "san", san(info)) && view_put(object, "public_key", public_key(info)) &&
           view_put(object, "signature_algorithm", view_text(info ? info->signature_algorithm : NULL)) &&
           view_put(object, "key_usage", key_usage(info)) &&
           view_put(object, "extended_key_usage", value_texts(info ? &info->extended_key_usage : NULL)) &&
           view_put(object, "fingerprint_sha256", view_text(info ? info->fingerprint_sha256 : NULL)) &&
           view_put(object, "spki_sha256", view_text(info ? info->spki_sha256 : NULL));
}

json_t *view_certificate(const struct certinfo *info, time_t now)
{
    json_t *object = json_object();
    return view_finish(object, put_certificate(object, info, now));
}

/* Where the path ends, of a certificate that was verified. */
static json_t *anchor(const struct anchor_id *id)
{
    if (!id)
        return json_null();
    json_t *object = json_object();
    return view_finish(object, view_put(object, "subject", view_text(id->subject)) &&
                                   view_put(object, "fingerprint_sha256", view_text(id->fingerprint_sha256)));
}

static json_t *chain(const struct peer *peer, time_t now)
{
    json_t *array = json_array();
    bool good = true;
    for (size_t i = 0; good && peer && i < peer->n_chain; i++)
        good = view_append(array, view_certificate(peer->chain[i], now));
    return view_finish(array, good);
}

json_t *view_names(const struct certname *name, size_t n)
{
    json_t *array = json_array();
    bool good = true;
    for (size_t i = 0; good && i < n; i++)
        good = view_append(array, view_text(name[i].text));
    return view_finish(array, good);
}

static json_t *checks(const struct view_peer_input *input)
{
    struct view_checks_input in = {.peer = input->peer,
                                   .tls = input->tls,
                                   .purpose = input->purpose,
                                   .hostname = input->hostname,
                                   .detail = input->detail,
                                   .at = input->at};
    return view_checks(&in);
}

json_t *view_peer(const struct view_peer_input *input)
{
    const struct peer *peer = input->peer;
    enum verify_state verify = peer ? peer->verify : VERIFY_NONE;
    bool presented = verify != VERIFY_NONE;
    enum error_detail detail = verify == VERIFY_FAILED ? input->detail : ERROR_DETAIL_FULL;
    time_t now = peer_applied_at(peer, input->now);
    time_t at = peer_applied_at(peer, input->at);

    json_t *object = json_object();
    bool good = (!input->client_auth || view_put(object, "client_auth", view_text(input->client_auth))) &&
                view_put(object, "requested", json_boolean(input->requested)) &&
                view_put(object, "presented", json_boolean(presented)) &&
                view_put(object, "verify", view_text(verify_word(verify))) &&
                view_put(object, "errors",
                         view_findings(peer ? peer->errors : NULL, peer ? peer->n_errors : 0, detail)) &&
                view_put(object, "warnings",
                         view_findings(peer ? peer->warnings : NULL, peer ? peer->n_warnings : 0, detail)) &&
                view_put(object, "checks", checks(input)) &&
                view_put(object, "verified_at", presented ? view_time(peer->judged_at) : json_null()) &&
                view_put(object, "applied_at", presented ? view_time(at) : json_null()) &&
                view_put(object, "remembered", json_boolean(presented && at > peer->judged_at)) &&
                view_put(object, "resumed", json_boolean(input->resumed)) &&
                put_certificate(object, peer && peer->n_chain > 0 ? peer->chain[0] : NULL, now) &&
                view_put(object, "chain", chain(peer, now)) &&
                view_put(object, "anchor", anchor(peer ? peer->anchor : NULL)) &&
                view_put(object, "accepted_issuers", view_names(input->advertised, input->n_advertised));
    return view_finish(object, good);
}

json_t *view_request_peer(const struct request *request)
{
    struct view_peer_input input = {
        .peer = request->peer,
        .client_auth = conf_client_auth_word(request->client_auth),
        .requested = request->cert_requested,
        .resumed = request->tls->resumed,
        .tls = request->tls,
        .advertised = request->advertised,
        .n_advertised = request->n_advertised,
        .now = request->now,
        .at = request->peer_at,
        .detail = request->conf->error_detail,
    };
    return view_peer(&input);
}
