/* `mtlsd reload`: checks the configuration, and has the one server that runs with its pid_file read it anew.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "cmd/check.h"
#include "os/pid_file.h"
#include "os/unit.h"
#include "server/snapshot.h"

static const char USAGE[] = "Usage: mtlsd reload [-c] [FILE]\n"
                            "Checks the configuration, and when that finds no error sends SIGHUP to the\n"
                            "server that runs with the pid_file that it names, and waits for what comes of\n"
                            "it. Under systemd: systemctl reload mtlsd.\n"
                            "\n"
                            "  -c, --config FILE    configuration (default " MTLSD_CONF ")\n"
                            "  -h, --help           this text\n";

static int fail(const char *file, const char *why)
{
    fflush(stdout);
    fprintf(stderr, "mtlsd reload: %s: %s\n", file, why);
    return EXIT_FAILURE;
}

/* Any reload that began after `before` read the files as they are now. `known`: the server tells of them. */
static int wait_for_outcome(const struct conf *conf, pid_t pid, bool known, unsigned before)
{
    enum { WAIT_MS = 60000, LOOK_MS = 10 };
    const char *log = conf->error_log.text, *pid_file = conf->pid_file.text;
    const uint64_t until_ms = clock_mono_ms() + WAIT_MS;
    enum pid_file_reload state = PID_FILE_BEGUN;
    unsigned number = before;
    bool told = false;
    struct err err = {0};
    char text[512];
    while (known && !told && clock_mono_ms() < until_ms && pid_file_owner(pid_file, &err) == pid) {
        told = pid_file_reload(pid_file, &number, &state) && number != before && state != PID_FILE_BEGUN;
        if (!told)
            (void)poll(NULL, 0, LOOK_MS);
    }
    const bool ended = pid_file_owner(pid_file, &err) != pid;
    if (!ended && told && state == PID_FILE_DONE) {
        printf("%s: process %ld has reloaded it\n", conf->file, (long)pid);
        return EXIT_SUCCESS;
    }
    const char *what = ended  ? "ended: its log says why"
                       : told ? "refused it and goes on with what it has: its log says why"
                              : "was told, and has not said what came of it: its log does";
    snprintf(text, sizeof text, "process %ld %s%s%s", (long)pid, what, log ? ": " : "", log ? log : "");
    return fail(conf->file, text);
}

static int reload(const char *conf_file)
{
    struct snapshot *snapshot = NULL;
    struct err err = {0};
    if (!check_configuration(conf_file, NULL, true, &snapshot))
        return fail(conf_file, "not reloaded: the server goes on with what it has");
    int status = EXIT_SUCCESS;
    const char *pid_file = snapshot->conf->pid_file.text;
    const pid_t pid = pid_file ? pid_file_owner(pid_file, &err) : 0;
    unsigned before = 0;
    enum pid_file_reload state;
    const bool known = pid > 0 && pid_file_reload(pid_file, &before, &state);
    struct unit unit;
    if (pid == 0 && unit_find(MTLSD_CONF, &unit) && unit_serves(&unit, conf_file))
        status = fail(conf_file, "it is that of a service: systemctl reload mtlsd");
    else if (pid == 0)
        status = fail(conf_file, "there is no pid_file in it: write pid_file = \"mtlsd.pid\" and restart the "
                                 "server, or use systemctl reload mtlsd");
    else if (pid < 0)
        status = fail(conf_file, err.text);
    else if (kill(pid, SIGHUP) != 0)
        status =
            fail(conf_file, errno == EPERM ? "the server is another user's: run it as that user, or as root"
                                           : strerror(errno));
    else
        status = wait_for_outcome(snapshot->conf, pid, known, before);
    snapshot_unref(snapshot);
    return status;
}

int cmd_reload(int argc, char **argv)
{
    static const struct option LONG[] = {
        {"config", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *conf_file = NULL;
    for (int c; (c = getopt_long(argc, argv, "c:h", LONG, NULL)) != -1;) {
        switch (c) {
        case 'c':
            conf_file = optarg;
            break;
        case 'h':
            fputs(USAGE, stdout);
            return EXIT_SUCCESS;
        default:
            return cmd_see_help("mtlsd reload");
        }
    }
    conf_file = cmd_conf_file(argc, argv, conf_file);
    if (!conf_file)
        return CMD_USAGE;
    return reload(conf_file);
}
