#include "report/rejections.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct rejections {
    pthread_mutex_t lock;
    size_t most, n, next; /* the ring's size, how many are in it, where the next goes */
    struct rejection ring[];
};

struct rejections *rejections_new(size_t most)
{
    struct rejections *rejections = calloc(1, sizeof *rejections + most * sizeof rejections->ring[0]);
    if (!rejections)
        return NULL;
    rejections->most = most;
    pthread_mutex_init(&rejections->lock, NULL);
    return rejections;
}

void rejections_free(struct rejections *rejections)
{
    if (!rejections)
        return;
    for (size_t i = 0; i < rejections->most; i++) {
        peer_unref(rejections->ring[i].peer);
        record_unref(rejections->ring[i].record);
    }
    pthread_mutex_destroy(&rejections->lock);
    free(rejections);
}

void rejections_add(struct rejections *rejections, const struct rejection *rejection)
{
    if (rejections->most == 0)
        return;
    pthread_mutex_lock(&rejections->lock);
    struct rejection *place = &rejections->ring[rejections->next];
    struct rejection old = *place;
    *place = *rejection;
    if (place->peer)
        peer_ref(place->peer);
    record_ref(place->record);
    rejections->next = (rejections->next + 1) % rejections->most;
    if (rejections->n < rejections->most)
        rejections->n++;
    pthread_mutex_unlock(&rejections->lock);
    peer_unref(old.peer);
    record_unref(old.record);
}

struct rejection *rejections_copy(struct rejections *rejections, size_t *n)
{
    *n = 0;
    pthread_mutex_lock(&rejections->lock);
    struct rejection *copy = rejections->n > 0 ? calloc(rejections->n, sizeof *copy) : NULL;
    if (copy) {
        *n = rejections->n;
        for (size_t i = 0; i < rejections->n; i++) {
            copy[i] = rejections->ring[(rejections->next + rejections->most - 1 - i) % rejections->most];
            if (copy[i].peer)
                peer_ref(copy[i].peer);
            record_ref(copy[i].record);
        }
    }
    pthread_mutex_unlock(&rejections->lock);
    return copy;
}

void rejections_copy_free(struct rejection *copy, size_t n)
{
    for (size_t i = 0; copy && i < n; i++) {
        peer_unref(copy[i].peer);
        record_unref(copy[i].record);
    }
    free(copy);
}
