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
    listener->bound = strdup(port->bound);
    listener->door.name = listener->name;
    if (!listener->name || !listener->address || !listener->bound) {
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
    free(listener->bound);
    free(listener);
}

bool listener_is_at(const struct listener *listener, const char *address)
{
    return strcmp(listener->address, address) == 0 || strcmp(listener->bound, address) == 0;
}

bool listener_is(const struct listener *listener, const struct conf_listener *of)
{
    return strcmp(listener->name, of->name) == 0 && listener_is_at(listener, of->address.text);
}

/* "127.0.0.1:0" is where any number of listeners are. */
static bool is_one_place(const char *address)
{
    struct conf_address at;
    return conf_address(address, &at, NULL) == 0 && (at.local || at.port != 0);
}

const struct snapshot_listener *listener_in(const struct listener *listener, const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->n_listeners; i++) {
        if (listener_is(listener, snapshot->listener[i].conf))
            return &snapshot->listener[i];
    }
    for (size_t i = 0; i < snapshot->n_listeners; i++) {
        const char *address = snapshot->listener[i].conf->address.text;
        if (listener_is_at(listener, address) && is_one_place(address))
            return &snapshot->listener[i];
    }
    return NULL;
}
