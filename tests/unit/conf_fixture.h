/* A text and what the configuration's reader makes of it. */
#ifndef MTLSD_TESTS_UNIT_CONF_FIXTURE_H
#define MTLSD_TESTS_UNIT_CONF_FIXTURE_H

#include "base/buf.h"
#include "config/conf.h"

#define LISTEN "listen \"a\" { address = \"[::]:8443\" certificate = { \"c.pem\" } }\n"

/* The findings as lines "FILE:LINE: error: text", FILE without its folder. */
extern struct buf found;
extern struct diag diag;
extern struct conf *conf;

void conf_setup(void);
void conf_teardown(void);

const char *findings(void);
int parse(const char *text);
void must_parse(const char *text);
/* Exactly one finding, which holds `words`. */
void must_fail(const char *text, const char *words);

#endif
