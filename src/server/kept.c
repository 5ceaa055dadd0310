#include "server/kept.h"

#include <gnutls/crypto.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum {
    SETS = 256,
    WAYS = 2,
    FRESH_MS = 1000,
    MOST_MAPPED = 16, /* there is a limit for the process (base/mapping.c), and one client may ask for many */
};

struct place {
    struct kept kept; /* its response NULL: free */
    uint64_t hash, generation, at_ms;
    const void *listener;
    char *name; /* path, NUL, variant, NUL, host, NUL; owned */
    size_t name_len;
};

struct kept_store {
    struct wheel_timer tidy; /* while n > 0 */
    struct wheel *wheel;
    uint64_t seed; /* so that nobody outside knows which paths share a set */
    size_t bytes;  /* that all bodies take */
    size_t hand;   /* the place that gives way next when there are too many */
    size_t n, n_mapped;
    struct place place[SETS * WAYS];
};

struct kept_bytes *kept_bytes_new(const char *head, size_t head_len, size_t body_len)
{
    struct kept_bytes *bytes = malloc(sizeof *bytes + head_len + body_len);
    if (!bytes)
        return NULL;
    *bytes = (struct kept_bytes){.refs = 1, .head_len = head_len, .len = head_len + body_len};
    memcpy(bytes->bytes, head, head_len);
    return bytes;
}

void kept_bytes_unref(struct kept_bytes *bytes)
{
    if (bytes && --bytes->refs == 0)
        free(bytes);
}

struct kept_response *kept_response_new(struct MHD_Response *made)
{
    struct kept_response *response = malloc(sizeof *response);
    if (response)
        *response = (struct kept_response){1, made};
    return response;
}

struct kept_response *kept_response_ref(struct kept_response *response)
{
    response->refs++;
    return response;
}

void kept_response_unref(struct kept_response *response)
{
    if (!response || --response->refs > 0)
        return;
    MHD_destroy_response(response->made);
    free(response);
}

void kept_drop(struct kept *kept)
{
    kept_response_unref(kept->response);
    *kept = (struct kept){0};
}

static void clear(struct kept_store *store, struct place *place)
{
    if (!place->kept.response)
        return;
    store->bytes -= place->kept.memory;
    store->n_mapped -= place->kept.memory == 0;
    store->n--;
    kept_drop(&place->kept);
    free(place->name);
    *place = (struct place){0};
}

/* Lets go what is too old. */
static void tidy(struct wheel_timer *timer)
{
    struct kept_store *store = (struct kept_store *)(void *)timer; /* its first member */
    uint64_t now_ms = clock_mono_ms();
    for (size_t i = 0; i < ARRAY_LEN(store->place); i++) {
        if (now_ms - store->place[i].at_ms >= FRESH_MS)
            clear(store, &store->place[i]);
    }
    if (store->n > 0)
        wheel_set(store->wheel, &store->tidy, now_ms + FRESH_MS);
}

struct kept_store *kept_new(struct wheel *wheel)
{
    struct kept_store *store = calloc(1, sizeof *store);
    if (!store || gnutls_rnd(GNUTLS_RND_NONCE, &store->seed, sizeof store->seed) < 0) {
        free(store);
        return NULL;
    }
    store->tidy.fire = tidy;
    store->wheel = wheel;
    return store;
}

void kept_free(struct kept_store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < ARRAY_LEN(store->place); i++)
        clear(store, &store->place[i]);
    wheel_stop(&store->tidy);
    free(store);
}

/* FNV-1a over the texts with their ends. */
uint64_t kept_hash(uint64_t seed, const struct kept_key *key)
{
    const char *text[] = {key->path, kept_text(key->variant), kept_text(key->host)};
    uint64_t hash = seed ^ 0xcbf29ce484222325u;
    for (size_t i = 0; i < ARRAY_LEN(text); i++) {
        for (const char *p = text[i]; *p; p++)
            hash = (hash ^ (unsigned char)*p) * 0x100000001b3u;
        hash *= 0x100000001b3u;
    }
    return hash ^ hash >> 32;
}

static bool is_named(const struct place *place, const struct kept_key *key)
{
    const char *text[] = {key->path, kept_text(key->variant), kept_text(key->host)};
    size_t at = 0;
    for (size_t i = 0; i < ARRAY_LEN(text); i++) {
        if (at >= place->name_len || strcmp(place->name + at, text[i]) != 0)
            return false;
        at += strlen(text[i]) + 1;
    }
    return true;
}

bool kept_find(struct kept_store *store, const struct kept_key *key, uint64_t now_ms, struct kept *out)
{
    uint64_t hash = kept_hash(store->seed, key);
    struct place *set = &store->place[hash % SETS * WAYS];
    for (size_t i = 0; i < WAYS; i++) {
        struct place *place = &set[i];
        if (!place->kept.response || place->hash != hash || place->generation != key->generation ||
            place->listener != key->listener || now_ms - place->at_ms >= FRESH_MS || !is_named(place, key))
            continue;
        *out = place->kept;
        return true;
    }
    return false;
}

/* The place that a new response gets: its own when it is there, else the older one of the set. */
static struct place *choose(struct kept_store *store, uint64_t hash, const struct kept_key *key)
{
    struct place *set = &store->place[hash % SETS * WAYS], *oldest = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].kept.response && set[i].hash == hash && set[i].listener == key->listener &&
            is_named(&set[i], key))
            return &set[i];
        if (set[i].at_ms < oldest->at_ms)
            oldest = &set[i];
    }
    return oldest;
}

bool kept_add(struct kept_store *store, const struct kept_key *key, uint64_t now_ms, size_t room,
              const struct kept *what)
{
    const char *variant = kept_text(key->variant), *host = kept_text(key->host);
    size_t path_len = strlen(key->path) + 1, variant_len = strlen(variant) + 1, host_len = strlen(host) + 1;
    if (room == 0 || what->memory > room || variant_len > KEPT_MOST_VARIANT)
        return false;
    char *name = malloc(path_len + variant_len + host_len);
    if (!name)
        return false;
    memcpy(name, key->path, path_len);
    memcpy(name + path_len, variant, variant_len);
    memcpy(name + path_len + variant_len, host, host_len);

    uint64_t hash = kept_hash(store->seed, key);
    struct place *place = choose(store, hash, key);
    clear(store, place);
    if (what->memory == 0 && store->n_mapped == MOST_MAPPED) {
        free(name);
        return false;
    }
    while (store->bytes + what->memory > room) {
        clear(store, &store->place[store->hand]);
        store->hand = (store->hand + 1) % ARRAY_LEN(store->place);
    }
    *place = (struct place){
        .kept = *what,
        .hash = hash,
        .generation = key->generation,
        .listener = key->listener,
        .at_ms = now_ms,
        .name = name,
        .name_len = path_len + variant_len + host_len,
    };
    store->bytes += what->memory;
    store->n_mapped += what->memory == 0;
    if (store->n++ == 0)
        wheel_set(store->wheel, &store->tidy, now_ms + FRESH_MS);
    return true;
}
