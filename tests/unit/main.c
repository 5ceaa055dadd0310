/* All unit tests in one program: `unit` runs every suite of suites.def, `unit NAME...` those named, `unit
 * -NAME...` all but those. CK_FORK=no (for valgrind and debuggers), CK_RUN_CASE, CK_VERBOSITY and the rest of
 * Check's environment work. */
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suites.h"

static const struct {
    const char *name;
    Suite *(*make)(void);
} SUITES[] = {
#define SUITE(name) {#name, suite_##name},
#include "suites.def"
#undef SUITE
};

enum { SUITE_COUNT = sizeof(SUITES) / sizeof(SUITES[0]) };

static bool is_known(const char *name)
{
    for (size_t i = 0; i < SUITE_COUNT; i++) {
        if (strcmp(SUITES[i].name, name) == 0)
            return true;
    }
    fprintf(stderr, "unit: no suite is called '%s'; there are:", name);
    for (size_t i = 0; i < SUITE_COUNT; i++)
        fprintf(stderr, " %s", SUITES[i].name);
    fputc('\n', stderr);
    return false;
}

static bool is_named(const char *name, char **names)
{
    for (; *names; names++) {
        if (strcmp(name, **names == '-' ? *names + 1 : *names) == 0)
            return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    bool without = argc > 1 && argv[1][0] == '-';
    for (int i = 1; i < argc; i++) {
        if ((argv[i][0] == '-') != without) {
            fputs("unit: either NAME... or -NAME...\n", stderr);
            return 2;
        }
        if (!is_known(argv[i] + without))
            return 2;
    }
    int status = EXIT_FAILURE;
    (void)setenv("CK_DEFAULT_TIMEOUT", "60", 0); /* Check's own 4 s are soon over on a busy machine */
    mallopt(M_PERTURB, 0xa5); /* whoever reads what nobody wrote shall not find zeros there */
    SRunner *runner = srunner_create(NULL);
    for (size_t i = 0; i < SUITE_COUNT; i++) {
        if (argc == 1 || is_named(SUITES[i].name, argv + 1) != without)
            srunner_add_suite(runner, SUITES[i].make());
    }

    srunner_run_all(runner, CK_ENV);
    if (srunner_ntests_run(runner) == 0)
        fputs("unit: no test was run\n", stderr);
    else if (srunner_ntests_failed(runner) == 0)
        status = EXIT_SUCCESS;
    srunner_free(runner);
    return status;
}
