/* Frames of a server of HTTP/2 for two calls, of which the second is a HEAD. The first input byte chooses in
 * which pieces they come, the second what the owner does. Besides not crashing:
 *  - what is read of a response is one of HTTP/1.1, by the reader that judges those, up to where the engine
 * says that it is none or is cut short;
 *  - where the engine says that it has ended, it has for that reader, too;
 *  - of a response no more is held than the window lets come;
 *  - what goes out is whole frames. */
#include "config.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "http/h2_frames.h"
#include "upstream/h2_client.h"
#include "upstream/response.h"

#ifdef HAVE_LIBNGHTTP2

struct user {
    struct h2_call *call;
    struct response response;
    bool ended;
};

static void send(struct h2_client *client, struct h2_frames *frames)
{
    struct h2_limits none;
    const char *bytes;
    size_t n;
    memset(&none, 0xff, sizeof none);
    while ((n = h2_client_give(client, &bytes)) > 0) {
        REQUIRE(h2_frames_feed(frames, &none, bytes, n, 0) == H2_LIMITS);
        h2_client_sent(client, n);
    }
    REQUIRE(frames->left == 0 && frames->n_head == 0);
}

static void feed(struct user *user, const char *bytes, size_t len)
{
    for (size_t at = 0; at < len && !user->response.why;) {
        REQUIRE(!user->ended);
        const struct response_piece piece = response_feed(&user->response, bytes + at, len - at);
        at += piece.used;
        user->ended = user->ended || (piece.events & RESPONSE_END);
    }
}

static void read_some(struct user *user, size_t size)
{
    static char bytes[4096];
    ssize_t n;
    size_t all = 0;
    while (user->call && (n = h2_call_read(user->call, bytes, size)) > 0) {
        REQUIRE((size_t)n <= size);
        all += (size_t)n;
        REQUIRE(all <= 8 * (size_t)H2_CALL_WINDOW_MOST);
        feed(user, bytes, (size_t)n);
    }
    if (user->call && n != -EAGAIN) {
        REQUIRE(n == 0 || (n == -EPROTO && h2_call_why(user->call)[0]));
        REQUIRE(n < 0 || user->ended || user->response.why);
        h2_call_free(user->call);
        user->call = NULL;
    }
}

static void ask(struct h2_client *client, struct user *user, const char *text, bool head)
{
    response_init(&user->response, head, false);
    user->call = h2_call_new(client, "https", user);
    REQUIRE(user->call && h2_call_write(user->call, text, strlen(text)) == (ssize_t)strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct h2_frames frames = {0};
    struct h2_limits limits;
    struct user users[2] = {0};
    struct h2_call *call;
    if (size < 2)
        return 0;
    const size_t piece = data[0] ? data[0] : size;
    const unsigned does = data[1];
    h2_client_limits(&limits);
    size_t grown = 0;
    struct h2_client *client = h2_client_new(&limits, &grown);
    REQUIRE(client);
    ask(client, &users[0],
        does & 1 ? "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
                 : "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        false);
    ask(client, &users[1], "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", true);
    for (size_t at = 2; at < size && !h2_client_is_over(client); at += piece) {
        h2_client_take(client, (const char *)data + at, size - at < piece ? size - at : piece, 1 + at);
        if (!(does & 2))
            send(client, &frames);
        while ((call = h2_client_next(client)) != NULL)
            REQUIRE(call == users[0].call || call == users[1].call);
        if (!(does & 4))
            read_some(&users[0], does & 8 ? 1 : 4096);
        read_some(&users[1], 100);
        if ((does & 16) && at > size / 2) {
            h2_call_free(users[0].call);
            users[0].call = NULL;
        }
    }
    h2_client_fail(client, "it closed the connection");
    read_some(&users[0], 4096);
    read_some(&users[1], 4096);
    h2_client_free(client);
    return 0;
}

#else

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)data, (void)size;
    return 0;
}

#endif
