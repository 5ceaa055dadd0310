/* Something that a worker's epoll set watches and that is not the loop's own: it is told what is ready. */
#ifndef MTLSD_BASE_EVENT_H
#define MTLSD_BASE_EVENT_H

#include "base/base.h"

struct event_source {
    void (*ready)(struct event_source *source, uint32_t events); /* EPOLLIN and so on */
};

/* In the set it is known by its address with a mark: those of others have none. */
static inline void *event_mark(struct event_source *source)
{
    return (char *)source + 1;
}
static inline struct event_source *event_of(void *mark)
{
    return (uintptr_t)mark & 1 ? (struct event_source *)(void *)((char *)mark - 1) : NULL;
}

#endif
