#include "server/beside.h"

#include <stdlib.h>
#include <string.h>

#include "http/route.h"

/* 443 where it says none. */
static unsigned long port_of(const char *authority)
{
    const char *end = strrchr(authority, ']'), *colon = strchr(end ? end : authority, ':');
    return colon && colon[1] ? strtoul(colon + 1, NULL, 10) : 443;
}

/* Whoever reached `own` reaches what listens at `other`. [::] is every address, with those of IPv4. */
static bool reaches(const struct conf_address *own, const struct conf_address *other)
{
    const char *host = other->host;
    const bool ipv4 = !own->ipv6 && own->host[0] >= '0' && own->host[0] <= '9';
    return strcmp(own->host, host) == 0 || strcmp(host, "::") == 0 || (ipv4 && strcmp(host, "0.0.0.0") == 0);
}

static bool is_beside(const struct snapshot *snapshot, const struct snapshot_listener *listener,
                      const struct conf_address *own, const struct route *route, const char *host)
{
    const struct conf_listener *conf = listener->conf;
    struct conf_address at;
    return conf->mode == LISTENER_HTTP && conf->tls && conf->proxy_protocol == PROXY_PROTOCOL_OFF &&
           listener->port != 0 && conf_address(conf->address.text, &at, NULL) == 0 && reaches(own, &at) &&
           route_for(snapshot->policy, conf->routes, host, route->path) == route;
}

size_t beside_of(const struct snapshot *snapshot, const struct snapshot_listener *own,
                 const struct route *route, const char *host, const char *authority,
                 struct beside out[static BESIDE_MOST])
{
    struct conf_address at;
    size_t n = 0;
    bool here = false;
    if (own->conf->proxy_protocol != PROXY_PROTOCOL_OFF || port_of(authority) != own->port ||
        conf_address(own->conf->address.text, &at, NULL) != 0)
        return 0;
    for (size_t i = 0; i < snapshot->n_listeners && n < BESIDE_MOST; i++) {
        const struct snapshot_listener *listener = &snapshot->listener[i];
        if (!is_beside(snapshot, listener, &at, route, host))
            continue;
        here = here || listener == own;
        out[n++] = (struct beside){
            .name = listener->conf->name,
            .port = listener->port,
            .client_auth = snapshot_host(listener, host)->conf->client_auth,
            .here = listener == own,
        };
    }
    return here && n > 1 ? n : 0;
}
