#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "os/sandbox.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "config/conf_paths.h"
#include "os/fence.h"
#include "os/filter.h"
#include "os/openings.h"
#include "os/privileges.h"

struct sandbox {
    bool fenced;
    bool filtered, ported; /* system calls are filtered; outgoing connections go to `port` only */
    bool backends;         /* there are any */
    unsigned short *port;  /* of backends, in order; owned */
    size_t n_ports;
    struct openings openings;
};

static int by_number(const void *a, const void *b)
{
    const unsigned short *one = a, *other = b;
    return *one - *other;
}

/* Those of backends, and that of the names' servers, in order. */
static int collect_ports(struct sandbox *sandbox, const struct conf *conf, struct err *err)
{
    enum { DNS = 53 };
    size_t most = 1;
    for (size_t i = 0; i < conf->n_backends; i++)
        most += conf->backend[i].n_servers;
    sandbox->backends = conf->n_backends > 0;
    sandbox->port = calloc(most, sizeof *sandbox->port);
    if (!sandbox->port)
        return err_nomem(err);
    for (size_t i = 0; i < conf->n_backends; i++) {
        for (size_t j = 0; j < conf->backend[i].n_servers; j++) {
            if (!conf->backend[i].servers[j].path)
                sandbox->port[sandbox->n_ports++] = conf->backend[i].servers[j].port;
        }
    }
    if (sandbox->n_ports > 0)
        sandbox->port[sandbox->n_ports++] = DNS;
    qsort(sandbox->port, sandbox->n_ports, sizeof *sandbox->port, by_number);
    return 0;
}

static int let_ports_through(struct sandbox *sandbox, struct fence *fence, struct err *err)
{
    sandbox->ported = fence_has_network(fence_version());
    int rc = 0;
    for (size_t i = 0; rc == 0 && sandbox->ported && i < sandbox->n_ports; i++)
        rc = fence_connect(fence, sandbox->port[i], err);
    return rc;
}

static int put_fence(struct sandbox *sandbox, enum fence_around around, struct err *err)
{
    struct fence *fence = NULL;
    int rc = fence_new(fence_version(), around, &fence, err);
    for (size_t i = 0; rc == 0 && around == FENCE_EVERYTHING && i < sandbox->openings.n; i++)
        rc = fence_open(fence, sandbox->openings.item[i].path, sandbox->openings.item[i].use, err);
    if (rc == 0)
        rc = let_ports_through(sandbox, fence, err);
    if (rc == 0)
        rc = fence_close(fence, err);
    sandbox->fenced = rc == 0 && around == FENCE_EVERYTHING;
    fence_free(fence);
    return rc;
}

static int put_fences(struct sandbox *sandbox, const struct conf *conf, struct err *err)
{
    const int version = fence_version();
    const bool tokens = conf_uses_tokens(conf), files = !tokens || conf->sandbox_paths.n > 0;
    if (!files)
        log_notice(
            "sandbox: the files stay open because a PKCS#11 module needs some that only it knows; name its "
            "folders in sandbox_paths");
    else if (version == 0)
        log_info("sandbox: this kernel has no Landlock; files are guarded by their rights alone");
    /* Without modules the filter has no connect. */
    if (tokens && !fence_has_network(version))
        log_notice("sandbox: this kernel cannot forbid outgoing TCP connections beside a PKCS#11 module's "
                   "local ones; Linux 6.7 can");
    if (version == 0 || (!files && !fence_has_network(version)))
        return 0;
    return put_fence(sandbox, files ? FENCE_EVERYTHING : FENCE_NETWORK, err);
}

static int put_filter(struct sandbox *sandbox, const struct conf *conf, struct err *err)
{
    bool only_log = conf->sandbox == SANDBOX_LOG;
    if (!filter_built()) {
        log_warning("sandbox: built without libseccomp; system calls are not filtered");
        return 0;
    }
    unsigned others =
        (conf_uses_tokens(conf) ? FILTER_TOKENS : 0) | (sandbox->backends ? FILTER_BACKENDS : 0);
    int rc = filter_load(only_log, others, err);
    sandbox->filtered = rc == 0 && !only_log;
    if (rc != ERR_NOTFOUND)
        return rc;
    log_warning("sandbox: %s; system calls are not filtered", err->text);
    return 0;
}

