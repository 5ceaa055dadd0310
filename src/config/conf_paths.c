#include "config/conf_paths.h"

#include "base/text.h"

static bool is_token(const struct conf_text *text)
{
    return text->text && text_is_token(text->text);
}

static int visit(const struct option *option, const struct conf_text *path, conf_path_fn *fn, void *cls)
{
    if (!path->text || path->inherited || (option->flags & OPTION_KEPT) || is_token(path) ||
        option_also(option, path->text))
        return 0;
    return fn(cls, option, path);
}

/* Every path of a section. */
static int walk_section(enum option_section section, const void *base, conf_path_fn *fn, void *cls)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < OPTION_COUNT; i++) {
        const struct option *option = &OPTIONS[i];
        const void *field = (const char *)base + option->offset;
        if (option->section != section)
            continue;
        if (option->type == OPTION_PATH) {
            rc = visit(option, field, fn, cls);
        } else if (option->type == OPTION_PATHS) {
            const struct conf_list *list = field;
            for (size_t j = 0; rc == 0 && j < list->n; j++)
                rc = visit(option, &list->item[j], fn, cls);
        }
    }
    return rc;
}

int conf_paths(const struct conf *conf, conf_path_fn *fn, void *cls)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < conf->n_names; i++)
        rc = fn(cls, NULL, &conf->names[i]);
    if (rc == 0)
        rc = walk_section(SECTION_GLOBAL, conf, fn, cls);
    for (size_t i = 0; rc == 0 && i < conf->n_backends; i++)
        rc = walk_section(SECTION_BACKEND, &conf->backend[i], fn, cls);
    for (size_t i = 0; rc == 0 && i < conf->n_listeners; i++)
        rc = walk_section(SECTION_LISTEN, &conf->listener[i], fn, cls);
    for (size_t i = 0; rc == 0 && i < conf->n_hosts; i++)
        rc = walk_section(SECTION_LISTEN, &conf->host[i], fn, cls);
    for (size_t i = 0; rc == 0 && i < conf->n_locations; i++)
        rc = walk_section(SECTION_LOCATION, &conf->location[i], fn, cls);
    return rc;
}

static bool has_token(const struct conf_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        if (is_token(&list->item[i]))
            return true;
    }
    return false;
}

bool conf_uses_tokens(const struct conf *conf)
{
    for (size_t i = 0; i < conf->n_listeners + conf->n_hosts; i++) {
        const struct conf_listener *l =
            i < conf->n_listeners ? &conf->listener[i] : &conf->host[i - conf->n_listeners];
        if (has_token(&l->certificate) || has_token(&l->client_ca) || has_token(&l->trusted_ca))
            return true;
    }
    for (size_t i = 0; i < conf->n_backends; i++) {
        if (has_token(&conf->backend[i].certificate) || has_token(&conf->backend[i].ca))
            return true;
    }
    for (size_t i = 0; i < conf->n_locations; i++) {
        if (has_token(&conf->location[i].client_ca))
            return true;
    }
    return false;
}
