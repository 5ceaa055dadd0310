#include <stdlib.h>
#include <string.h>

#include "tls/client_hello.h"

enum { FLAG_PSK = 1, FLAG_EARLY_DATA = 2, FLAG_TICKET = 4 };

/* The worst case: six full lists, each with its two counts; every ALPN name; the longest server name. */
_Static_assert(6 * (4 + 2 * HELLO_MOST) + HELLO_MOST_ALPN * HELLO_ALPN_TEXT + 256 + 8 <= HELLO_PACK_MOST,
               "raise HELLO_PACK_MOST");

static bool put_list(struct wire_out *out, const struct hello_list *list)
{
    bool good = wire_put_u16(out, list->n) && wire_put_u16(out, list->total);
    for (size_t i = 0; good && i < list->n; i++)
        good = wire_put_u16(out, list->v[i]);
    return good;
}

static bool take_list(struct wire *from, struct hello_list *list)
{
    if (!wire_u16(from, &list->n) || !wire_u16(from, &list->total) || list->n > HELLO_MOST)
        return false;
    for (size_t i = 0; i < list->n; i++) {
        if (!wire_u16(from, &list->v[i]))
            return false;
    }
    return true;
}

/* How much is kept of a name that was `sent` bytes long. */
static size_t alpn_kept(uint8_t sent)
{
    return sent < HELLO_ALPN_TEXT ? sent : HELLO_ALPN_TEXT - 1;
}

static bool put_alpn(struct wire_out *out, const struct client_hello *hello)
{
    bool good = wire_put_u8(out, (uint8_t)hello->n_alpn) && wire_put_u16(out, hello->alpn_total) &&
                wire_put_u8(out, hello->alpn_last);
    for (size_t i = 0; good && i < hello->n_alpn; i++)
        good = wire_put_u8(out, hello->alpn_len[i]) &&
               wire_put(out, hello->alpn[i], alpn_kept(hello->alpn_len[i]));
    return good;
}

static bool take_alpn(struct wire *from, struct client_hello *hello)
{
    uint8_t n;
    struct wire name;
    if (!wire_u8(from, &n) || n > HELLO_MOST_ALPN || !wire_u16(from, &hello->alpn_total) ||
        !wire_u8(from, &hello->alpn_last))
        return false;
    hello->n_alpn = n;
    for (size_t i = 0; i < n; i++) {
        if (!wire_u8(from, &hello->alpn_len[i]) || !wire_bytes(from, alpn_kept(hello->alpn_len[i]), &name))
            return false;
        memcpy(hello->alpn[i], name.p, name.n);
    }
    return true;
}

bool client_hello_pack(const struct client_hello *hello, struct wire_out *out)
{
    int flags = (hello->psk_offered ? FLAG_PSK : 0) | (hello->early_data ? FLAG_EARLY_DATA : 0) |
                (hello->session_ticket ? FLAG_TICKET : 0);
    size_t before = out->n, name = strlen(hello->server_name);
    bool good = wire_put_u16(out, hello->legacy_version) && wire_put_u8(out, (uint8_t)flags) &&
                put_list(out, &hello->versions) && put_list(out, &hello->cipher_suites) &&
                put_list(out, &hello->groups) && put_list(out, &hello->signature_algorithms) &&
                put_list(out, &hello->key_shares) && put_list(out, &hello->extensions) &&
                put_alpn(out, hello) && wire_put_u8(out, (uint8_t)name) &&
                wire_put(out, hello->server_name, name);
    if (!good)
        out->n = before;
    return good;
}

bool client_hello_unpack(struct wire bytes, struct client_hello *out)
{
    struct wire name;
    uint8_t flags;
    memset(out, 0, sizeof *out);
    if (!wire_u16(&bytes, &out->legacy_version) || !wire_u8(&bytes, &flags) ||
        !take_list(&bytes, &out->versions) || !take_list(&bytes, &out->cipher_suites) ||
        !take_list(&bytes, &out->groups) || !take_list(&bytes, &out->signature_algorithms) ||
        !take_list(&bytes, &out->key_shares) || !take_list(&bytes, &out->extensions) ||
        !take_alpn(&bytes, out) || !wire_vector8(&bytes, &name) || bytes.n != 0)
        return false;
    memcpy(out->server_name, name.p, name.n);
    out->psk_offered = flags & FLAG_PSK;
    out->early_data = flags & FLAG_EARLY_DATA;
    out->session_ticket = flags & FLAG_TICKET;
    return true;
}

struct hello_pack *hello_pack_new(const struct client_hello *hello)
{
    struct hello_pack *pack = malloc(sizeof *pack + HELLO_PACK_MOST);
    if (!pack)
        return NULL;
    struct wire_out out = {.p = pack->byte, .room = HELLO_PACK_MOST};
    if (!client_hello_pack(hello, &out)) {
        free(pack);
        return NULL;
    }
    pack->n = (uint16_t)out.n;
    struct hello_pack *fitting = realloc(pack, sizeof *pack + out.n);
    return fitting ? fitting : pack;
}

void hello_pack_read(const struct hello_pack *pack, struct client_hello *out)
{
    struct wire whole = {.p = pack->byte, .n = pack->n};
    if (!client_hello_unpack(whole, out))
        memset(out, 0, sizeof *out);
}
