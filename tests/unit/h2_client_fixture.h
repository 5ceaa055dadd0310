/* The engine of HTTP/2 to servers, for its suites: a server by hand, what it got, and a user of the engine.
 */
#ifndef MTLSD_TESTS_UNIT_H2_CLIENT_FIXTURE_H
#define MTLSD_TESTS_UNIT_H2_CLIENT_FIXTURE_H

#include <errno.h>
#include <string.h>

#include "http/h2_frames.h"
#include "suites.h"
#include "upstream/h2_client.h"

enum {
    DATA = 0,
    HEADERS = 1,
    RST_STREAM = 3,
    SETTINGS = 4,
    PUSH_PROMISE = 5,
    PING = 6,
    GOAWAY = 7,
    WINDOW_UPDATE = 8,
    END_STREAM = 1,
    END_HEADERS = 4,
};

/* ---- a server, by hand --------------------------------------------------------------------------------- */

extern struct h2_client *client;
extern uint64_t now_ms;
extern size_t grown;
struct h2_client_got {
    unsigned frames[16]; /* of each type that it got, and */
    unsigned ended;      /* of these with END_STREAM, */
    size_t data;         /* bytes of DATA, */
    uint32_t code;       /* and what RST_STREAM or GOAWAY said last */
    uint32_t opened;     /* what WINDOW_UPDATE opened of streams */
};
extern struct h2_client_got got;

/* What the client has to send, of which the last `lost` bytes do not come. */
void listen_but(size_t lost);
void listen_to_it(void);
void say(unsigned type, unsigned flags, uint32_t id, const void *content, size_t len);
/* NAME=VALUE, each with a | behind it. */
void say_fields(uint32_t id, const char *fields, unsigned flags);
void say_data(uint32_t id, const char *text, unsigned flags);
/* `what` 0: an empty one. */
void say_settings(unsigned what, uint32_t value);
void say_code(unsigned type, uint32_t id, uint32_t last, uint32_t code);

/* Each has taken the other's SETTINGS. */
void h2_client_set_up(void);
void h2_client_tear_down(void);

/* ---- a user -------------------------------------------------------------------------------------------- */

#define GET  "GET /p?q HTTP/1.1\r\nHost: a.example\r\nTE: trailers\r\nConnection: TE\r\n\r\n"
#define POST "POST /p HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n"

struct h2_call *ask(const char *text);
/* What came, up to what is read then: -EAGAIN, -EPROTO or 0. In pieces, so that none depends on its size. */
const char *heard(struct h2_call *call, int end);

#endif
