#include "cmd/check_ports.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/cmd.h"
#include "os/holder.h"
#include "os/running.h"
#include "os/unit.h"
#include "server/port.h"

enum { HOLDERS_MOST = 64, SERVICE_MANAGER = 1 };

struct check {
    const struct conf *conf;
    const char *conf_file;
    bool runs;    /* a server, with this file */
    bool service; /* it is that of the unit, to which the service manager may hand sockets */
    struct diag *diag;
};

/* The first port that needs no right. */
static unsigned unprivileged_port(void)
{
    unsigned first = 1024;
    FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
    if (file) {
        // NOLINTNEXTLINE(cert-err34-c): the kernel wrote it, a port
        if (fscanf(file, "%u", &first) != 1)
            first = 1024;
        fclose(file);
    }
    return first;
}

/* The socket of one that is there. */
static bool is_made(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* A server that runs with this file, whatever others listen on, is to be given the listeners that are not
 * open: by then it may have no right to open any. */
static void check_new(const struct check *check, const struct conf_listener *listener,
                      const struct conf_address *at)
{
    const struct conf *conf = check->conf;
    const bool closed = conf->sandbox == SANDBOX_ON;
    if (at->local) {
        if (closed && !is_made(at->host))
            diag_warning(check->diag, listener->address.src,
                         "listen \"%s\": a server that runs cannot make %s by a reload, because it "
                         "forbids itself new listening sockets after the start: restart it",
                         listener->name, listener->address.text);
        return;
    }
    const bool needs_right = conf->user.text && at->port < unprivileged_port();
    if (at->port != 0 && (needs_right || closed) && !holder_of_port(at->port))
        diag_warning(check->diag, listener->address.src,
                     "listen \"%s\": a server that runs cannot open port %u by a reload, because it %s after "
                     "the start: restart it",
                     listener->name, at->port,
                     needs_right ? "gives up the right to ports below 1024"
                                 : "forbids itself new listening sockets");
}

/* This configuration's own server, or the service manager that keeps its socket. */
static bool is_own(const struct check *check, const struct holder *holder)
{
    return running_is(holder->pid, check->conf_file, check->conf->pid_file.text, MTLSD_CONF) ||
           (holder->pid == SERVICE_MANAGER && check->service);
}

/* Somebody listens there, or keeps others from it. Where nobody's descriptors may be seen, it is taken for
 * the server of this file where one runs, or may. */
static void check_holder(const struct check *check, const struct conf_listener *listener,
                         const struct conf_address *at)
{
    static struct holder holder[HOLDERS_MOST];
    const size_t n = holder_find(at->port, at->local ? at->host : NULL, holder, HOLDERS_MOST);
    char who[HOLDER_NAME + 32] = "another program", filter[32] = "";
    const bool listens = at->local || holder_of_port(at->port);
    for (size_t i = 0; i < n; i++) {
        if (is_own(check, &holder[i]))
            return;
    }
    if (n == 0 && (check->runs || check->service))
        return;
    if (n > 0)
        snprintf(who, sizeof who, "%s (process %ld)", holder[0].name, (long)holder[0].pid);
    if (!at->local)
        snprintf(filter, sizeof filter, " 'sport = :%u'", at->port);
    diag_warning(
        check->diag, listener->address.src,
        "listen \"%s\": address %s is in use by %s: a %s would fail now; stop that or choose another "
        "%s; who has it: %sss -%s%s",
        listener->name, listener->address.text, who, check->runs ? "reload" : "start",
        at->local ? "path" : "port", n > 0 ? "" : "sudo ",
        at->local ? "lxnp"
        : listens ? "ltnp"
                  : "tanp",
        filter);
}

/* Without the right to a port below 1024 it is not known whether the port could be had: the kernel's list
 * tells, and the address is tried at any port. */
static void check_free(const struct check *check, const struct conf_listener *listener,
                       const struct conf_address *at)
{
    struct conf_address anywhere = *at;
    anywhere.port = 0;
    int error = port_try(at);
    if (error == EACCES)
        error = port_try(&anywhere) == EADDRNOTAVAIL ? EADDRNOTAVAIL
                : holder_of_port(at->port)           ? EADDRINUSE
                                                     : 0;
    if (at->local && holder_of_path(at->host))
        error = EADDRINUSE;
    if (error == EADDRINUSE)
        check_holder(check, listener, at);
    else if (error == EADDRNOTAVAIL)
        diag_warning(check->diag, listener->address.src,
                     "listen \"%s\": address %s: no interface of this machine has that address: a %s would "
                     "fail now; `ip address` lists those that there are, and [::] is all of them",
                     listener->name, listener->address.text, check->runs ? "reload" : "start");
}

void check_ports(const struct conf *conf, const char *conf_file, struct diag *diag)
{
    static struct unit unit;
    struct check check = {conf, conf_file, running_with(conf_file, conf->pid_file.text, MTLSD_CONF),
                          unit_find(MTLSD_CONF, &unit) && unit_serves(&unit, conf_file), diag};
    for (size_t i = 0; i < conf->n_listeners; i++) {
        struct conf_address at;
        if (conf_address(conf->listener[i].address.text, &at, NULL) != 0)
            continue;
        check_free(&check, &conf->listener[i], &at);
        if (check.runs)
            check_new(&check, &conf->listener[i], &at);
    }
}
