#include "cmd/summary.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

bool summary_wanted(FILE *out, bool *colour)
{
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
    *colour = !(none && *none) && term && strcmp(term, "dumb") != 0;
    return isatty(fileno(out)) == 1;
}

struct pen {
    FILE *out;
    bool colour;
    const char *file; /* that commands name; NULL: none is known */
};

static void put_most(const struct pen *pen, const char *text, size_t most)
{
    size_t left = strlen(text);
    for (size_t n; left > 0; text += n, left -= n) {
        uint32_t cp = 0;
        if (most-- == 0) {
            fputs("...", pen->out);
            return;
        }
        n = text_utf8_char((const unsigned char *)text, left, &cp);
        if (n > 0 && !text_is_unsafe(cp)) {
            fwrite(text, 1, n, pen->out);
            continue;
        }
        fputc('?', pen->out);
        n = n > 0 ? n : 1;
    }
}

static void put(const struct pen *pen, const char *text)
{
    put_most(pen, text, SIZE_MAX);
}

static void put_part(const struct pen *pen, const char *text, const char *end)
{
    char *part = strndup(text, (size_t)(end - text));
    put(pen, part ? part : "");
    free(part);
}

enum tone { PLAIN, GOOD, BAD, DOUBT };

static void toned(const struct pen *pen, enum tone tone, const char *text)
{
    static const char *const CODES[] = {
        [PLAIN] = "", [GOOD] = "\033[32m", [BAD] = "\033[1;31m", [DOUBT] = "\033[33m"};
    if (pen->colour)
        fputs(CODES[tone], pen->out);
    put(pen, text);
    if (pen->colour && tone != PLAIN)
        fputs("\033[0m", pen->out);
}

static const char *text_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* The first finding with this code, or NULL. */
static const json_t *finding(const json_t *errors, const char *code)
{
    for (size_t i = 0; code && i < json_array_size(errors); i++) {
        const char *mine = text_at(json_array_get(errors, i), "code");
        if (mine && strcmp(mine, code) == 0)
            return json_array_get(errors, i);
    }
    return NULL;
}

