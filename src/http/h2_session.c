#include "http/h2_session.h"

static int begin(nghttp2_session *session, const struct h2_session_plan *plan)
{
    int rc = nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, plan->settings, plan->n_settings);
    if (rc == 0)
        rc = nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, (int32_t)plan->window);
    return rc;
}

int h2_session_new(nghttp2_session **session, const struct h2_session_plan *plan, void *cls)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    *session = NULL;
    int rc = nghttp2_session_callbacks_new(&callbacks);
    if (rc == 0)
        rc = nghttp2_option_new(&option);
    if (rc == 0) {
        plan->listen(callbacks);
        nghttp2_option_set_no_auto_window_update(option, 1);
        plan->choose(option);
        rc = plan->open(session, callbacks, cls, option);
    }
    if (rc == 0)
        rc = begin(*session, plan);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    if (rc == 0)
        return 0;
    nghttp2_session_del(*session);
    *session = NULL;
    return ERR_NOMEM;
}

bool h2_session_is_full(nghttp2_session *session)
{
    enum { MOST_FRAMES = 2000 };
    return nghttp2_session_get_outbound_queue_size(session) > MOST_FRAMES;
}
