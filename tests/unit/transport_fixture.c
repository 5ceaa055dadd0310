#include "transport_fixture.h"

#include "suites.h"

#include <sys/socket.h>
#include <unistd.h>

#include "../tools/mkchain.h"
#include "base/clock.h"
#include "tls/library.h"

enum { PATIENCE_MS = 600000 };

struct transport_fixture tf;

static bool established(struct transport *t UNUSED)
{
    return true;
}

static void failing(struct transport *t UNUSED, int error UNUSED)
{
}

static void failed(struct transport *t UNUSED, int error, int sent UNUSED, const char *why)
{
    ck_abort_msg("%s: %s", gnutls_strerror(error), why);
}

static void broken(struct transport *t UNUSED, int sent UNUSED, const char *why)
{
    ck_abort_msg("%s", why);
}

static bool proxied(struct transport *t UNUSED, const struct proxy_header *header UNUSED,
                    const char *why UNUSED)
{
    return false;
}

static void late(struct transport *t UNUSED)
{
    tf.was_late++;
}

static const struct transport_ops OPS = {
    .established = established,
    .failing = failing,
    .failed = failed,
    .broken = broken,
    .proxied = proxied,
    .late = late,
};

ssize_t tf_read(void)
{
    char bytes[1000];
    transport_enter(&tf.transport);
    const ssize_t n = transport_read(&tf.transport, bytes, sizeof bytes);
    ck_assert_int_eq(transport_leave(&tf.transport, false), 0);
    return n;
}

static void make_credentials(struct transport_fixture *f)
{
    struct mk_spec spec = {
        .dn = "CN=localhost", .path_len = -1, .not_before = 1700000000, .not_after = 2100000000};
    struct mk_pair pair = mk_make(&spec, NULL);
    gnutls_certificate_allocate_credentials(&f->server_creds);
    ck_assert_int_eq(gnutls_certificate_set_x509_key(f->server_creds, &pair.crt, 1, pair.key), 0);
    mk_free(&pair);
    gnutls_certificate_allocate_credentials(&f->client_creds);
}

void tf_connect(const char *priority, size_t most)
{
    struct transport_fixture *f = &tf;
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    f->near = pair[0];
    f->far = pair[1];
    f->was_late = 0;
    wheel_init(&f->wheel, clock_mono_ms());
    tls_share_init(&f->share, &f->wheel);
    make_credentials(f);
    ck_assert_int_eq(tls_library()->init(&f->server, GNUTLS_SERVER | GNUTLS_NONBLOCK), 0);
    ck_assert_int_eq(tls_library()->init(&f->client, GNUTLS_CLIENT | GNUTLS_NONBLOCK), 0);
    ck_assert_int_eq(gnutls_priority_set_direct(f->server, priority, NULL), 0);
    ck_assert_int_eq(gnutls_priority_set_direct(f->client, priority, NULL), 0);
    gnutls_credentials_set(f->server, GNUTLS_CRD_CERTIFICATE, f->server_creds);
    gnutls_credentials_set(f->client, GNUTLS_CRD_CERTIFICATE, f->client_creds);
    gnutls_transport_set_int(f->client, f->far);
    if (most > 0)
        ck_assert_int_eq(gnutls_record_set_max_size(f->client, most), 0);
    transport_init(&f->transport, &f->share, f->server, f->near, &OPS, PATIENCE_MS, TF_LINGER_MS);
    int rc = GNUTLS_E_AGAIN;
    while (rc == GNUTLS_E_AGAIN || f->transport.state != TRANSPORT_OPEN) {
        rc = tls_library()->handshake(f->client);
        ck_assert_msg(rc == 0 || rc == GNUTLS_E_AGAIN, "%s", gnutls_strerror(rc));
        ck_assert_int_eq(tf_read(), GNUTLS_E_AGAIN);
    }
}

void tf_disconnect(void)
{
    struct transport_fixture *f = &tf;
    transport_done(&f->transport);
    gnutls_deinit(f->server);
    gnutls_deinit(f->client);
    gnutls_certificate_free_credentials(f->server_creds);
    gnutls_certificate_free_credentials(f->client_creds);
    close(f->near);
    close(f->far);
}

void tf_end(void)
{
    tf_disconnect();
    tls_share_done(&tf.share);
}
