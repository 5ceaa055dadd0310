#include "config/conf_value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "config/conf_words.h"

/* Most bytes of a faulty value that a message repeats. */
enum { SHOWN_MOST = 60 };

struct unit {
    char letter;
    long long size;
};

_Static_assert(CONF_VALUE_SHOWN == 4 * SHOWN_MOST, "a byte is three characters when it is escaped");

const char *conf_value_shown(const char *text, char out[static CONF_VALUE_SHOWN])
{
    size_t n = strnlen(text, SHOWN_MOST + 1);
    char *escaped = text_escaped(text, n > SHOWN_MOST ? SHOWN_MOST : n);
    snprintf(out, CONF_VALUE_SHOWN, "%s%s", escaped ? escaped : "?", n > SHOWN_MOST ? "..." : "");
    free(escaped);
    return out;
}

static int wrong(const struct option *option, const char *text, const char *what, struct err *err)
{
    char given[CONF_VALUE_SHOWN], range[OPTION_KIND_TEXT];
    return err_set(err, ERR_SYNTAX, "%s = '%s' is not %s: write %s, as in %s = %s", option->name,
                   conf_value_shown(text, given), what, option_range(option, range), option->name,
                   option->preset);
}

static int out_of_range(const struct option *option, const char *text, bool less, struct err *err)
{
    char given[CONF_VALUE_SHOWN], range[OPTION_KIND_TEXT];
    return err_set(err, ERR_RANGE, "%s = %s is too %s: write %s, as in %s = %s", option->name,
                   conf_value_shown(text, given), less ? "little" : "much", option_range(option, range),
                   option->name, option->preset);
}

/* Digits and at most one unit out of `units` (ended by letter 0). `unit_needed`: without one it is wrong, but
 * for 0. */
static int quantity(const struct option *option, const char *text, const struct unit *units, bool unit_needed,
                    const char *what, long long *out, struct err *err)
{
    long long value = 0, size = 1;
    const char *p = text;
    const bool negative = p[0] == '-' && isdigit((unsigned char)p[1]);
    bool overflow = false;
    if (negative)
        p++;
    if (!isdigit((unsigned char)*p))
        return wrong(option, text, what, err);
    for (; isdigit((unsigned char)*p); p++)
        overflow |=
            __builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *p - '0', &value);
    if (*p) {
        for (; units->letter && units->letter != *p; units++)
            ;
        if (!units->letter || p[1])
            return wrong(option, text, what, err);
        size = units->size;
    } else if (unit_needed && (value != 0 || overflow)) {
        char given[CONF_VALUE_SHOWN];
        conf_value_shown(text, given);
        return err_set(err, ERR_SYNTAX,
                       "%s = %s has no unit: write %ss for seconds, or m, h or d for minutes, hours or days",
                       option->name, given, given);
    }
    overflow |= __builtin_mul_overflow(value, size, &value);
    if (negative || (!overflow && value < option->min))
        return out_of_range(option, text, true, err);
    if (overflow || value > option->max)
        return out_of_range(option, text, false, err);
    *out = value;
    return 0;
}

static const struct unit NO_UNITS[] = {{0, 0}};
static const struct unit SIZES[] = {{'k', 1024},    {'K', 1024},           {'m', 1048576},
                                    {'M', 1048576}, {'g', 1024 * 1048576}, {'G', 1024 * 1048576},
                                    {0, 0}};
static const struct unit DURATIONS[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {0, 0}};

static int boolean(const struct option *option, const char *text, long long *out, struct err *err)
{
    static const struct option_word WORDS[] = {{"on", 1},  {"yes", 1}, {"true", 1},
                                               {"off", 0}, {"no", 0},  {"false", 0}};
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++) {
        if (strcmp(text, WORDS[i].word) == 0) {
            *out = WORDS[i].value;
            return 0;
        }
    }
    char given[CONF_VALUE_SHOWN];
    return err_set(err, ERR_SYNTAX, "%s = '%s' is neither on nor off: write one of the two", option->name,
                   conf_value_shown(text, given));
}

