#include "server/handshakes.h"

void handshakes_init(struct handshakes *all)
{
    *all = (struct handshakes){.list = {{0}}};
    pthread_mutex_init(&all->lock, NULL);
}

void handshakes_done(struct handshakes *all)
{
    pthread_mutex_destroy(&all->lock);
}

static struct handshake_list *list_of(struct handshakes *all, const struct handshake *handshake)
{
    return handshake->state == FLIGHT_DISPLACED ? &handshake->owner->displaced : &all->list[handshake->state];
}

static void leave(struct handshakes *all, struct handshake *handshake)
{
    if (handshake->state == FLIGHT_NONE)
        return;
    struct handshake_list *list = list_of(all, handshake);
    *(handshake->older ? &handshake->older->newer : &list->oldest) = handshake->newer;
    *(handshake->newer ? &handshake->newer->older : &list->newest) = handshake->older;
    handshake->older = handshake->newer = NULL;
    handshake->state = FLIGHT_NONE;
    list->n--;
}

static void enter(struct handshakes *all, struct handshake *handshake, enum handshake_flight state)
{
    handshake->state = state;
    struct handshake_list *list = list_of(all, handshake);
    handshake->older = list->newest;
    *(handshake->older ? &handshake->older->newer : &list->oldest) = handshake;
    list->newest = handshake;
    list->n++;
}

/* One that makes room, NULL: nobody needs to. */
static struct handshake *too_many(const struct handshakes *all, size_t most)
{
    const struct handshake_list *silent = &all->list[FLIGHT_SILENT];
    const struct handshake_list *talking = &all->list[FLIGHT_TALKING];
    if (silent->n + talking->n <= most)
        return NULL;
    return silent->n == 0 || talking->n > most / 2 ? talking->oldest : silent->oldest;
}

void handshakes_enter(struct handshakes *all, struct handshake *handshake, struct handshake_owner *owner,
                      size_t most)
{
    struct handshake *goes;
    handshake->owner = owner;
    pthread_mutex_lock(&all->lock);
    enter(all, handshake, FLIGHT_SILENT);
    while ((goes = too_many(all, most)) != NULL) {
        leave(all, goes);
        enter(all, goes, FLIGHT_DISPLACED);
        goes->owner->wake(goes->owner);
    }
    pthread_mutex_unlock(&all->lock);
}

void handshakes_talk(struct handshakes *all, struct handshake *handshake)
{
    pthread_mutex_lock(&all->lock);
    if (handshake->state == FLIGHT_SILENT) {
        leave(all, handshake);
        enter(all, handshake, FLIGHT_TALKING);
    }
    pthread_mutex_unlock(&all->lock);
}

void handshakes_leave(struct handshakes *all, struct handshake *handshake)
{
    pthread_mutex_lock(&all->lock);
    leave(all, handshake);
    pthread_mutex_unlock(&all->lock);
}

struct handshake *handshakes_displaced(struct handshakes *all, struct handshake_owner *owner)
{
    pthread_mutex_lock(&all->lock);
    struct handshake *first = owner->displaced.oldest;
    if (first)
        leave(all, first);
    pthread_mutex_unlock(&all->lock);
    return first;
}
