/* `mtlsd check`: loads everything that `serve` would load, binds nothing, and says all that it finds. */
#include "cmd/cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "os/privileges.h"
#include "os/sandbox.h"
#include "server/snapshot.h"

static const char USAGE[] = "Usage: mtlsd check [-c FILE]\n"
                            "Checks the configuration and every file that it names. One line per finding,\n"
                            "`FILE:LINE: error|warning: text`; exit status 1 when there was an error.\n"
                            "\n"
                            "  -c, --config FILE    configuration (default " MTLSD_CONF ")\n"
                            "  -h, --help           this text\n";

/* The start reads the files as root, a reload as the user that the process has become: what that one cannot
 * read is found here. */
static void check_user(const struct conf *conf, struct diag *diag)
{
    struct privileges privileges;
    if (privileges_find(conf, false, diag, &privileges) != 0 || !privileges.change)
        return;
    if (geteuid() != 0)
        diag_warning(diag, conf->user.src,
                     "run this check as root to see whether the user %s may read the files", privileges.name);
    else
        (void)!privileges_check(&privileges, conf, diag); /* what it could not do is among the findings */
}

static int check(const char *conf_file)
{
    struct diag diag = {.emit = diag_print, .cls = stdout};
    struct snapshot *snapshot = NULL;
    if (snapshot_build(conf_file, NULL, &diag, &snapshot) == 0) {
        snapshot_lint(snapshot, clock_now(), &diag);
        check_user(snapshot->conf, &diag);
        sandbox_lint(snapshot->conf, &diag);
        snapshot_unref(snapshot);
    }
    if (diag.errors == 0 && diag.warnings == 0)
        printf("%s: good\n", conf_file);
    return diag.errors > 0 || !snapshot ? EXIT_FAILURE : EXIT_SUCCESS;
}

int cmd_check(int argc, char **argv)
{
    static const struct option LONG[] = {
        {"config", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *conf_file = MTLSD_CONF;
    for (int c; (c = getopt_long(argc, argv, "c:h", LONG, NULL)) != -1;) {
        switch (c) {
        case 'c':
            conf_file = optarg;
            break;
        case 'h':
            fputs(USAGE, stdout);
            return EXIT_SUCCESS;
        default:
            fputs(USAGE, stderr);
            return CMD_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "mtlsd check: unexpected argument '%s'\n%s", argv[optind], USAGE);
        return CMD_USAGE;
    }
    return check(conf_file);
}
