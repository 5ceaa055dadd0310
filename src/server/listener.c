#include "server/listener.h"

#include <stdlib.h>
#include <string.h>

int listener_new(const struct conf_listener *of, struct port *port, struct listener **out, struct err *err)
{
    struct listener *listener = calloc(1, sizeof *listener);
    if (!listener)
        return err_nomem(err);
    listener->port = port;
    listener->name = strdup(of->name);
    listener->address = strdup(of->address.text);
    listener->door.name = listener->name;
    if (!listener->name || !listener->address) {
        listener_free(listener);
        return err_nomem(err);
    }
    *out = listener;
    return 0;
}

void listener_free(struct listener *listener)
{
    if (!listener)
        return;
    free(listener->name);
    free(listener->address);
    free(listener);
}

bool listener_is_at(const struct listener *listener, const char *address)
{
    return strcmp(listener->address, address) == 0 || port_is_at(listener->port, address);
}

bool listener_is(const struct listener *listener, const struct conf_listener *of)
{
    return strcmp(listener->name, of->name) == 0 && listener_is_at(listener, of->address.text);
}