static int enter(struct sandbox *sandbox, const struct conf *conf, struct err *err)
{
    tzset(); /* reads the time zone's file, while it can */
    int rc = privileges_drop_capabilities(err);
    if (rc != 0)
        return rc;
    if (conf->sandbox == SANDBOX_LOG)
        log_notice("sandbox = log: nothing is forbidden; the kernel logs system calls that would be");
    else
        rc = put_fences(sandbox, conf, err);
    return rc == 0 ? put_filter(sandbox, conf, err) : rc;
}

int sandbox_enter(const struct conf *conf, struct sandbox **out, struct err *err)
{
    struct sandbox *sandbox = calloc(1, sizeof *sandbox);
    if (!sandbox)
        return err_nomem(err);
    int rc = openings_collect(conf, &sandbox->openings, err);
    if (rc == 0)
        rc = collect_ports(sandbox, conf, err);
#ifdef MTLSD_INSTRUMENTED
    /* Sanitizers trace their own threads, read /proc and run a symbolizer; coverage is written at the end. */
    const bool possible = false;
    if (conf->sandbox != SANDBOX_OFF)
        log_info("sandbox: left out of a build with sanitizers or coverage");
#else
    const bool possible = true;
#endif
    if (rc == 0 && possible && conf->sandbox != SANDBOX_OFF)
        rc = enter(sandbox, conf, err);
    if (rc == 0)
        *out = sandbox;
    else
        sandbox_free(sandbox);
    return rc;
}

void sandbox_free(struct sandbox *sandbox)
{
    if (!sandbox)
        return;
    openings_done(&sandbox->openings);
    free(sandbox->port);
    free(sandbox);
}

bool sandbox_is_fenced(const struct sandbox *sandbox)
{
    return sandbox->fenced;
}

struct explaining {
    const struct sandbox *sandbox;
    struct diag *diag;
};

static void say_outside(const struct explaining *to, const struct option *option,
                        const struct conf_text *path)
{
    diag_error(to->diag, path->src,
               "%s%s%s lies in none of the folders that the sandbox opened at the start, or in one of that "
               "name that was made anew: restart, or move the %s",
               option ? option->name : "", option ? ": " : "", path->text,
               option && (option->flags & OPTION_FOLDER) ? "folder" : "file");
}

static int explain(void *cls, const struct option *option, const struct conf_text *path)
{
    const struct explaining *to = cls;
    if (!openings_have(&to->sandbox->openings, option, path->text))
        say_outside(to, option, path);
    return 0;
}

void sandbox_explain(const struct sandbox *sandbox, const struct conf *conf, struct diag *diag)
{
    struct explaining to = {sandbox, diag};
    if (sandbox->fenced)
        (void)conf_paths(conf, explain, &to);
}

void sandbox_explain_file(const struct sandbox *sandbox, const char *conf_file, struct diag *diag)
{
    struct explaining to = {sandbox, diag};
    const struct conf_text path = {.text = (char *)(uintptr_t)conf_file, .src = {.file = conf_file}};
    if (sandbox->fenced)
        (void)explain(&to, NULL, &path);
}

static int admit(void *cls, const struct option *option, const struct conf_text *path)
{
    const unsigned flags = option ? option->flags : 0;
    bool served = (flags & OPTION_FOLDER) && !(flags & OPTION_WRITTEN);
    return served ? explain(cls, option, path) : 0;
}

void sandbox_closed_ports(const struct sandbox *sandbox, void (*each)(int cls, unsigned first, unsigned n),
                          int cls)
{
    enum { PORTS = 65536 };
    if (sandbox->filtered && !sandbox->backends) {
        each(cls, 0, PORTS);
        return;
    }
    if (!sandbox->ported)
        return;
    unsigned next = 1;
    for (size_t i = 0; i < sandbox->n_ports; i++) {
        const unsigned port = sandbox->port[i];
        if (port > next)
            each(cls, next, port - next);
        if (port >= next)
            next = port + 1;
    }
    if (next < PORTS)
        each(cls, next, PORTS - next);
}