/* As a word of a shell's command. */
static void put_path(const struct pen *pen, const char *path)
{
    static const char PLAIN_ONES[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+=:,@%-";
    if (*path == '-')
        fputs("./", pen->out);
    if (path[strspn(path, PLAIN_ONES)] == '\0') {
        put(pen, path);
        return;
    }
    fputc('\'', pen->out);
    for (const char *quote; (quote = strchr(path, '\'')) != NULL; path = quote + 1) {
        put_part(pen, path, quote);
        fputs("'\\''", pen->out);
    }
    put(pen, path);
    fputc('\'', pen->out);
}

/* The first word that stands for the file: "client.crt" or, of the leaf, which is the first in it, "FILE";
 * what a command would write is left as it is. NULL: there is none. */
static const char *stand_in(const char *text, bool leaf, size_t *len)
{
    static const char *const WORDS[] = {"client.crt", "server.crt", "FILE"};
    static const char OUT[] = "-out ";
    for (const char *at = text; *at; at++) {
        for (size_t i = 0; i < ARRAY_LEN(WORDS) - !leaf; i++) {
            *len = strlen(WORDS[i]);
            const bool whole = at == text || at[-1] == ' ';
            const bool written =
                at - text >= (ptrdiff_t)strlen(OUT) && strncmp(at - strlen(OUT), OUT, strlen(OUT)) == 0;
            if (whole && !written && strncmp(at, WORDS[i], *len) == 0)
                return at;
        }
    }
    return NULL;
}

static void advice(const struct pen *pen, const char *text, bool leaf)
{
    size_t len;
    if (!text)
        return;
    fputs("                    to do: ", pen->out);
    for (const char *at; pen->file && (at = stand_in(text, leaf, &len)) != NULL; text = at + len) {
        put_part(pen, text, at);
        put_path(pen, pen->file);
    }
    put(pen, text);
    fputc('\n', pen->out);
}

static void check_line(const struct pen *pen, const char *name, const json_t *check, const json_t *errors)
{
    const char *status = text_at(check, "status"), *note = text_at(check, "note"),
               *value = text_at(check, "value");
    const json_t *reasons = json_object_get(check, "reasons");
    const json_t *failed = finding(errors, json_string_value(json_array_get(reasons, 0)));
    bool pass = status && strcmp(status, "pass") == 0, fail = status && strcmp(status, "fail") == 0;
    const char *why = failed                         ? text_at(failed, "reason")
                      : note                         ? note
                      : strcmp(name, "revoked") == 0 ? text_at(check, "expected")
                                                     : value;

    fprintf(pen->out, "  %-10s  ", name);
    toned(pen, pass ? GOOD : fail ? BAD : DOUBT, pass ? "pass   " : fail ? "FAIL   " : "unknown");
    if (why) {
        fputs("  ", pen->out);
        put(pen, why);
    }
    if (json_array_size(reasons) > 1)
        fprintf(pen->out, " (and %zu more)", json_array_size(reasons) - 1);
    fputc('\n', pen->out);
    if (failed)
        advice(pen, text_at(failed, "hint"), json_integer_value(json_object_get(failed, "depth")) == 0);
}

static void check_lines(const struct pen *pen, const json_t *report)
{
    json_t *checks = json_object_get(report, "checks");
    for (void *it = json_object_iter(checks); it; it = json_object_iter_next(checks, it)) {
        const char *why = text_at(json_object_iter_value(it), "why");
        if (!why || strcmp(why, "no_handshake") != 0) /* nobody asked for one */
            check_line(pen, json_object_iter_key(it), json_object_iter_value(it),
                       json_object_get(report, "errors"));
    }
    size_t n = json_array_size(json_object_get(report, "warnings"));
    if (n > 0)
        fprintf(pen->out, "  %zu warning%s: --json has %s\n", n, n > 1 ? "s" : "", n > 1 ? "them" : "it");
}

/* Whom a certificate names: its subject or, where that is empty, the first of its other names. */
static const char *called(const json_t *peer)
{
    static const char *const KINDS[] = {"dns_names", "emails", "ips", "uris"};
    const char *name = text_at(peer, "subject");
    for (size_t i = 0; !(name && *name) && i < ARRAY_LEN(KINDS); i++)
        name = json_string_value(json_array_get(json_object_get(json_object_get(peer, "san"), KINDS[i]), 0));
    return name && *name ? name : "(a certificate without a name)";
}

void summary_of_peer(const json_t *peer, const char *file, bool colour, FILE *out)
{
    const struct pen pen = {out, colour, file};
    enum { NAME_MOST = 140 }; /* of a name that fills the window --json has the rest */
    const char *verify = text_at(peer, "verify");
    bool good = verify && strcmp(verify, "SUCCESS") == 0;
    toned(&pen, good ? GOOD : BAD, good ? "verified" : "refused");
    fputs("  ", out);
    put_most(&pen, called(peer), NAME_MOST);
    fputc('\n', out);
    check_lines(&pen, peer);
}

void summary_of_probe(const json_t *report, bool colour, FILE *out)
{
    const struct pen pen = {out, colour, NULL};
    const json_t *tls = json_object_get(report, "tls"), *status = json_object_get(report, "status");
    const char *error = text_at(report, "error"), *url = text_at(report, "url"),
               *group = text_at(tls, "group");
    long long code = json_is_integer(status) ? json_integer_value(status) : 0;
    const json_t *server = json_object_get(report, "server");
    const char *said = text_at(server, "said");
    const bool connected = json_is_object(server);
    const char *verify = text_at(report, "verify");
    char text[24] = "no answer";
    if (code > 0)
        snprintf(text, sizeof text, "%lld", code);
    else if (json_is_true(json_object_get(report, "refused")))
        snprintf(text, sizeof text, "refused");
    else if (verify && strcmp(verify, "FAILED") == 0)
        snprintf(text, sizeof text, "bad certificate");
    toned(&pen, connected || (code >= 200 && code < 300) ? GOOD : BAD, connected ? "connected" : text);
    fputs("  ", out);
    put(&pen, url ? url : "");
    if (json_is_object(tls))
        fprintf(out, "  %s, %s%s%s", text_at(tls, "version"), text_at(tls, "cipher_suite"), group ? ", " : "",
                group ? group : "");
    fputc('\n', out);
    if (connected) {
        fputs(said ? "  the server speaks first: " : "  the server waits for its client", out);
        put(&pen, said ? said : "");
        fputc('\n', out);
    }
    if (error) {
        fputs("  ", out);
        put(&pen, error);
        fputc('\n', out);
        advice(&pen, text_at(report, "hint"), false);
    }
    check_lines(&pen, report);
}
