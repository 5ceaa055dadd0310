#include "http/h2_window.h"

enum { PAUSE_FIRST = H2_WINDOW_FIRST / 2, PAUSE_MOST = H2_WINDOW_MOST };

void h2_window_init(struct h2_window *window)
{
    *window = (struct h2_window){.size = H2_WINDOW_FIRST, .pause = PAUSE_FIRST, .from = PAUSE_FIRST};
}

bool h2_window_came(struct h2_window *window, size_t len)
{
    window->came += len;
    return window->size < H2_WINDOW_MOST && window->came >= window->from;
}

void h2_window_asks(struct h2_window *window)
{
    window->from = window->came;
}

bool h2_window_answered(struct h2_window *window, size_t held)
{
    const uint64_t came = window->came - window->from;
    /* A client that is stopped by its window sends in bursts, and the PING went in the middle of one. */
    const bool filled = came >= window->size / 3, taken = held <= window->size / 2;
    /* A window that is large enough is asked about less and less. */
    if (filled && taken)
        window->pause = PAUSE_FIRST;
    else if (window->pause < PAUSE_MOST)
        window->pause *= 2;
    window->from = window->came + window->pause;
    return filled && taken && window->size < H2_WINDOW_MOST;
}

/* Not byte by byte, and not so late that a client at the end of the window waits for it, be it one that has
 * not heard yet of any window but that of RFC 9113 section 6.9.2, 65,535. */
uint32_t h2_window_taken(struct h2_window *window, size_t len)
{
    window->untold += (uint32_t)len;
    if (window->untold < window->size / 8)
        return 0;
    const uint32_t told = window->untold;
    window->untold = 0;
    return told;
}

bool h2_window_may_grow(size_t more, size_t of_connection, size_t of_worker)
{
    enum { PART = 8 };
    return of_connection + more <= H2_WINDOW_MOST && of_worker < H2_WINDOW_ALL &&
           more <= (H2_WINDOW_ALL - of_worker) / PART;
}

uint32_t h2_window_doubled(struct h2_window *window)
{
    const uint32_t told = window->untold + window->size;
    window->size *= 2;
    window->untold = 0;
    return told;
}
