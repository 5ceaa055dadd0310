#include "conf_fixture.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct buf found;
struct diag diag;
struct conf *conf;

static void collect(void *cls, enum diag_severity severity, struct src src, const char *text)
{
    const char *slash = src.file ? strrchr(src.file, '/') : NULL;
    buf_printf(cls, "%s:%u: %s: %s\n",
               slash      ? slash + 1
               : src.file ? src.file
                          : "",
               src.line, severity == DIAG_ERROR ? "error" : "warning", text);
}

void conf_setup(void)
{
    buf_init(&found, 0);
    diag = (struct diag){.emit = collect, .cls = &found};
    conf = NULL;
    unsetenv("MTLSD_TEST_UNSET");
}

void conf_teardown(void)
{
    conf_free(conf);
    buf_done(&found);
}

const char *findings(void)
{
    return found.data ? found.data : "";
}

int parse(const char *text)
{
    conf_teardown();
    conf_setup();
    return conf_parse(text, "f.conf", "/etc/x", &diag, &conf);
}

void must_parse(const char *text)
{
    ck_assert_msg(parse(text) == 0, "%s", findings());
    ck_assert_str_eq(findings(), "");
}

void must_fail(const char *text, const char *words)
{
    struct conf *before = (struct conf *)text;
    conf_teardown();
    conf_setup();
    conf = before;
    int rc = conf_parse(text, "f.conf", "/etc/x", &diag, &conf);
    ck_assert_ptr_eq(conf, before);
    conf = NULL;
    ck_assert_int_lt(rc, 0);
    ck_assert_msg(strstr(findings(), words), "no '%s' in: %s", words, findings());
    ck_assert_uint_eq(diag.errors, 1);
}
