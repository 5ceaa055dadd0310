/* The table of options holds together, and with the structs of conf.h. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/diag.h"
#include "config/conf.h"
#include "config/conf_value.h"
#include "config/option.h"
#include "suites.h"

START_TEST(texts)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *o = &OPTIONS[i];
        ck_assert_msg(o->help && strlen(o->help) > 20 && strlen(o->help) < 240, "%s", o->name);
        ck_assert_msg(isupper((unsigned char)o->help[0]) || strncmp(o->help, "HOST", 4) == 0, "%s", o->name);
        ck_assert_msg(o->help[strlen(o->help) - 1] == '.', "%s", o->name);
        /* The manual's list writes them as they are. */
        ck_assert_msg(!strchr(o->help, '\\') && !strstr(o->help, " .") && !strstr(o->help, " '"), "%s",
                      o->name);
        for (const char *p = o->name; *p; p++)
            ck_assert_msg(islower((unsigned char)*p) || isdigit((unsigned char)*p) || *p == '_', "%s",
                          o->name);
        ck_assert_msg(strlen(option_section_name(o->section)) + strlen(o->name) < 28, "%s", o->name);
        ck_assert_msg(!(o->flags & OPTION_REQUIRED) || (!o->preset && o->flags & OPTION_SAMPLE), "%s",
                      o->name);
        char kind[OPTION_KIND_TEXT];
        ck_assert_msg(strlen(option_kind(o, kind)) > 0 && strlen(kind) < OPTION_KIND_TEXT - 1, "%s", o->name);
    }
}
END_TEST

START_TEST(unique)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        for (size_t j = 0; j < i; j++) {
            bool same = OPTIONS[i].section == OPTIONS[j].section;
            ck_assert_msg(!same || strcmp(OPTIONS[i].name, OPTIONS[j].name) != 0, "%s", OPTIONS[i].name);
            ck_assert_msg(!same || OPTIONS[i].offset != OPTIONS[j].offset, "%s", OPTIONS[i].name);
        }
        ck_assert_ptr_eq(option_find(OPTIONS[i].section, OPTIONS[i].name), &OPTIONS[i]);
    }
    ck_assert_ptr_null(option_find(SECTION_GLOBAL, "address"));
    ck_assert_ptr_null(option_find(SECTION_LISTEN, ""));
}
END_TEST

START_TEST(defaults)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *o = &OPTIONS[i];
        struct err err;
        long long value;
        if (o->type == OPTION_BOOL || o->type == OPTION_NUMBER || o->type == OPTION_SIZE ||
            o->type == OPTION_DURATION || o->type == OPTION_WORD) {
            ck_assert_msg(o->preset, "%s", o->name);
            ck_assert_msg(conf_value(o, o->preset, &value, &err) == 0, "%s", err.text);
        }
        ck_assert_msg((o->type == OPTION_WORD || o->type == OPTION_WORDS) == (o->words != NULL), "%s",
                      o->name);
        ck_assert_msg(!o->preset || !o->also || option_also(o, o->preset), "%s", o->name);
        bool ranged = o->type == OPTION_NUMBER || o->type == OPTION_SIZE || o->type == OPTION_DURATION;
        ck_assert_msg(!ranged || o->min < o->max, "%s", o->name);
    }
}
END_TEST

static void complain(void *cls, enum diag_severity severity, struct src src, const char *text)
{
    (void)severity, (void)src;
    buf_printf(cls, "%s\n", text);
}

static bool is_option(const struct option *option, enum option_section section, const char *name)
{
    return option->section == section && strcmp(option->name, name) == 0;
}

/* What only a listener without TLS says, in one. False: the option is another. */
static bool put_plain_listener(struct buf *text, const struct option *option)
{
    static const char *const ITS[] = {"tls", "redirect", "acme_webroot"};
    bool is = false;
    for (size_t i = 0; i < ARRAY_LEN(ITS); i++)
        is = is || is_option(option, SECTION_LISTEN, ITS[i]);
    buf_puts(text, is ? "listen plain { address = \"[::]:80\"\n" : "");
    for (size_t i = 0; is && i < ARRAY_LEN(ITS); i++)
        buf_printf(text, "%s = %s\n", ITS[i], option_find(SECTION_LISTEN, ITS[i])->example);
    buf_puts(text, is ? "}\n" : "");
    return is;
}

