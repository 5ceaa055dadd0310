/* One try: connect, shake hands with the judgement in GnuTLS's verify function, ask, read the status. All
 * within one time. */
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/probe_impl.h"
#include "tls/names.h"
#include "tls/priorities.h"

struct attempt {
    const struct probe_job *job;
    struct probe_result *result;
    uint64_t until_ms;
    int fd;
    gnutls_session_t session;
};

static bool wait_for(const struct attempt *a, short events)
{
    for (;;) {
        uint64_t now = clock_mono_us() / 1000;
        if (now >= a->until_ms)
            return false;
        struct pollfd ready = {.fd = a->fd, .events = events};
        int n = poll(&ready, 1, (int)(a->until_ms - now));
        if (n > 0)
            return true;
        if (n == 0 || errno != EINTR)
            return false;
    }
}

static int fail(struct attempt *a, const char *what)
{
    snprintf(a->result->error, sizeof a->result->error, "%s", what);
    return -1;
}

static int fail_tls(struct attempt *a, int rc)
{
    char text[PROBE_ERROR];
    const char *alert = tls_alert_name((uint8_t)gnutls_alert_get(a->session));
    if (rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_TIMEDOUT)
        snprintf(text, sizeof text, "the time ran out");
    else if ((rc == GNUTLS_E_UNEXPECTED_PACKET || rc == GNUTLS_E_UNEXPECTED_PACKET_LENGTH) &&
             !a->result->handshake) {
        snprintf(text, sizeof text, "what answers does not begin with TLS");
        a->result->not_tls = true;
    } else if (rc == GNUTLS_E_PREMATURE_TERMINATION && a->result->handshake)
        snprintf(text, sizeof text, "the server closed the connection, without a goodbye of TLS");
    else if (rc == GNUTLS_E_PULL_ERROR && a->result->handshake)
        snprintf(text, sizeof text, "the server reset the connection");
    else if (rc == GNUTLS_E_FATAL_ALERT_RECEIVED || rc == GNUTLS_E_WARNING_ALERT_RECEIVED) {
        snprintf(text, sizeof text, "the server refused: alert %s", alert ? alert : "unknown");
        a->result->alert = (int)gnutls_alert_get(a->session);
    } else if (rc == GNUTLS_E_CERTIFICATE_ERROR || rc == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR)
        snprintf(text, sizeof text, "the server's certificate was refused");
    else
        snprintf(text, sizeof text, "%s", gnutls_strerror(rc));
    return fail(a, text);
}

