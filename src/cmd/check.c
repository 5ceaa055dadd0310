/* `mtlsd check`: loads everything that `serve` would load, listens nowhere, and says all that it finds. */
#include "cmd/check.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "cmd/check_ports.h"
#include "cmd/cmd.h"
#include "http/route.h"
#include "os/pid_file.h"
#include "os/places.h"
#include "os/privileges.h"
#include "os/sandbox.h"
#include "os/unit.h"
#include "os/writers.h"
#include "server/port.h"
#include "server/snapshot.h"

static const char USAGE[] = "Usage: mtlsd check [-c] [FILE]\n"
                            "Checks the configuration and every file that it names. One line per finding,\n"
                            "`FILE:LINE: error|warning: text`; exit status 1 when there was an error.\n"
                            "\n"
                            "  -c, --config FILE    configuration (default " MTLSD_CONF ")\n"
                            "      --as-user USER   whether this user could serve it (default, for root:\n"
                            "                       `user` of the configuration, or that of mtlsd.service\n"
                            "                       where it starts the server with this file)\n"
                            "  -h, --help           this text\n";

/* Who has to be able to read the files: whom the command line names, `user`, or the unit's user. */
static int find_reader(const struct conf *conf, const char *conf_file, const char *as_user, struct diag *diag,
                       struct privileges *out)
{
    struct unit unit;
    *out = (struct privileges){0};
    if (as_user) {
        char name[UNIT_TEXT];
        snprintf(name, sizeof name, "%s", as_user);
        return privileges_named(&(struct conf_text){.text = name}, &(struct conf_text){0}, diag, out);
    }
    if (conf->user.text || conf->group.text || geteuid() != 0 || !unit_find(MTLSD_CONF, &unit) ||
        !unit_serves(&unit, conf_file))
        return privileges_find(conf, false, diag, out);
    return privileges_named(&unit.user, &unit.group, diag, out);
}

/* The logs, which the user of the server opens. And the start, or where it happens as root a reload, reads
 * the files as that user: what it cannot read is found here, when all files are there (`whole`). */
static void check_places(const struct conf *conf, const char *conf_file, const char *as_user, bool whole,
                         struct diag *diag)
{
    struct privileges privileges;
    if (find_reader(conf, conf_file, as_user, diag, &privileges) != 0)
        return;
    places_check_logs(conf, !privileges.change, diag);
    places_lint(conf, diag);
    writers_lint(conf, privileges.change ? privileges.uid : geteuid(), diag);
    if (!privileges.change || !whole)
        return;
    if (geteuid() != 0)
        diag_warning(diag, conf->user.src,
                     "run this check as root to see whether the user %s may read the files", privileges.name);
    else
        (void)!privileges_check(&privileges, conf, diag); /* what it could not do is among the findings */
}

/* The server that holds the pid_file says where connections of its can go. */
static void check_new_servers(const struct conf *conf, struct diag *diag)
{
    struct err err = {0};
    const char *pid_file = conf->pid_file.text;
    if (!pid_file || pid_file_owner(pid_file, &err) <= 0)
        return;
    for (size_t i = 0; i < conf->n_backends; i++) {
        for (size_t j = 0; j < conf->backend[i].n_servers; j++) {
            const struct conf_server *server = &conf->backend[i].servers[j];
            const unsigned port = server->path ? 0 : server->port;
            if (!pid_file_connects(pid_file, 0))
                diag_warning(
                    diag, server->src,
                    "backend \"%s\": a server that runs cannot connect to %s after a reload, because "
                    "it was started without any backend and lets no connection go out: restart it",
                    conf->backend[i].name, server->name);
            else if (!pid_file_connects(pid_file, port))
                diag_warning(
                    diag, server->src,
                    "backend \"%s\": a server that runs cannot connect to %s after a reload, because "
                    "it forbids itself ports of backends that are not those of its start, and %u is "
                    "none of them: restart it",
                    conf->backend[i].name, server->name, port);
        }
    }
}

/* What was decided for the operator: no finding, and no reason for concern. */
static void print_notes(const struct conf *conf)
{
    struct buf text = {0};
    const struct conf_listener *first = route_note(conf, &text);
    if (first)
        printf("%s:%u: note: %.*s\n", first->src.file, first->src.line, (int)text.len, text.data);
    buf_done(&text);
}

/* After errors with what could be loaded all the same, so that everything is found in one run. */
bool check_configuration(const char *conf_file, const char *as_user, bool news_only, struct snapshot **out)
{
    struct diag diag = {.emit = diag_print, .cls = stdout};
    struct snapshot *snapshot = NULL;
    struct diag_order order;
    diag_order_init(&order, &diag);
    const bool whole = snapshot_build_partial(conf_file, &order.diag, &snapshot) == 0;
    if (snapshot) {
        snapshot_lint(snapshot, clock_now(), &order.diag);
        check_places(snapshot->conf, conf_file, as_user, whole, &order.diag);
        if (whole) {
            check_ports(snapshot->conf, conf_file, &order.diag);
            check_new_servers(snapshot->conf, &order.diag);
            port_lint(snapshot->conf, &order.diag);
        }
        sandbox_lint(snapshot->conf, &order.diag);
    }
    diag_order_flush(&order);
    if (!news_only && diag.errors == 0 && snapshot)
        print_notes(snapshot->conf);
    if (!news_only && diag.errors == 0 && diag.warnings == 0)
        printf("%s: good\n", conf_file);
    const bool good = diag.errors == 0 && whole;
    if (good && out)
        *out = snapshot;
    else
        snapshot_unref(snapshot);
    return good;
}

int cmd_check(int argc, char **argv)
{
    static const struct option LONG[] = {
        {"config", required_argument, NULL, 'c'},
        {"as-user", required_argument, NULL, 'u'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *conf_file = NULL, *as_user = NULL;
    for (int c; (c = getopt_long(argc, argv, "c:h", LONG, NULL)) != -1;) {
        switch (c) {
        case 'c':
            conf_file = optarg;
            break;
        case 'u':
            as_user = optarg;
            break;
        case 'h':
            fputs(USAGE, stdout);
            return EXIT_SUCCESS;
        default:
            return cmd_see_help("mtlsd check");
        }
    }
    conf_file = cmd_conf_file(argc, argv, conf_file);
    if (!conf_file)
        return CMD_USAGE;
    if (as_user && geteuid() != 0) {
        fputs("mtlsd check: --as-user: only root can see what another user may read: run it as root\n",
              stderr);
        return CMD_USAGE;
    }
    return check_configuration(conf_file, as_user, false, NULL) ? EXIT_SUCCESS : EXIT_FAILURE;
}