/* What only a listener that hands on bytes says, in one. False: the option is another. */
static bool put_tcp_listener(struct buf *text, const struct option *option)
{
    static const char *const ITS[] = {"mode", "backend", "allow", "deny", "alpn", "insecure_plain"};
    bool is = false;
    for (size_t i = 0; i < ARRAY_LEN(ITS); i++)
        is = is || is_option(option, SECTION_LISTEN, ITS[i]);
    if (!is)
        return false;
    const bool plain = strcmp(option->name, "insecure_plain") == 0;
    buf_puts(text,
             "backend pg { server = { \"tcp://127.0.0.1:1\" } }\nlisten bytes { address = \"[::]:81\"\n");
    buf_puts(text, plain ? "tls = off\n" : "certificate = c.pem\nclient_auth = require\nclient_ca = r.pem\n");
    buf_puts(text, strcmp(option->name, "mode") == 0 ? "" : "mode = tcp\n");
    buf_puts(text, strcmp(option->name, "backend") == 0 ? "" : "backend = pg\n");
    buf_printf(text, "%s = %s\n}\n", option->name, option->example);
    return true;
}

/* One section: what its block needs, or another option there to have an effect; and the option. */
static void put_section(struct buf *text, enum option_section section, const struct option *option)
{
    static const char *const NEEDED[] = {"address", "certificate",    "client_auth",    "client_ca",
                                         "crl",     "proxy_protocol", "trusted_proxies"};
    static const char *const TITLES[SECTION_COUNT] = {NULL, "app", "x", NULL, "/x"};
    if (section == SECTION_LOCATION && is_option(option, section, "redirect"))
        buf_puts(text, "location \"/y\" { backend = app }\n");
    if (section == SECTION_HOST)
        return;
    const bool plain =
        section == SECTION_LISTEN && (put_plain_listener(text, option) || put_tcp_listener(text, option));
    if (section != SECTION_GLOBAL)
        buf_printf(text, "%s \"%s\" {\n", option_section_name(section), TITLES[section]);
    for (size_t i = 0; section == SECTION_LISTEN && i < ARRAY_LEN(NEEDED); i++) {
        const struct option *needed = option_find(section, NEEDED[i]);
        if (needed != option)
            buf_printf(text, "%s = %s\n", needed->name, needed->example);
    }
    if (section == SECTION_BACKEND && !is_option(option, section, "server"))
        buf_puts(text, "server = { \"https://127.0.0.1\" }\n");
    if (section == SECTION_BACKEND && is_option(option, section, "check_interval"))
        buf_puts(text, "check = \"/healthz\"\n");
    if (section == SECTION_LOCATION && !is_option(option, section, "backend") &&
        !is_option(option, section, "redirect"))
        buf_puts(text, "backend = app\n");
    if (option->section == section && !plain)
        buf_printf(text, "%s = %s\n", option->name, option->example);
    buf_puts(text, section == SECTION_GLOBAL ? "" : "}\n");
}

/* A file that says an option as its example does is taken without a word. */
START_TEST(examples)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *o = &OPTIONS[i];
        ck_assert_msg(o->example && *o->example, "%s has no example", o->name);
        ck_assert_msg(o->flags & OPTION_SAMPLE || !o->preset || strcmp(o->example, o->preset) != 0,
                      "%s: the example is the default", o->name);
        struct buf text, found;
        buf_init(&text, 0);
        buf_init(&found, 0);
        for (enum option_section section = SECTION_GLOBAL; section < SECTION_COUNT; section++)
            put_section(&text, section, o);
        struct diag diag = {.emit = complain, .cls = &found};
        struct conf *conf = NULL;
        int rc = conf_parse(text.data, "example.conf", "/etc/mtlsd", &diag, &conf);
        ck_assert_msg(rc == 0 && found.len == 0, "%s = %s: %s", o->name, o->example,
                      found.data ? found.data : "");
        conf_free(conf);
        buf_done(&text);
        buf_done(&found);
    }
}
END_TEST

/* Both ends of a range are allowed and what lies beyond is not; what option_number writes is read again as
 * the same. */
START_TEST(ranges)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *o = &OPTIONS[i];
        if (o->type != OPTION_NUMBER && o->type != OPTION_SIZE && o->type != OPTION_DURATION)
            continue;
        const long long ends[] = {o->min, o->max, o->min - 1, o->max + 1};
        for (size_t j = 0; j < ARRAY_LEN(ends); j++) {
            char text[OPTION_KIND_TEXT];
            long long value = -7;
            struct err err;
            int rc = conf_value(o, option_number(o, ends[j], text), &value, &err);
            ck_assert_msg(rc == (j < 2 ? 0 : ERR_RANGE), "%s = %s", o->name, text);
            ck_assert_msg(value == (j < 2 ? ends[j] : -7), "%s = %s", o->name, text);
        }
    }
}
END_TEST

