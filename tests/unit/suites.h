/* One prototype per unit test suite, from suites.def. */
#ifndef MTLSD_TESTS_UNIT_SUITES_H
#define MTLSD_TESTS_UNIT_SUITES_H

#include <check.h>

#define SUITE(name) Suite *suite_##name(void);
#include "suites.def"
#undef SUITE

#endif
