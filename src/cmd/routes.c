#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "http/route.h"

static const char USAGE[] = "Usage: mtlsd routes [--mdoc]\n"
                            "Prints every route: path, type of the answer, and what it is for.\n"
                            "\n"
                            "  --mdoc  as the list of the manual\n"
                            "  --help  this text\n";

static const char *remark(const struct route *route)
{
    return route->exempt       ? " (never needs a certificate)"
           : route->needs_rule ? " (only where a location has rules)"
                               : "";
}

static void print_table(void)
{
    enum { WIDTH = 80 };
    static const char INDENT[] = "    ";
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        const struct route *route = &ROUTES[i];
        char text[512];
        printf("%s  %s\n", route->path, route->type);
        snprintf(text, sizeof text, "%s%s", route->help, remark(route));
        printf("%s", INDENT);
        cmd_wrap(stdout, text, INDENT, strlen(INDENT), WIDTH);
    }
}

static void print_mdoc(void)
{
    puts(".\\\" Made by `mtlsd routes --mdoc`.\n.Bl -tag -width Ds");
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        const struct route *route = &ROUTES[i];
        printf(".It Pa %s\n%s%s.\n", route->path, route->help, remark(route));
    }
    puts(".El");
}

int cmd_routes(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(USAGE, stdout);
    } else if (argc == 2 && strcmp(argv[1], "--mdoc") == 0) {
        print_mdoc();
    } else if (argc > 1) {
        fprintf(stderr, "mtlsd routes: unknown argument '%s'\n", argv[1]);
        return cmd_see_help("mtlsd routes");
    } else {
        print_table();
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "mtlsd routes: cannot write\n");
        return 1;
    }
    return 0;
}