START_TEST(words)
{
    const struct option *o = option_find(SECTION_LISTEN, "client_auth");
    char text[OPTION_KIND_TEXT];
    ck_assert_str_eq(option_kind(o, text), "off | request | optional | require");
    ck_assert_str_eq(option_word(o, CLIENT_AUTH_REQUIRE), "require");
    ck_assert_ptr_null(option_word(o, 99));
    ck_assert_ptr_null(option_word(option_find(SECTION_LISTEN, "address"), 0));
    ck_assert_str_eq(option_range(o, text), "");
    o = option_find(SECTION_GLOBAL, "access_log");
    ck_assert(option_also(o, "off") && option_also(o, "stdout") && option_also(o, "syslog"));
    ck_assert(!option_also(o, "of") && !option_also(o, "off:") && !option_also(o, "") &&
              !option_also(o, "|"));
    ck_assert_str_eq(option_kind(o, text), "off | stdout | stderr | syslog | file");
    o = option_find(SECTION_LISTEN, "crl_stale");
    ck_assert(option_also(o, "grace:7d") && !option_also(o, "grace") && !option_also(o, "refuse:"));
    ck_assert_str_eq(option_range(o, text), "1s to 366d");
}
END_TEST

/* The declarators between "struct NAME {" and "};" in conf.h: each is an option or one of `others`. */
static void covered(const char *header, enum option_section section, const char *start, const char *others)
{
    const char *p = strstr(header, start), *end = p ? strstr(p, "\n};") : NULL;
    unsigned options = 0;
    ck_assert_msg(p && end, "%s", start);
    char *body = strndup(p + strlen(start), (size_t)(end - p) - strlen(start));
    for (char *c; (c = strstr(body, "/*"));) {
        char *close = strstr(c, "*/");
        ck_assert_ptr_nonnull(close);
        memset(c, ' ', (size_t)(close + 2 - c));
    }
    char *rest = NULL;
    for (char *field = strtok_r(body, ";,", &rest); field; field = strtok_r(NULL, ";,", &rest)) {
        size_t n = strlen(field);
        while (n > 0 && isspace((unsigned char)field[n - 1]))
            field[--n] = '\0';
        while (n > 0 && (isalnum((unsigned char)field[n - 1]) || field[n - 1] == '_'))
            n--;
        const char *name = field + n;
        if (!*name)
            continue;
        char listed[64];
        snprintf(listed, sizeof listed, " %s ", name);
        bool option = option_find(section, name) != NULL;
        ck_assert_msg(option != (strstr(others, listed) != NULL), "%s%s", start, name);
        options += option;
    }
    unsigned rows = 0;
    for (size_t i = 0; i < OPTION_COUNT; i++)
        rows += OPTIONS[i].section == section;
    ck_assert_uint_eq(options, rows);
    free(body);
}

START_TEST(fields)
{
    const char *srcdir = getenv("srcdir");
    char path[4096], text[65536];
    snprintf(path, sizeof path, "%s/src/config/conf.h", srcdir ? srcdir : ".");
    FILE *file = fopen(path, "r");
    ck_assert_msg(file, "%s", path);
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    covered(
        text, SECTION_GLOBAL, "struct conf {",
        " file dir backend n_backends listener n_listeners host n_hosts location n_locations names n_names ");
    covered(text, SECTION_BACKEND, "struct conf_backend {", " name src servers n_servers ");
    covered(text, SECTION_LISTEN, "struct conf_listener {",
            " name src of host n_hosts client_auth_src http2_src crl_stale_mode crl_grace redirect_to to ");
    covered(text, SECTION_LOCATION, "struct conf_location {", " prefix src to redirect_to field n_fields ");
}
END_TEST

Suite *suite_option(void)
{
    Suite *suite = suite_create("option");
    TCase *tc = tcase_create("option");
    tcase_add_test(tc, texts);
    tcase_add_test(tc, unique);
    tcase_add_test(tc, defaults);
    tcase_add_test(tc, examples);
    tcase_add_test(tc, ranges);
    tcase_add_test(tc, words);
    tcase_add_test(tc, fields);
    suite_add_tcase(suite, tc);
    return suite;
}
