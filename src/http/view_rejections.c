#include "http/view.h"
#include "http/view_impl.h"

#include <inttypes.h>

#include "tls/names.h"

static json_t *one(const struct rejection *r)
{
    const struct peer *peer = r->peer;
    const struct certinfo *leaf = peer && peer->n_chain > 0 ? peer->chain[0] : NULL;
    json_t *object = json_object();
    bool good =
        view_put(object, "number", json_integer((json_int_t)r->number)) &&
        view_put(object, "at", view_time(r->at)) && view_put(object, "remote", view_text(r->remote)) &&
        view_put(object, "listener", view_text(r->listener)) &&
        view_put(object, "stage", view_text(r->handshake ? "handshake" : "request")) &&
        view_put(object, "why", view_text(r->why)) &&
        view_put(object, "alert", view_text(r->alert >= 0 ? tls_alert_name((uint8_t)r->alert) : NULL)) &&
        view_put(object, "status", r->status ? json_integer(r->status) : json_null()) &&
        view_put(object, "verify", view_text(peer ? verify_word(peer->verify) : NULL)) &&
        view_put(object, "proved", json_boolean(r->proved)) &&
        view_put(object, "subject", view_text(leaf ? leaf->subject.text : NULL)) &&
        view_put(object, "issuer", view_text(leaf ? leaf->issuer.text : NULL)) &&
        view_put(object, "serial", view_text(leaf ? leaf->serial : NULL)) &&
        view_put(object, "fingerprint_sha256", view_text(leaf ? leaf->fingerprint_sha256 : NULL)) &&
        view_put(object, "errors",
                 peer ? view_findings(peer->errors, peer->n_errors, ERROR_DETAIL_FULL) : json_array()) &&
        view_put(object, "handshake", view_handshake(r->record, peer, 0));
    return view_finish(object, good);
}

int view_rejections(const struct rejection *rejections, size_t n, size_t show, size_t most_bytes,
                    struct buf *out)
{
    const size_t start = out->len;
    size_t shown = 0;
    buf_puts(out, "{\n  \"rejections\": [");
    while (!buf_failed(out) && shown < n && shown < show && (shown == 0 || out->len - start < most_bytes)) {
        if (shown > 0)
            buf_putc(out, ',');
        view_write_at(one(&rejections[shown++]), 2, out);
    }
    buf_puts(out, shown > 0 ? "\n  ],\n  \"next\": " : "],\n  \"next\": ");
    if (shown < n)
        buf_printf(out, "\"/api/rejections?limit=%zu&before=%" PRIu64 "\"\n}\n", show,
                   rejections[shown - 1].number);
    else
        buf_puts(out, "null\n}\n");
    return buf_failed(out) ? ERR_NOMEM : 0;
}