static bool has_port(const struct sandbox *sandbox, unsigned short port)
{
    for (size_t i = 0; i < sandbox->n_ports; i++) {
        if (sandbox->port[i] == port)
            return true;
    }
    return false;
}

/* Connections can go where they could from the start. */
static void admit_backend(const struct sandbox *sandbox, const struct conf_backend *backend,
                          struct diag *diag)
{
    if (sandbox->filtered && !sandbox->backends) {
        diag_error(
            diag, backend->src,
            "backend \"%s\": the sandbox was entered without any backend and lets no connection go out: "
            "restart",
            backend->name);
        return;
    }
    for (size_t i = 0; sandbox->ported && i < backend->n_servers; i++) {
        const struct conf_server *server = &backend->servers[i];
        if (!server->path && !has_port(sandbox, server->port))
            diag_error(diag, server->src,
                       "backend \"%s\": server %s: the sandbox lets connections go to the ports that it was "
                       "entered with, and %u is none of them: restart",
                       backend->name, server->name, server->port);
    }
}

int sandbox_admit(const struct sandbox *sandbox, const struct conf *conf, struct diag *diag)
{
    struct explaining to = {sandbox, diag};
    unsigned before = diag->errors;
    if (sandbox->fenced)
        (void)conf_paths(conf, admit, &to);
    for (size_t i = 0; i < conf->n_backends; i++)
        admit_backend(sandbox, &conf->backend[i], diag);
    return diag->errors == before ? 0 : ERR_DENIED;
}

struct linting {
    const struct conf *conf;
    struct diag *diag;
    const struct conf_text *written; /* the path that is compared with the others, and the folder */
    const char *name, *folder;       /* that is opened for it */
    bool told;                       /* of a wide folder that is read */
};

static bool is_written(const struct option *option)
{
    return option && (option->flags & OPTION_WRITTEN);
}

/* The folder that the sandbox opens for this path, as it really is; NULL: that cannot be told. */
static char *opened_folder(const struct option *option, const struct conf_text *path)
{
    char *place = realpath(path->text, NULL);
    if (option && (option->flags & OPTION_FOLDER))
        return place;
    free(place);
    char *folder = openings_folder(path->text);
    place = folder ? realpath(folder, NULL) : NULL;
    free(folder);
    return place;
}

/* One finding for a log is enough: whoever moves it has mended all. */
static int lint_neighbour(void *cls, const struct option *option, const struct conf_text *path)
{
    struct linting *to = cls;
    char *place = is_written(option) ? NULL : openings_place(path->text);
    bool beneath = place && openings_beneath(place, to->folder);
    free(place);
    if (beneath)
        diag_warning(
            to->diag, to->written->src,
            "%s: the sandbox leaves the folder %s writable, in which %s lies: give logs a folder of their "
            "own",
            to->name, to->folder, path->text);
    return beneath;
}

static int lint_path(void *cls, const struct option *option, const struct conf_text *path)
{
    struct linting *to = cls;
    char *folder = opened_folder(option, path);
    bool wide = folder && openings_wide(folder), written = is_written(option);
    if (wide && (written || !to->told))
        diag_warning(to->diag, path->src,
                     "%s%sthe sandbox leaves all of %s %s, because of %s: use a folder that has "
                     "nothing else in it",
                     option ? option->name : "", option ? ": " : "", folder,
                     written ? "writable" : "readable", path->text);
    to->told = to->told || (wide && !written);
    if (folder && written && !wide) {
        to->written = path;
        to->name = option->name;
        to->folder = folder;
        (void)conf_paths(to->conf, lint_neighbour, to);
    }
    free(folder);
    return 0;
}

void sandbox_lint(const struct conf *conf, struct diag *diag)
{
    struct linting to = {.conf = conf, .diag = diag};
    if (conf->sandbox != SANDBOX_OFF)
        (void)conf_paths(conf, lint_path, &to);
}
