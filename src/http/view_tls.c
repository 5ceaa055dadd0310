#include <string.h>

#include "http/view.h"
#include "http/view_impl.h"
#include "tls/names.h"

json_t *view_numbers(const uint16_t *v, size_t n, const char *(*name)(uint16_t))
{
    json_t *array = json_array();
    char text[TLS_NAME_TEXT];
    bool good = true;
    for (size_t i = 0; good && i < n; i++)
        good = view_append(array, json_string_nocheck(tls_name_or_hex(name, v[i], text)));
    return view_finish(array, good);
}

/* Without supported_versions the one version in the head is the highest that the client can do. */
json_t *view_hello_versions(const struct client_hello *hello)
{
    if (hello->versions.n > 0)
        return view_numbers(hello->versions.v, hello->versions.n, tls_version_name);
    return view_numbers(&hello->legacy_version, 1, tls_version_name);
}

json_t *view_hello_protocols(const struct client_hello *hello)
{
    json_t *array = json_array();
    bool good = true;
    for (size_t i = 0; good && i < hello->n_alpn; i++) {
        size_t len = hello->alpn_len[i];
        if (len > HELLO_ALPN_TEXT - 1)
            len = HELLO_ALPN_TEXT - 1;
        good = view_append(array, view_bytes(hello->alpn[i], len));
    }
    return view_finish(array, good);
}

static json_t *list(const struct hello_list *numbers, const char *(*name)(uint16_t))
{
    return view_numbers(numbers->v, numbers->n, name);
}

static json_t *client_hello(const struct hello_pack *pack)
{
    if (!pack)
        return json_null();
    struct client_hello hello;
    char ja4[JA4_TEXT];
    hello_pack_read(pack, &hello);
    client_hello_ja4(&hello, ja4);
    json_t *object = json_object();
    bool good =
        view_put(object, "versions", view_hello_versions(&hello)) &&
        view_put(object, "cipher_suites", list(&hello.cipher_suites, tls_cipher_suite_name)) &&
        view_put(object, "groups", list(&hello.groups, tls_group_name)) &&
        view_put(object, "signature_algorithms", list(&hello.signature_algorithms, tls_signature_name)) &&
        view_put(object, "alpn", view_hello_protocols(&hello)) &&
        view_put(object, "extensions", list(&hello.extensions, tls_extension_name)) &&
        view_put(object, "ja4", view_text(ja4[0] ? ja4 : NULL));
    return view_finish(object, good);
}

/* "" means that there is none. */
static json_t *peer_text(const char *text)
{
    return text[0] ? view_bytes(text, strlen(text)) : json_null();
}

json_t *view_tls(const struct tls_facts *facts)
{
    json_t *object = json_object();
    bool good = view_put(object, "version", view_text(facts->version)) &&
                view_put(object, "cipher_suite", view_text(facts->cipher_suite)) &&
                view_put(object, "group", view_text(facts->group)) &&
                view_put(object, "post_quantum", json_boolean(facts->post_quantum)) &&
                view_put(object, "server_signature", view_text(facts->server_signature)) &&
                view_put(object, "client_signature", view_text(facts->client_signature)) &&
                view_put(object, "alpn", peer_text(facts->alpn)) &&
                view_put(object, "server_name", peer_text(facts->server_name)) &&
                view_put(object, "resumed", json_boolean(facts->resumed)) &&
                view_put(object, "extended_master_secret", json_boolean(facts->extended_master_secret)) &&
                view_put(object, "client_hello", client_hello(facts->client_hello));
    return view_finish(object, good);
}