static int word(const struct option *option, const char *text, long long *out, struct err *err)
{
    const char *words[32];
    size_t n = 0;
    for (const struct option_word *w = option->words; w->word && n < ARRAY_LEN(words); w++) {
        if (strcmp(text, w->word) == 0) {
            *out = w->value;
            return 0;
        }
        words[n++] = w->word;
    }
    char kind[OPTION_KIND_TEXT], given[CONF_VALUE_SHOWN];
    const char *near = conf_words_value(option->name, text);
    near = near ? near : text_nearest(text, words, n);
    return err_set(err, ERR_SYNTAX, "%s = '%s' is none of %s%s%s%s", option->name,
                   conf_value_shown(text, given), option_kind(option, kind), near ? ": did you mean '" : "",
                   near ? near : "", near ? "'?" : "");
}

int conf_value(const struct option *option, const char *text, long long *out, struct err *err)
{
    switch (option->type) {
    case OPTION_BOOL:
        return boolean(option, text, out, err);
    case OPTION_WORD:
    case OPTION_WORDS:
        return word(option, text, out, err);
    case OPTION_SIZE:
        return quantity(option, text, SIZES, false, "a size", out, err);
    case OPTION_DURATION:
        return quantity(option, text, DURATIONS, true, "a duration", out, err);
    default:
        return quantity(option, text, NO_UNITS, false, "a number", out, err);
    }
}

/* What a word processor makes of quotation marks. */
static const char *const QUOTES[] = {"\xe2\x80\x9c", "\xe2\x80\x9d", "\xe2\x80\x9e",
                                     "\xe2\x80\x98", "\xe2\x80\x99", "\xc2\xab"};

int conf_value_text(const struct option *option, const char *text, struct err *err)
{
    if (strnlen(text, CONF_VALUE_MOST + 1) > CONF_VALUE_MOST)
        return err_set(err, ERR_RANGE, "%s is longer than %d bytes", option->name, CONF_VALUE_MOST);
    for (const char *p = text; *p; p++) {
        if (iscntrl((unsigned char)*p))
            return err_set(err, ERR_SYNTAX, "%s holds the control character 0x%02x", option->name,
                           (unsigned)(unsigned char)*p);
    }
    const bool path = option->type == OPTION_PATH || option->type == OPTION_PATHS;
    if (!*text)
        return err_set(err, ERR_SYNTAX, "%s is empty: write %s = %s, or leave the option out", option->name,
                       option->name, option->example ? option->example : option->preset);
    if (path && (strcmp(text, "~") == 0 || strncmp(text, "~/", 2) == 0))
        return err_set(err, ERR_SYNTAX, "%s: ~ means nothing here: write the whole path, or \"${HOME}%s\"",
                       option->name, option->flags & OPTION_SECRET ? "/..." : text + 1);
    if (path && text[0] == '$' && (isalpha((unsigned char)text[1]) || text[1] == '_'))
        return err_set(err, ERR_SYNTAX,
                       "%s: a variable of the environment is written with braces, ${NAME}, in place of $NAME",
                       option->name);
    if (path && (strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0))
        return err_set(err, ERR_SYNTAX,
                       "%s: nothing is fetched: write the name of a file, which a timer can fetch "
                       "(etc/fetch-crl does so with CRLs)",
                       option->name);
    if (path && strncmp(text, "file:", 5) == 0)
        return err_set(err, ERR_SYNTAX, "%s: write the path of the file, without file:", option->name);
    for (size_t i = 0; i < ARRAY_LEN(QUOTES); i++) {
        if (strncmp(text, QUOTES[i], strlen(QUOTES[i])) == 0)
            return err_set(err, ERR_SYNTAX, "%s: %s is no quotation mark here: write \" at both ends",
                           option->name, QUOTES[i]);
    }
    return 0;
}

