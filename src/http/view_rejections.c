#include "http/view.h"
#include "http/view_impl.h"

#include "tls/names.h"

static json_t *one(const struct rejection *r)
{
    static const char *const VERIFY[] = {"NONE", "SUCCESS", "FAILED"};
    const struct peer *peer = r->peer;
    const struct certinfo *leaf = peer && peer->n_chain > 0 ? peer->chain[0] : NULL;
    json_t *object = json_object();
    bool good =
        view_put(object, "at", view_time(r->at)) && view_put(object, "remote", view_text(r->remote)) &&
        view_put(object, "listener", view_text(r->listener)) &&
        view_put(object, "stage", view_text(r->handshake ? "handshake" : "request")) &&
        view_put(object, "why", view_text(r->why)) &&
        view_put(object, "alert", view_text(r->alert >= 0 ? tls_alert_name((uint8_t)r->alert) : NULL)) &&
        view_put(object, "status", r->status ? json_integer(r->status) : json_null()) &&
        view_put(object, "verify", view_text(peer ? VERIFY[peer->verify] : NULL)) &&
        view_put(object, "proved", json_boolean(r->proved)) &&
        view_put(object, "subject", view_text(leaf ? leaf->subject.text : NULL)) &&
        view_put(object, "issuer", view_text(leaf ? leaf->issuer.text : NULL)) &&
        view_put(object, "serial", view_text(leaf ? leaf->serial : NULL)) &&
        view_put(object, "fingerprint_sha256", view_text(leaf ? leaf->fingerprint_sha256 : NULL)) &&
        view_put(object, "errors",
                 peer ? view_findings(peer->errors, peer->n_errors, ERROR_DETAIL_FULL) : json_array()) &&
        view_put(object, "handshake", view_handshake(r->record, peer));
    return view_finish(object, good);
}

json_t *view_rejections(const struct rejection *rejections, size_t n)
{
    json_t *array = json_array(), *object = json_object();
    bool good = true;
    for (size_t i = 0; good && i < n; i++)
        good = view_append(array, one(&rejections[i]));
    good = view_put(object, "rejections", view_finish(array, good));
    return view_finish(object, good);
}
