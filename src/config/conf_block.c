#include "config/conf_block.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "config/conf_backend.h"
#include "config/conf_proxy.h"

/* Where the blocks of a section stand in struct conf. Each begins with its title and its place. */
static const struct kind {
    size_t array, n, size;
} KINDS[SECTION_COUNT] = {
    [SECTION_BACKEND] = {offsetof(struct conf, backend), offsetof(struct conf, n_backends),
                         sizeof(struct conf_backend)},
    [SECTION_LISTEN] = {offsetof(struct conf, listener), offsetof(struct conf, n_listeners),
                        sizeof(struct conf_listener)},
    [SECTION_HOST] = {offsetof(struct conf, host), offsetof(struct conf, n_hosts),
                      sizeof(struct conf_listener)},
    [SECTION_LOCATION] = {offsetof(struct conf, location), offsetof(struct conf, n_locations),
                          sizeof(struct conf_location)},
};

_Static_assert(offsetof(struct conf_backend, src) == offsetof(struct conf_titled, src), "");
_Static_assert(offsetof(struct conf_listener, src) == offsetof(struct conf_titled, src), "");
_Static_assert(offsetof(struct conf_location, src) == offsetof(struct conf_titled, src), "");

size_t *conf_block_count(struct conf *conf, enum option_section section)
{
    return (size_t *)(void *)((char *)conf + KINDS[section].n);
}

void **conf_block_array(struct conf *conf, enum option_section section)
{
    return (void **)(void *)((char *)conf + KINDS[section].array);
}

size_t conf_block_size(enum option_section section)
{
    return KINDS[section].size;
}

void *conf_block_at(struct conf *conf, enum option_section section, size_t i)
{
    return (char *)*conf_block_array(conf, section) + i * KINDS[section].size;
}

size_t conf_block_index(struct conf *conf, enum option_section section, const void *block)
{
    return (size_t)((const char *)block - (char *)*conf_block_array(conf, section)) / KINDS[section].size;
}

void *conf_field(const struct option *option, void *block)
{
    return (char *)block + option->offset;
}

bool conf_field_is_list(const struct option *option)
{
    return option_is_list(option) && option->type != OPTION_WORDS;
}

bool conf_field_is_text(const struct option *option)
{
    return option->type == OPTION_PATH || option->type == OPTION_TEXT;
}

/* A host has those of a listener. */
static void free_fields(enum option_section section, void *target)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (OPTIONS[i].section != section)
            continue;
        if (conf_field_is_text(&OPTIONS[i])) {
            free(((struct conf_text *)conf_field(&OPTIONS[i], target))->text);
        } else if (conf_field_is_list(&OPTIONS[i])) {
            struct conf_list *list = conf_field(&OPTIONS[i], target);
            for (size_t j = 0; j < list->n; j++)
                free(list->item[j].text);
            free(list->item);
        }
    }
}

void conf_block_done(enum option_section section, void *block)
{
    free_fields(section == SECTION_HOST ? SECTION_LISTEN : section, block);
    free(((struct conf_titled *)block)->title);
    if (section == SECTION_LISTEN)
        template_done(&((struct conf_listener *)block)->redirect_to);
    else if (section == SECTION_BACKEND)
        conf_backend_done(block);
    else if (section == SECTION_LOCATION)
        conf_proxy_done(block);
}

void conf_free(struct conf *conf)
{
    if (!conf)
        return;
    for (enum option_section s = SECTION_GLOBAL + 1; s < SECTION_COUNT; s++) {
        for (size_t i = 0; i < *conf_block_count(conf, s); i++)
            conf_block_done(s, conf_block_at(conf, s, i));
        free(*conf_block_array(conf, s));
    }
    free_fields(SECTION_GLOBAL, conf);
    for (size_t i = 0; i < conf->n_names; i++)
        free(conf->names[i].text);
    free(conf->names);
    free(conf->file);
    free(conf->dir);
    free(conf);
}

int conf_list_add(struct conf_list *list, struct conf_text text)
{
    struct conf_text *more = array_more(list->item, list->n, sizeof *more);
    if (!more)
        return ERR_NOMEM;
    list->item = more;
    list->item[list->n++] = text;
    return 0;
}

static int copy_text(const struct conf_text *from, struct conf_text *to)
{
    *to = (struct conf_text){
        .text = from->text ? strdup(from->text) : NULL, .src = from->src, .inherited = true};
    return from->text && !to->text ? ERR_NOMEM : 0;
}

static int copy_list(const struct conf_list *from, struct conf_list *to)
{
    int rc = 0;
    for (size_t i = 0; i < from->n && rc == 0; i++) {
        struct conf_text text;
        rc = copy_text(&from->item[i], &text);
        if (rc == 0 && (rc = conf_list_add(to, text)) != 0)
            free(text.text);
    }
    return rc;
}

int conf_block_inherit(const struct option *option, const struct conf_listener *from,
                       struct conf_listener *host)
{
    const void *value = (const char *)from + option->offset;
    void *at = conf_field(option, host);
    if (option->offset == offsetof(struct conf_listener, client_auth)) {
        host->client_auth_src = from->client_auth_src;
    } else if (option->offset == offsetof(struct conf_listener, crl_stale)) {
        host->crl_stale_mode = from->crl_stale_mode;
        host->crl_grace = from->crl_grace;
    }
    /* They are of the listener's certificates. */
    if (option->offset == offsetof(struct conf_listener, ocsp_response) && host->certificate.n > 0 &&
        !host->certificate.item[0].inherited)
        return 0;
    switch (option->type) {
    case OPTION_BOOL:
        *(bool *)at = *(const bool *)value;
        return 0;
    case OPTION_WORD:
        *(int *)at = *(const int *)value;
        return 0;
    case OPTION_WORDS:
        *(unsigned *)at = *(const unsigned *)value;
        return 0;
    case OPTION_NUMBER:
    case OPTION_SIZE:
    case OPTION_DURATION:
        *(long long *)at = *(const long long *)value;
        return 0;
    case OPTION_TEXT:
    case OPTION_PATH:
        return copy_text(value, at);
    case OPTION_TEXTS:
    case OPTION_PATHS:
        break;
    }
    return copy_list(value, at);
}

bool conf_wants_http2(const struct conf_listener *listener)
{
    return listener->http2 && listener->http2_src.file;
}

bool conf_has_own_certificates(const struct conf_listener *listener)
{
    return listener->certificate.n > 0 && !listener->certificate.item[0].inherited;
}

char *conf_label(const struct conf_listener *listener)
{
    const char *of = listener->of ? listener->of->name : listener->name;
    const size_t room = strlen(of) + strlen(listener->name) + 2;
    char *label = malloc(room);
    if (label)
        snprintf(label, room, "%s%s%s", of, listener->of ? "/" : "", listener->of ? listener->name : "");
    return label;
}
