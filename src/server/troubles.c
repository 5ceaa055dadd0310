#include "server/troubles.h"

#include <pthread.h>

#include "base/log.h"

enum { SILENT_MS = 60 * 1000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct told {
    uint64_t hash, until_ms;
} told[TROUBLES_MOST];
static uint64_t left_out;

/* FNV-1a: two lines of one hash cost one of them. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash;
}

/* Whether the line is to be told; *before is how many were not. */
static bool take(uint64_t hash, uint64_t now_ms, uint64_t *before)
{
    struct told *free_one = NULL;
    for (size_t i = 0; i < TROUBLES_MOST; i++) {
        if (told[i].until_ms <= now_ms)
            free_one = &told[i];
        else if (told[i].hash == hash)
            return false;
    }
    if (!free_one) {
        left_out++;
        return false;
    }
    *free_one = (struct told){hash, now_ms + SILENT_MS};
    *before = left_out;
    left_out = 0;
    return true;
}

void troubles_tell(const char *text, uint64_t now_ms)
{
    uint64_t before = 0, hash = hash_of(text);
    pthread_mutex_lock(&lock);
    bool tell = take(hash, now_ms, &before);
    pthread_mutex_unlock(&lock);
    if (tell && before > 0)
        log_warning("%llu more such lines were left out", (unsigned long long)before);
    if (tell)
        log_warning("%s", text);
}