static int connect_one(struct attempt *a, const struct addrinfo *info)
{
    a->fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (a->fd < 0)
        return fail(a, strerror(errno));
    /* The client's flight and the request are two writes: the second waits for no acknowledgement. */
    setsockopt(a->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    int error = connect(a->fd, info->ai_addr, info->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
        socklen_t len = sizeof error;
        if (!wait_for(a, POLLOUT))
            error = ETIMEDOUT;
        else if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
            error = errno;
    }
    if (error != 0) {
        close(a->fd);
        a->fd = -1;
        return fail(a, strerror(error));
    }
    char host[46], port[8];
    if (getnameinfo(info->ai_addr, info->ai_addrlen, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf(a->result->address, sizeof a->result->address, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host,
                 port);
    return 0;
}

static int connect_any(struct attempt *a)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
    int rc = getaddrinfo(a->job->url->host, a->job->url->port, &hints, &found);
    if (rc != 0)
        return fail(a, gai_strerror(rc));
    rc = fail(a, "the host has no address");
    for (const struct addrinfo *info = found; info && rc != 0; info = info->ai_next)
        rc = connect_one(a, info);
    freeaddrinfo(found);
    if (rc == 0)
        a->result->error[0] = '\0';
    return rc;
}

/* In TLS 1.3 this runs before the client's certificate goes out: a wrong server learns nothing. */
static int judge(gnutls_session_t session)
{
    struct attempt *a = gnutls_session_get_ptr(session);
    unsigned n = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &n);
    struct verdict_question question = {
        .trust = a->job->trust,
        .chain = chain,
        .n_chain = chain ? n : 0,
        .at = clock_now(),
        .purpose = PURPOSE_SERVER,
        .hostname = a->job->url->host,
    };
    struct err err = {0};
    if (verdict_judge(&question, &a->result->peer, &err) != 0)
        return GNUTLS_E_CERTIFICATE_ERROR;
    return a->result->peer->verify == VERIFY_SUCCESS ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

static int offer_protocols(struct attempt *a)
{
    static const char *const HTTP = "http/1.1";
    const bool tcp = a->job->url->tcp;
    const char *const *name = tcp ? a->job->alpn : &HTTP;
    const size_t n = tcp ? a->job->n_alpn : 1;
    gnutls_datum_t protocol[PROBE_ALPN];
    for (size_t i = 0; i < n; i++)
        protocol[i] = (gnutls_datum_t){(unsigned char *)(uintptr_t)name[i], (unsigned)strlen(name[i])};
    return n > 0 ? gnutls_alpn_set_protocols(a->session, protocol, (unsigned)n, 0) : 0;
}

static int set_up(struct attempt *a)
{
    int rc = gnutls_init(&a->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
    if (rc < 0)
        return rc;
    gnutls_session_set_ptr(a->session, a);
    gnutls_transport_set_int(a->session, a->fd);
    gnutls_session_set_verify_function(a->session, judge);
    rc = gnutls_priority_set_direct(a->session, tls_priorities(false), NULL);
    if (rc >= 0)
        rc = gnutls_credentials_set(a->session, GNUTLS_CRD_CERTIFICATE, a->job->creds);
    if (rc >= 0)
        rc = offer_protocols(a);
    if (rc >= 0 && !a->job->url->is_address)
        rc =
            gnutls_server_name_set(a->session, GNUTLS_NAME_DNS, a->job->url->host, strlen(a->job->url->host));
    return rc;
}

static bool wait_for_tls(const struct attempt *a)
{
    return wait_for(a, gnutls_record_get_direction(a->session) ? POLLOUT : POLLIN);
}

static int shake_hands(struct attempt *a)
{
    int rc = set_up(a);
    while (rc >= 0 || rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED ||
           rc == GNUTLS_E_WARNING_ALERT_RECEIVED) {
        rc = gnutls_handshake(a->session);
        if (rc == GNUTLS_E_SUCCESS) {
            a->result->handshake = true;
            tls_facts_read(a->session, NULL, gnutls_session_is_resumed(a->session) != 0, &a->result->tls);
            return 0;
        }
        if (rc == GNUTLS_E_AGAIN && !wait_for_tls(a))
            return fail_tls(a, GNUTLS_E_TIMEDOUT);
    }
    if (rc == GNUTLS_E_CERTIFICATE_ERROR)
        gnutls_alert_send(a->session, GNUTLS_AL_FATAL, verdict_alert(a->result->peer, true));
    return fail_tls(a, rc);
}

static int send_all(struct attempt *a, const char *data, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = gnutls_record_send(a->session, data + done, len - done);
        if (n > 0)
            done += (size_t)n;
        else if (n != GNUTLS_E_INTERRUPTED && (n != GNUTLS_E_AGAIN || !wait_for_tls(a)))
            return fail_tls(a, (int)n);
    }
    return 0;
}

static int ask(struct attempt *a)
{
    const struct probe_url *url = a->job->url;
    char text[PROBE_PATH + sizeof url->authority + 128], head[PROBE_HEAD];
    int len = snprintf(
        text, sizeof text,
        "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: mtlsd-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        url->path, url->authority);
    if (len < 0 || send_all(a, text, (size_t)len) != 0)
        return -1;
    size_t have = 0;
    while (have < sizeof head) {
        ssize_t n = gnutls_record_recv(a->session, head + have, sizeof head - have);
        if (n == GNUTLS_E_INTERRUPTED || (n == GNUTLS_E_AGAIN && wait_for_tls(a)))
            continue;
        if (n < 0)
            return fail_tls(a, (int)n);
        if (n == 0)
            return fail(a, "the server closed the connection before it answered");
        have += (size_t)n;
        int status = probe_parse_status(head, have);
        if (status < 0)
            return fail(a, "the server's answer is not HTTP");
        if (status >= 200) {
            a->result->status = (unsigned)status;
            return 0;
        }
        if (status > 0) { /* an interim response: the next head follows */
            char *end = memmem(head, have, "\r\n\r\n", 4);
            have -= (size_t)(end + 4 - head);
            memmove(head, end + 4, have);
        }
    }
    return fail(a, "the head of the server's answer is too long");
}

/* No HTTP: nothing is sent. In TLS 1.3 a refusal of the client's certificate comes behind the handshake, and
 * some servers speak first; one that says nothing for a while waits for its client. */
static int listen_to(struct attempt *a)
{
    struct probe_result *r = a->result;
    const uint64_t until_ms = clock_mono_ms() + a->job->wait_ms;
    if (until_ms < a->until_ms)
        a->until_ms = until_ms;
    for (;;) {
        ssize_t n = gnutls_record_recv(a->session, r->said, sizeof r->said);
        if (n == GNUTLS_E_INTERRUPTED || (n == GNUTLS_E_AGAIN && wait_for_tls(a)))
            continue;
        if (n == GNUTLS_E_AGAIN) {
            r->did = PROBE_DID_WAIT;
            return 0;
        }
        if (n < 0)
            return fail_tls(a, (int)n);
        if (n == 0)
            return fail(a, "the server closed the connection before it was asked");
        r->did = PROBE_DID_SPEAK;
        r->n_said = (size_t)n;
        return 0;
    }
}

void probe_try(const struct probe_job *job, struct probe_result *out)
{
    memset(out, 0, sizeof *out);
    uint64_t begun = clock_mono_us();
    struct attempt a = {.job = job, .result = out, .fd = -1, .until_ms = begun / 1000 + job->timeout_ms};
    if (connect_any(&a) == 0) {
        uint64_t connected = clock_mono_us();
        out->connect_ms = (unsigned)((connected - begun) / 1000);
        if (shake_hands(&a) == 0) {
            uint64_t shaken = clock_mono_us();
            out->handshake_ms = (unsigned)((shaken - connected) / 1000);
            if ((job->url->tcp ? listen_to(&a) : ask(&a)) == 0)
                out->response_ms = (unsigned)((clock_mono_us() - shaken) / 1000);
            gnutls_bye(a.session, GNUTLS_SHUT_WR);
        }
    }
    if (a.session)
        gnutls_deinit(a.session);
    if (a.fd >= 0)
        close(a.fd);
}

void probe_result_done(struct probe_result *result)
{
    peer_unref(result->peer);
    result->peer = NULL;
}
