#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "config/variable.h"

static const char USAGE[] = "Usage: mtlsd variables [--mdoc]\n"
                            "Prints what may stand in ${} in set_header and redirect, and what it becomes.\n"
                            "\n"
                            "  --mdoc  as the list of the manual\n"
                            "  --help  this text\n";

static const char *remark(const struct variable_row *row)
{
    return row->identity ? " (empty unless the certificate was verified)" : "";
}

static void print_table(void)
{
    enum { WIDTH = 80 };
    int width = 0;
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        const int n = (int)strlen(VARIABLES[i].name);
        width = n > width ? n : width;
    }
    char text[256], indent[32];
    snprintf(indent, sizeof indent, "%*s  ", width, "");
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        printf("%-*s  ", width, VARIABLES[i].name);
        snprintf(text, sizeof text, "%s%s", VARIABLES[i].help, remark(&VARIABLES[i]));
        cmd_wrap(stdout, text, indent, strlen(indent), WIDTH);
    }
}

static void print_mdoc(void)
{
    puts(".\\\" Made by `mtlsd variables --mdoc`.\n.Bl -tag -width Ds");
    for (size_t i = 0; i < VARIABLE_COUNT; i++)
        printf(".It Li %s\n%s%s.\n", VARIABLES[i].name, VARIABLES[i].help, remark(&VARIABLES[i]));
    puts(".El");
}

int cmd_variables(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(USAGE, stdout);
    } else if (argc == 2 && strcmp(argv[1], "--mdoc") == 0) {
        print_mdoc();
    } else if (argc > 1) {
        fprintf(stderr, "mtlsd variables: unknown argument '%s'\n", argv[1]);
        return cmd_see_help("mtlsd variables");
    } else {
        print_table();
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "mtlsd variables: cannot write\n");
        return 1;
    }
    return 0;
}
