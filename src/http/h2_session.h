/* What the engines of both sides, http/h2.h and upstream/h2_client.h, do alike with nghttp2. Only where that
 * is. */
#ifndef MTLSD_HTTP_H2_SESSION_H
#define MTLSD_HTTP_H2_SESSION_H

#include <nghttp2/nghttp2.h>

#include "base/base.h"
#include "base/err.h"

/* How a session is made. */
struct h2_session_plan {
    int (*open)(nghttp2_session **session, const nghttp2_session_callbacks *callbacks, void *cls,
                const nghttp2_option *option); /* nghttp2_session_server_new2, or _client_new2 */
    void (*listen)(nghttp2_session_callbacks *callbacks);
    void (*choose)(nghttp2_option *option);
    const nghttp2_settings_entry *settings; /* the first that are said */
    size_t n_settings;
    uint32_t window; /* of all streams together */
};

/* The windows are opened by their owner, as he takes what came. 0, with a session for nghttp2_session_del; or
 * ERR_NOMEM, with NULL. */
MUST_CHECK int h2_session_new(nghttp2_session **session, const struct h2_session_plan *plan, void *cls);

/* So much waits for a peer that does not read that no more should be taken of it. */
bool h2_session_is_full(nghttp2_session *session);

#endif
