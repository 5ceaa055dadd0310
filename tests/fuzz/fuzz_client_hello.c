/* Any bytes through the ClientHello parser; what it accepts keeps its promises. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "tls/client_hello.h"
#include "tls/names.h"

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_list(const struct hello_list *list, const char *(*name)(uint16_t))
{
    char text[TLS_NAME_TEXT];
    require(list->n <= HELLO_MOST && list->n <= list->total &&
            (list->n == list->total || list->n == HELLO_MOST));
    for (size_t i = 0; i < list->n; i++)
        require(tls_name_or_hex(name, list->v[i], text)[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct client_hello hello;
    struct err err = {0};
    char ja4[JA4_TEXT];
    int r = client_hello_parse(data, size, &hello, &err);
    require(r == 0 || (r == ERR_SYNTAX && err.text[0] != '\0'));
    if (r != 0)
        return 0;

    check_list(&hello.versions, tls_version_name);
    check_list(&hello.cipher_suites, tls_cipher_suite_name);
    check_list(&hello.groups, tls_group_name);
    check_list(&hello.key_shares, tls_group_name);
    check_list(&hello.signature_algorithms, tls_signature_name);
    check_list(&hello.extensions, tls_extension_name);
    require(hello.n_alpn <= HELLO_MOST_ALPN && hello.n_alpn <= hello.alpn_total);
    for (size_t i = 0; i < hello.n_alpn; i++)
        require(hello.alpn_len[i] > 0 && hello.alpn[i][HELLO_ALPN_TEXT - 1] == '\0');
    require(memchr(hello.server_name, '\0', sizeof hello.server_name) != NULL);
    client_hello_ja4(&hello, ja4);
    require(ja4[0] == '\0' || strlen(ja4) == 36);
    return 0;
}
