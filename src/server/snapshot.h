/* Everything that a reload can change, built and validated whole, then immutable and refcounted. Connections
 * take a reference; the last one frees it. */
#ifndef MTLSD_SERVER_SNAPSHOT_H
#define MTLSD_SERVER_SNAPSHOT_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdatomic.h>

#include "base/cidr.h"
#include "base/diag.h"
#include "config/conf.h"
#include "http/message.h"
#include "pki/creds.h"
#include "pki/trust.h"
#include "policy/policy.h"
#include "server/tickets.h"
#include "upstream/backend.h"

/* What a listener, or a host in it, says to its clients. */
struct snapshot_listener {
    const struct conf_listener *conf;
    const struct snapshot_listener *of;    /* a host's listener; a listener's is itself */
    const struct snapshot_listener **host; /* a listener's, n_hosts of them, by name; owned */
    size_t n_hosts;
    /* Those of one listener that have the same number ask the same of clients, and judge them alike. */
    size_t judged_as;
    char *label;         /* "LISTENER", "LISTENER/HOST"; owned */
    unsigned short port; /* a listener's, the real one; 0 until it is bound */
    struct trust *trust;
    struct creds *creds;
    struct peer_cache *peers;  /* chains that were judged under this trust */
    gnutls_datum_t ticket_key; /* data NULL: no tickets */
    gnutls_priority_t priorities;
    gnutls_priority_t open_priorities; /* of a listener with hosts, until a ClientHello says which; or NULL */
    struct cidr *proxies;              /* conf->trusted_proxies, read */
    struct policy *door_policy;        /* mode = tcp: who may come in, as those of `door`; or NULL */
    struct conf_location door;
};

struct snapshot {
    atomic_uint refs;
    uint64_t generation; /* 1, 2, ...: set by the server when it goes live */
    bool whole;          /* false only after errors: see snapshot_build_partial */
    struct conf *conf;
    struct policy *policy;
    int document_root;                  /* O_PATH descriptor, -1: none */
    struct snapshot_listener *listener; /* n_listeners, and behind them their hosts: n_all */
    size_t n_listeners, n_all;
    struct backend **backend;       /* as many as `conf` has, in its order */
    struct health_listener *health; /* n_all of them */
};

/* Reads the configuration and every file that it names. `master` makes the ticket keys, `choose` is GnuTLS's
 * certificate function for its sessions. 0 and *out with one reference; negative when there was an error, and
 * *out is untouched. `diag` gets all problems, in the order of files and lines. It reads files and may take
 * seconds: on the main thread. */
MUST_CHECK int snapshot_build(const char *conf_file, const struct ticket_master *master,
                              gnutls_certificate_retrieve_function3 *choose, struct diag *diag,
                              struct snapshot **out);

/* As snapshot_build for `check`, and after errors *out is set, too, unless nothing could be understood: to
 * what could be loaded, for further findings. */
MUST_CHECK int snapshot_build_partial(const char *conf_file, struct diag *diag, struct snapshot **out);

/* The deeper lints of `mtlsd check`. */
void snapshot_lint(const struct snapshot *snapshot, time_t now, struct diag *diag);

/* What a reload to `snapshot` takes back without an error: warns of CRLs that are older than those of `old`.
 */
void snapshot_warn_older(const struct snapshot *old, const struct snapshot *snapshot, struct diag *diag);

struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot);

/* True when proxy_protocol is off, or `address` is one of a proxy that is trusted. */
bool snapshot_trusts(const struct snapshot_listener *listener, const struct sockaddr *address);

/* Who answers for a server name, as names are compared (http1_host_name): the host of it, else that of the
 * longest wildcard that fits, else the listener itself. */
const struct snapshot_listener *snapshot_host(const struct snapshot_listener *listener, const char *name);

/* The listener of that name, NULL when this configuration has none. */
const struct snapshot_listener *snapshot_listener(const struct snapshot *snapshot, const char *name);

#endif