int conf_value_stale(const struct option *option, const char *text, enum crl_stale *mode, long long *grace,
                     struct err *err)
{
    static const char GRACE[] = "grace:";
    if (strcmp(text, "refuse") == 0 || strcmp(text, "accept") == 0) {
        *mode = *text == 'r' ? CRL_STALE_REFUSE : CRL_STALE_ACCEPT;
        *grace = 0;
        return 0;
    }
    if (strncmp(text, GRACE, strlen(GRACE)) == 0) {
        const struct option duration = {.name = "crl_stale",
                                        .min = option->min,
                                        .max = option->max,
                                        .type = OPTION_DURATION,
                                        .preset = option->example};
        long long seconds;
        int rc = quantity(&duration, text + strlen(GRACE), DURATIONS, true, "a duration", &seconds, err);
        if (rc != 0) {
            char range[OPTION_KIND_TEXT];
            return err_set(err, rc,
                           "crl_stale: the duration after 'grace:' is not one of %s: write crl_stale = %s",
                           option_range(option, range), option->example);
        }
        *mode = CRL_STALE_GRACE;
        *grace = seconds;
        return 0;
    }
    char given[CONF_VALUE_SHOWN];
    return err_set(err, ERR_SYNTAX, "crl_stale = '%s' is none of %s: write for example crl_stale = %s",
                   conf_value_shown(text, given), option->also, option->example);
}

int conf_value_name(const char *block, const char *name, struct err *err)
{
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t n = strlen(name);
    if (n > 0 && n <= CONF_NAME_MOST && strspn(name, ALLOWED) == n)
        return 0;
    char given[CONF_VALUE_SHOWN];
    return err_set(err, ERR_SYNTAX, "%s \"%s\": a %s's name is 1 to %d letters, digits, '.', '_' and '-'",
                   block, conf_value_shown(name, given), strcmp(block, "listen") == 0 ? "listener" : block,
                   CONF_NAME_MOST);
}

static bool dot_segment(const char *p)
{
    size_t dots = strspn(p, ".");
    return (dots == 1 || dots == 2) && (p[dots] == '/' || p[dots] == '\0');
}

static bool valid_utf8(const char *s, size_t n)
{
    for (size_t len; n > 0; s += len, n -= len) {
        len = text_utf8_char((const unsigned char *)s, n, NULL);
        if (len == 0)
            return false;
    }
    return true;
}

static bool ipv6_ok(const char *host)
{
    struct in6_addr address;
    char bare[INET6_ADDRSTRLEN];
    size_t n = strcspn(host, "%");
    if (n >= sizeof bare)
        return false;
    memcpy(bare, host, n);
    bare[n] = '\0';
    if (host[n] == '%') {
        size_t zone = strlen(host + n + 1);
        if (zone == 0 || zone > 15)
            return false;
        for (const char *p = host + n + 1; *p; p++) {
            if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
                return false;
        }
    }
    return inet_pton(AF_INET6, bare, &address) == 1;
}

static bool host_ok(const char *host)
{
    struct in_addr address;
    if (strspn(host, "0123456789.") == strlen(host))
        return inet_pton(AF_INET, host, &address) == 1;
    if (*host == '.' || *host == '-' || strstr(host, "..") || strlen(host) > 253)
        return false;
    for (const char *p = host; *p; p++) {
        if (!isalnum((unsigned char)*p) && !strchr(".-_", *p))
            return false;
    }
    return true;
}

bool conf_value_host(const char *host, bool ipv6)
{
    return *host && (ipv6 ? ipv6_ok(host) : host_ok(host));
}

/* "api.example.org", "*.example.org", "[::1]", the first `n` bytes of a location's text. NULL: it is one;
 * else what is wrong. */
