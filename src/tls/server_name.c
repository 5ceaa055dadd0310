#include "tls/server_name.h"

#include <gnutls/gnutls.h>
#include <time.h>

#include "tls/client_hello.h"

enum {
    EXT_SERVER_NAME = 0,
    HOST_NAME = 0,
    NO_NAME = 255,   /* a NameType that nobody has defined */
    BEFORE_NAME = 3, /* its type and its length */
};

/* The name whose type is to be changed, or was. */
static _Thread_local struct {
    uint8_t *type; /* NULL: none */
    bool hidden;
} hello_name;

/* As GnuTLS tells them. */
static bool is_plain(const struct wire *name)
{
    for (size_t i = 0; i < name->n; i++) {
        uint8_t c = name->p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
              c == '.'))
            return false;
    }
    return true;
}

enum server_name server_name_find(const uint8_t *hello, size_t len, struct wire *name)
{
    struct wire data, list, item;
    enum server_name found = SERVER_NAME_NONE;
    uint8_t type;
    *name = (struct wire){NULL, 0};
    if (!client_hello_extension(hello, len, EXT_SERVER_NAME, &data) || !wire_vector16(&data, &list) ||
        data.n != 0)
        return SERVER_NAME_NONE;
    while (list.n > 0) {
        if (!wire_u8(&list, &type) || !wire_vector16(&list, &item) || item.n == 0)
            return SERVER_NAME_NONE;
        if (type != HOST_NAME)
            continue;
        if (found != SERVER_NAME_NONE) {
            *name = item;
            return SERVER_NAME_SEVERAL;
        }
        *name = item;
        found = item.n > SERVER_NAME_MOST ? SERVER_NAME_LONG
                : is_plain(&item)         ? SERVER_NAME_PLAIN
                                          : SERVER_NAME_ODD;
    }
    return found;
}

/* GnuTLS's clock. */
static time_t now(time_t *out)
{
    if (hello_name.type && !hello_name.hidden) {
        *hello_name.type = NO_NAME;
        hello_name.hidden = true;
    }
    return time(out);
}

void server_name_prepare(void)
{
    gnutls_global_set_time_function(now);
}

/* The hook gets what GnuTLS allocated, and calls it const. */
void server_name_hide(const struct wire *name)
{
    hello_name.type = (uint8_t *)(uintptr_t)(name->p - BEFORE_NAME);
    hello_name.hidden = false;
}

void server_name_show(void)
{
    if (hello_name.type && hello_name.hidden)
        *hello_name.type = HOST_NAME;
    server_name_forget();
}

void server_name_forget(void)
{
    hello_name.type = NULL;
}
