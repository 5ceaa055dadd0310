/* All unit tests in one program: `unit` runs every suite of suites.def, `unit NAME...` those named, `unit
 * -NAME` all but that one. CK_FORK=no (for valgrind and debuggers), CK_RUN_CASE, CK_VERBOSITY and the rest of
 * Check's environment work. */
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

static int add_named(SRunner *runner, const char *name)
{
    for (size_t i = 0; i < SUITE_COUNT; i++) {
        if (strcmp(SUITES[i].name, name) == 0) {
            srunner_add_suite(runner, SUITES[i].make());
            return 0;
        }
    }
    fprintf(stderr, "unit: no suite is called '%s'; there are:", name);
    for (size_t i = 0; i < SUITE_COUNT; i++) {
        fprintf(stderr, " %s", SUITES[i].name);
    }
    fputc('\n', stderr);
    return -1;
}

int main(int argc, char **argv)
{
    SRunner *runner = srunner_create(NULL);
    int status = EXIT_FAILURE;

    if (argc == 2 && argv[1][0] == '-') {
        for (size_t i = 0; i < SUITE_COUNT; i++) {
            if (strcmp(SUITES[i].name, argv[1] + 1) != 0) {
                srunner_add_suite(runner, SUITES[i].make());
            }
        }
    } else if (argc > 1) {
        for (int i = 1; i < argc; i++) {
            if (add_named(runner, argv[i]) < 0) {
                status = 2;
                goto out;
            }
        }
    } else {
        for (size_t i = 0; i < SUITE_COUNT; i++) {
            srunner_add_suite(runner, SUITES[i].make());
        }
    }

    srunner_run_all(runner, CK_ENV);
    if (srunner_ntests_run(runner) == 0) {
        fputs("unit: no test was run\n", stderr);
    } else if (srunner_ntests_failed(runner) == 0) {
        status = EXIT_SUCCESS;
    }

out:
    srunner_free(runner);
    return status;
}