static const char *wrong_host(const char *text, size_t n)
{
    char host[256];
    if (n >= sizeof host)
        return "the host is too long";
    memcpy(host, text, n);
    host[n] = '\0';
    const bool all = strncmp(host, "*.", 2) == 0;
    const char *bare = host + (all ? 2 : 0);
    const size_t len = strlen(bare);
    if (*host == '[')
        return n > 2 && host[n - 1] == ']' && (host[n - 1] = '\0', ipv6_ok(host + 1))
                   ? NULL
                   : "between '[' and ']' stands an IPv6 address";
    if ((text[n - 1] == ':' && text[n] == '/' && text[n + 1] == '/') || strchr(host, '@'))
        return "write HOST/PATH/, without a scheme or user before the host";
    if (strchr(host, ':'))
        return "a host has its rules at every port: write it without";
    if (strchr(bare, '*'))
        return "a wildcard stands for the labels before a name: write \"*.example.org/\"";
    if (len > 0 && bare[len - 1] == '.')
        return "hosts are compared without the final dot: leave it out";
    if (!conf_value_host(bare, false) || strchr(bare, '%'))
        return "the path of a location begins with '/', and what stands before it is a host: write "
               "\"/PATH/\" or \"HOST/PATH/\"";
    if (!strchr(bare, '.') && strcasecmp(bare, "localhost") != 0)
        return "the path of a location begins with '/', and a host has a dot in its name: write \"/PATH/\" "
               "or \"HOST/PATH/\"";
    return NULL;
}

int conf_value_server_name(const char *name, struct err *err)
{
    char given[CONF_VALUE_SHOWN];
    const char *what = NULL, *bare = name + (strncmp(name, "*.", 2) == 0 ? 2 : 0);
    const size_t len = strlen(bare);
    if (strchr(name, '/'))
        what = "a host is chosen before there is a path: write only the name";
    else if (*name == '[' || (len > 0 && strspn(bare, "0123456789.") == len))
        what = "clients ask for names, never for an address (RFC 6066 section 3): what they get without a "
               "name is the listener's";
    else if (strchr(name, ':'))
        what = "clients ask for a name without a port: write it without";
    else if (strchr(bare, '*'))
        what = "a wildcard stands for the labels before a name: write \"*.example.org\"";
    else if (len > 0 && bare[len - 1] == '.')
        what = "names are compared without the final dot: leave it out";
    else if (!conf_value_host(bare, false))
        what = "write the name that clients ask for, as \"api.example.org\" or \"*.example.org\"";
    return what ? err_set(err, ERR_SYNTAX, "host \"%s\": %s", conf_value_shown(name, given), what) : 0;
}

int conf_value_prefix(const char *text, struct err *err)
{
    char given[CONF_VALUE_SHOWN];
    const char *what = NULL;
    const size_t host = strcspn(text, "/");
    const char *prefix = text + host;
    size_t n = strnlen(text, CONF_VALUE_MOST + 1);
    if (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t' || *text == ' ' || *text == '\t')) {
        what = "a blank stands at its beginning or end: leave it out";
    } else if (host > 0 && (what = wrong_host(text, host)) != NULL) {
        ;
    } else if (!*prefix) {
        what = host > 0 ? "behind the host stands a path: write \"HOST/\" for all of it"
                        : "the path of a location begins with '/'";
    } else if (n > CONF_VALUE_MOST) {
        what = "the path is too long";
    } else if (strstr(prefix, "//")) {
        what = "paths are compared without empty segments: write '/' once";
    } else if (strpbrk(prefix, "?#")) {
        what = "a query or fragment is no part of the path: leave it out";
    } else if (strchr(prefix, '*')) {
        what = "a location has no wildcards, it covers its path and all below: write \"/secure/\" in place "
               "of \"/secure/*\"";
    } else if (strchr(prefix, '\\')) {
        what = "no path holds a backslash, and nothing would be covered: write '/'";
    } else if (!valid_utf8(prefix, n - host)) {
        what = "paths are UTF-8, and nothing would be covered: save the file in UTF-8";
    }
    for (const char *p = prefix; !what && *p; p++) {
        if (iscntrl((unsigned char)*p))
            what = "the path holds a control character";
        else if (*p == '%' && isxdigit((unsigned char)p[1]) && isxdigit((unsigned char)p[2]))
            what = "paths are compared decoded: write the character in place of its %XX";
        else if (*p == '/' && dot_segment(p + 1))
            what = "paths are compared without the segments '.' and '..': write the path that they lead to";
    }
    return what ? err_set(err, ERR_SYNTAX, "location \"%s\": %s", conf_value_shown(text, given), what) : 0;
}

