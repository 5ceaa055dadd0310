/* The text of a configuration: no byte sequence may do more than give findings. */
#include <stdlib.h>
#include <string.h>

#include "config/conf.h"
#include "fuzz.h"

static void count(void *cls, enum diag_severity severity, struct src src, const char *text)
{
    unsigned *errors = cls;
    *errors += severity == DIAG_ERROR;
    if (!src.file || strcmp(src.file, "fuzz.conf") != 0 || strlen(text) == 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    unsigned lines = 1, errors = 0;
    for (const char *p = text; *p; p++)
        lines += *p == '\n';

    struct diag diag = {.emit = count, .cls = &errors};
    struct conf *conf = NULL;
    int rc = conf_parse(text, "fuzz.conf", "/etc", &diag, &conf);
    if ((rc == 0) != (conf != NULL) || (rc == 0) != (diag.errors == 0) || errors != diag.errors)
        abort();
    for (size_t i = 0; conf && i < conf->n_listeners; i++) {
        const struct conf_listener *l = &conf->listener[i];
        struct conf_address address;
        if (conf_address(l->address.text, &address, NULL) != 0 || l->certificate.n == 0 ||
            l->src.line > lines ||
            (l->client_auth != CLIENT_AUTH_OFF && l->client_ca.n + l->trusted_ca.n == 0))
            abort();
    }
    for (size_t i = 0; conf && i < conf->n_locations; i++) {
        const struct conf_location *l = &conf->location[i];
        if (l->prefix[0] != '/' || (l->client_cert != CLIENT_CERT_VERIFIED && l->allow.n > 0))
            abort();
    }
    conf_free(conf);
    free(text);
    return 0;
}
