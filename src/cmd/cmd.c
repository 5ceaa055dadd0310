#include "cmd/cmd.h"

#include <getopt.h>
#include <string.h>

int cmd_see_help(const char *command)
{
    fprintf(stderr, "`%s --help` tells how\n", command);
    return CMD_USAGE;
}

const char *cmd_conf_file(int argc, char **argv, const char *given)
{
    const char *file = given ? given : optind < argc ? argv[optind++] : MTLSD_CONF;
    if (optind == argc)
        return file;
    fprintf(stderr, "%s: unexpected argument '%s'\n", argv[0], argv[optind]);
    (void)cmd_see_help(argv[0]);
    return NULL;
}

void cmd_wrap(FILE *out, const char *text, const char *prefix, size_t column, size_t width)
{
    bool first = true;
    for (const char *p = text + strspn(text, " "); *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        if (!first && column + 1 + n > width) {
            fprintf(out, "\n%s", prefix);
            column = strlen(prefix);
            first = true;
        }
        fprintf(out, "%s%.*s", first ? "" : " ", (int)n, p);
        column += n + (first ? 0 : 1);
        first = false;
        p += n;
    }
    fputc('\n', out);
}
