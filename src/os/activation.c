#include "os/activation.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"

enum { FIRST = 3, MOST = CONF_LISTENERS_MOST, NAME = 256 };

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

static struct src here(const struct conf *conf)
{
    return (struct src){.file = conf->file};
}

static bool listens(int fd, union address *out)
{
    int type = 0, accepts = 0;
    socklen_t len = sizeof type;
    bool good = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
    len = sizeof accepts;
    good = good && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &len) == 0 && accepts;
    len = sizeof *out;
    memset(out, 0, sizeof *out);
    good = good && getsockname(fd, &out->any, &len) == 0;
    return good && (out->any.sa_family == AF_INET || out->any.sa_family == AF_INET6 ||
                    (out->any.sa_family == AF_UNIX && out->un.sun_path[0] == '/'));
}

static unsigned port_of(const union address *at)
{
    return ntohs(at->any.sa_family == AF_INET6 ? at->in6.sin6_port : at->in.sin_port);
}

/* "[::1]:8443" */
static const char *describe(const union address *at, char out[static NAME])
{
    if (at->any.sa_family == AF_UNIX) {
        snprintf(out, NAME, CONF_ADDRESS_LOCAL "%.*s", (int)sizeof at->un.sun_path, at->un.sun_path);
        return out;
    }
    char host[INET6_ADDRSTRLEN] = "?";
    bool six = at->any.sa_family == AF_INET6;
    inet_ntop(at->any.sa_family, six ? (const void *)&at->in6.sin6_addr : (const void *)&at->in.sin_addr,
              host, sizeof host);
    snprintf(out, NAME, six ? "[%s]:%u" : "%s:%u", host, port_of(at));
    return out;
}

static bool is_at(const struct conf_listener *listener, const union address *at)
{
    struct conf_address wanted;
    if (conf_address(listener->address.text, &wanted, NULL) != 0)
        return false;
    if (wanted.local || at->any.sa_family == AF_UNIX)
        return wanted.local && at->any.sa_family == AF_UNIX &&
               strncmp(wanted.host, at->un.sun_path, sizeof at->un.sun_path) == 0;
    if (wanted.port != port_of(at))
        return false;
    if (at->any.sa_family == AF_INET6) {
        struct in6_addr host;
        return inet_pton(AF_INET6, wanted.host, &host) == 1 &&
               memcmp(&host, &at->in6.sin6_addr, sizeof host) == 0;
    }
    struct in_addr host;
    return inet_pton(AF_INET, wanted.host, &host) == 1 && host.s_addr == at->in.sin_addr.s_addr;
}

static size_t find(const struct conf *conf, const char *name, const union address *at)
{
    for (size_t i = 0; i < conf->n_listeners; i++) {
        if (strcmp(conf->listener[i].name, name) == 0)
            return i;
    }
    for (size_t i = 0; i < conf->n_listeners; i++) {
        if (is_at(&conf->listener[i], at))
            return i;
    }
    return conf->n_listeners;
}

static int take(const struct conf *conf, int fd, const char *name, struct diag *diag, int *out)
{
    union address at;
    char text[NAME], *shown = text_escaped(name, strlen(name));
    if (!shown)
        return ERR_NOMEM;
    int rc = ERR_MISMATCH;
    size_t i = conf->n_listeners;
    if (!listens(fd, &at))
        diag_error(diag, here(conf),
                   "the inherited socket \"%s\" (descriptor %d) is no listening TCP or UNIX socket: write "
                   "ListenStream= in the socket unit, and Accept=no",
                   shown, fd);
    else if ((i = find(conf, name, &at)) == conf->n_listeners ||
             ((at.any.sa_family == AF_UNIX || conf_is_local(&conf->listener[i])) &&
              !is_at(&conf->listener[i], &at))) /* one kind does not stand for the other */
        diag_error(diag, here(conf),
                   "the inherited socket \"%s\" on %s belongs to no listener: write "
                   "FileDescriptorName= with a listener's name in the socket unit, or that address in a "
                   "listen block",
                   shown, describe(&at, text));
    else if (out[i] >= 0)
        diag_error(diag, conf->listener[i].address.src,
                   "listen \"%s\": there are two inherited sockets for it: give "
                   "each a listener of its own",
                   conf->listener[i].name);
    else
        rc = 0;
    if (rc == 0) {
        out[i] = fd;
        if (!is_at(&conf->listener[i], &at))
            diag_warning(diag, conf->listener[i].address.src,
                         "listen \"%s\": listens on %s, the address of the "
                         "socket that the service manager hands over, instead of %s",
                         conf->listener[i].name, describe(&at, text), conf->listener[i].address.text);
    }
    free(shown);
    return rc;
}

int activation_match(const struct conf *conf, struct diag *diag, int *out)
{
    for (size_t i = 0; i < conf->n_listeners; i++)
        out[i] = -1;
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");
    unsigned long n = count ? strtoul(count, NULL, 10) : 0;
    int rc = 0;
    if (n > 0 && pid && strtol(pid, NULL, 10) == (long)getpid()) {
        if (n > MOST) {
            diag_error(diag, here(conf), "LISTEN_FDS=%lu: at most %d sockets can be handed over", n, MOST);
            rc = ERR_RANGE;
        }
        for (int fd = FIRST; rc == 0 && fd < FIRST + (int)n; fd++) {
            char name[NAME];
            size_t len = names ? strcspn(names, ":") : 0;
            snprintf(name, sizeof name, "%.*s", (int)len, names ? names : "");
            rc = take(conf, fd, name, diag, out);
            names = names && names[len] ? names + len + 1 : NULL;
        }
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return rc;
}
