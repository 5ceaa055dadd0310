#include "config/conf_diff.h"

#include <string.h>

#include "config/option.h"

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool conf_same_list(const struct conf_list *a, const struct conf_list *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = same_text(a->item[i].text, b->item[i].text);
    return same;
}

static bool same_value(const struct option *option, const void *a, const void *b)
{
    switch (option->type) {
    case OPTION_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case OPTION_WORD:
        return *(const int *)a == *(const int *)b;
    case OPTION_WORDS:
        return *(const unsigned *)a == *(const unsigned *)b;
    case OPTION_NUMBER:
    case OPTION_SIZE:
    case OPTION_DURATION:
        return *(const long long *)a == *(const long long *)b;
    case OPTION_TEXT:
    case OPTION_PATH:
        return same_text(((const struct conf_text *)a)->text, ((const struct conf_text *)b)->text);
    case OPTION_PATHS:
    case OPTION_TEXTS:
        break;
    }
    return conf_same_list(a, b);
}

static bool same_option(const char *name, const struct conf_listener *a, const struct conf_listener *b)
{
    const struct option *option = option_find(SECTION_LISTEN, name);
    return option && same_value(option, (const char *)a + option->offset, (const char *)b + option->offset);
}

bool conf_same_trust(const struct conf_listener *a, const struct conf_listener *b)
{
    static const char *const JUDGED_BY[] = {"client_ca", "trusted_ca", "certificate_form", "crl",
                                            "crl_check", "crl_stale",  "verify_depth"};
    bool same = true;
    for (size_t i = 0; same && i < ARRAY_LEN(JUDGED_BY); i++)
        same = same_option(JUDGED_BY[i], a, b);
    return same;
}

bool conf_same_judgement(const struct conf_listener *a, const struct conf_listener *b)
{
    /* Nobody is asked, nobody is judged. */
    return a->client_auth == b->client_auth && (a->client_auth == CLIENT_AUTH_OFF || conf_same_trust(a, b));
}

bool conf_same_credentials(const struct conf_listener *a, const struct conf_listener *b)
{
    static const char *const MADE_OF[] = {"certificate", "ocsp_response", "password_file", "pin_file",
                                          "client_auth", "client_ca",     "advertise_ca"};
    bool same = true;
    for (size_t i = 0; same && i < ARRAY_LEN(MADE_OF); i++)
        same = same_option(MADE_OF[i], a, b);
    return same;
}

bool conf_same_host(const struct conf_listener *host)
{
    bool same = true;
    for (size_t i = 0; same && i < OPTION_COUNT; i++) {
        const size_t offset = OPTIONS[i].offset;
        same = !(OPTIONS[i].flags & OPTION_HOST) ||
               same_value(&OPTIONS[i], (const char *)host + offset, (const char *)host->of + offset);
    }
    return same;
}

void conf_warn_restart(const struct conf *running, const struct conf *wanted, struct diag *diag)
{
    struct src src = {.file = wanted->file};
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &OPTIONS[i];
        if (option->section == SECTION_GLOBAL && (option->flags & OPTION_RESTART) &&
            !same_value(option, (const char *)running + option->offset,
                        (const char *)wanted + option->offset))
            diag_warning(diag, src, "%s has changed: it applies after a restart", option->name);
    }
}
