#include "server/http2_kept.h"

#include <stdlib.h>
#include <string.h>

enum { SECOND_MS = 1000 };

static void drop(struct http2_shelf *shelf, size_t at)
{
    if (!shelf->kept[at])
        return;
    shelf->bytes -= shelf->kept[at]->bytes;
    free(shelf->kept[at]);
    shelf->kept[at] = NULL;
}

/* A second after the last that came none is young enough. */
static void on_tidy(struct wheel_timer *timer)
{
    struct http2_shelf *shelf =
        (struct http2_shelf *)(void *)((char *)timer - offsetof(struct http2_shelf, tidy));
    for (size_t i = 0; i < HTTP2_KEPT; i++)
        drop(shelf, i);
}

struct http2_shelf *http2_shelf_new(struct wheel *wheel)
{
    struct http2_shelf *shelf = calloc(1, sizeof *shelf);
    if (!shelf)
        return NULL;
    shelf->wheel = wheel;
    shelf->tidy.fire = on_tidy;
    return shelf;
}

void http2_shelf_free(struct http2_shelf *shelf)
{
    if (!shelf)
        return;
    wheel_stop(&shelf->tidy);
    on_tidy(&shelf->tidy);
    free(shelf);
}

static size_t place_of(const struct kept_key *key)
{
    return (kept_hash(0, key) ^ ((uintptr_t)key->listener >> 4)) % HTTP2_KEPT;
}

static bool is_young(const struct http2_kept *kept, uint64_t now_ms)
{
    return now_ms - kept->at_ms < SECOND_MS;
}

const struct http2_kept *http2_shelf_find(const struct http2_shelf *shelf, const struct kept_key *key,
                                          uint64_t now_ms)
{
    const struct http2_kept *kept = shelf ? shelf->kept[place_of(key)] : NULL;
    return kept && is_young(kept, now_ms) && kept->generation == key->generation &&
                   kept->listener == key->listener && strcmp(kept->path, key->path) == 0 &&
                   strcmp(kept->variant, kept_text(key->variant)) == 0 &&
                   strcmp(kept->host, kept_text(key->host)) == 0
               ? kept
               : NULL;
}

static char *copy(char **to, const char *bytes, size_t len)
{
    char *at = *to;
    if (len > 0)
        memcpy(at, bytes, len);
    *to += len;
    return at;
}

void http2_shelf_put(struct http2_shelf *shelf, const struct kept_key *key, uint64_t now_ms, size_t room,
                     const struct http2_kept *what)
{
    const size_t at = place_of(key), path = strlen(key->path) + 1,
                 variant = strlen(kept_text(key->variant)) + 1, host = strlen(kept_text(key->host)) + 1;
    const size_t bytes = sizeof *what + path + variant + host + what->lines_len + what->length;
    if (what->length > HTTP2_KEPT_MOST || variant > KEPT_MOST_VARIANT)
        return;
    drop(shelf, at);
    if (room > HTTP2_KEPT_MOST_OF_ALL)
        room = HTTP2_KEPT_MOST_OF_ALL;
    struct http2_kept *kept = shelf->bytes + bytes <= room ? malloc(bytes) : NULL;
    if (!kept)
        return;
    char *to = (char *)(kept + 1);
    *kept = *what;
    kept->generation = key->generation;
    kept->listener = key->listener;
    kept->at_ms = now_ms;
    kept->bytes = bytes;
    kept->path = copy(&to, key->path, path);
    kept->variant = copy(&to, kept_text(key->variant), variant);
    kept->host = copy(&to, kept_text(key->host), host);
    kept->lines = copy(&to, what->lines, what->lines_len);
    kept->body = copy(&to, what->body, what->length);
    shelf->kept[at] = kept;
    shelf->bytes += bytes;
    wheel_set(shelf->wheel, &shelf->tidy, now_ms + SECOND_MS);
}