/* "unix:/run/mtlsd/db.sock" */
static int local_address(const char *text, struct conf_address *out, struct err *err)
{
    char given[CONF_VALUE_SHOWN];
    const char *path = text + strlen(CONF_ADDRESS_LOCAL);
    size_t len = strlen(path);
    conf_value_shown(text, given);
    if (path[0] != '/' || path[len - 1] == '/')
        return err_set(err, ERR_SYNTAX,
                       "address = '%s': write unix: and the whole path of the socket, as in "
                       "\"unix:/run/mtlsd/db.sock\"",
                       given);
    if (len > CONF_SOCKET_PATH_MOST)
        return err_set(err, ERR_SYNTAX, "address = '%s': the path of a socket has %d bytes at most", given,
                       CONF_SOCKET_PATH_MOST);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)path[i] <= ' ' || path[i] == 0x7f)
            return err_set(err, ERR_SYNTAX, "address = '%s': the path has a blank or a control character",
                           given);
    }
    *out = (struct conf_address){.local = true};
    memcpy(out->host, path, len + 1);
    return 0;
}

int conf_address(const char *text, struct conf_address *out, struct err *err)
{
    if (strncmp(text, CONF_ADDRESS_LOCAL, strlen(CONF_ADDRESS_LOCAL)) == 0)
        return local_address(text, out, err);
    char given[CONF_VALUE_SHOWN], part[CONF_VALUE_SHOWN];
    struct conf_address address = {.ipv6 = text[0] == '['};
    const char *host = text + address.ipv6, *end, *port;
    conf_value_shown(text, given);

    if (address.ipv6) {
        end = strchr(text, ']');
        port = end ? end + 1 : NULL;
    } else {
        end = port = strrchr(text, ':');
        if (!port && !*text)
            return err_set(err, ERR_SYNTAX, "address is empty: write HOST:PORT, as in \"[::]:8443\"");
        if (strstr(text, "://"))
            return err_set(err, ERR_SYNTAX,
                           "address = '%s': write the host and the port alone, as in \"[::]:8443\"", given);
        if (port && memchr(text, ':', (size_t)(port - text)))
            return err_set(err, ERR_SYNTAX,
                           "address = '%s': an IPv6 address stands in brackets, as in \"[::1]:8443\"", given);
        if (!port && strspn(text, "0123456789") == strlen(text))
            return err_set(err, ERR_SYNTAX, "address = '%s' has no host: write \"[::]:%s\" for every address",
                           given, given);
    }
    if (!end || !port || *port != ':' || !port[1])
        return err_set(err, ERR_SYNTAX, "address = '%s' has no port: write HOST:PORT, as in \"[::]:8443\"",
                       given);
    if (end == host || (end == host + 1 && *host == '*'))
        return err_set(err, ERR_SYNTAX, "address = '%s' has no host: write \"[::]:PORT\" for every address",
                       given);
    if ((size_t)(end - host) >= sizeof address.host)
        return err_set(err, ERR_SYNTAX, "address = '%s': the host is too long", given);
    memcpy(address.host, host, (size_t)(end - host));
    if (address.ipv6 ? !ipv6_ok(address.host) : !host_ok(address.host))
        return err_set(err, ERR_SYNTAX,
                       "address = '%s': '%s' is neither an address nor a host's name: write HOST:PORT, as in "
                       "\"127.0.0.1:8443\" or \"[::]:8443\"",
                       given, conf_value_shown(address.host, part));

    port++;
    unsigned long value = 0;
    size_t digits = strspn(port, "0123456789");
    if (digits > 0 && digits <= 5 && !port[digits])
        value = strtoul(port, NULL, 10);
    else
        value = 65536;
    if (value > 65535)
        return err_set(err, ERR_SYNTAX, "address = '%s': the port is a number from 0 to 65535", given);
    address.port = (unsigned short)value;
    *out = address;
    return 0;
}
