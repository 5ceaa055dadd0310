#include "tls/names.h"

#include <stdio.h>

#include "tls/client_hello.h"

struct row {
    uint16_t value;
    const char *name;
};

#define ROW(v, n) {(v), (n)},

static const struct row CIPHER_SUITES[] = {
#define CIPHER_SUITE ROW
#include "tls/names.def"
};
static const struct row GROUPS[] = {
#define GROUP ROW
#include "tls/names.def"
};
static const struct row SIGNATURES[] = {
#define SIGNATURE ROW
#include "tls/names.def"
};
static const struct row EXTENSIONS[] = {
#define EXTENSION ROW
#include "tls/names.def"
};
static const struct row VERSIONS[] = {
#define VERSION ROW
#include "tls/names.def"
};
static const struct row ALERTS[] = {
#define ALERT ROW
#include "tls/names.def"
};
static const struct row MESSAGES[] = {
#define MESSAGE ROW
#include "tls/names.def"
};

static const char *find(const struct row *row, size_t n, uint16_t value)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (row[middle].value == value)
            return row[middle].name;
        if (row[middle].value < value)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const char *tls_cipher_suite_name(uint16_t v)
{
    return find(CIPHER_SUITES, ARRAY_LEN(CIPHER_SUITES), v);
}

const char *tls_group_name(uint16_t v)
{
    return find(GROUPS, ARRAY_LEN(GROUPS), v);
}

const char *tls_signature_name(uint16_t v)
{
    return find(SIGNATURES, ARRAY_LEN(SIGNATURES), v);
}

const char *tls_extension_name(uint16_t v)
{
    return find(EXTENSIONS, ARRAY_LEN(EXTENSIONS), v);
}

const char *tls_version_name(uint16_t v)
{
    return find(VERSIONS, ARRAY_LEN(VERSIONS), v);
}

const char *tls_alert_name(uint8_t v)
{
    return find(ALERTS, ARRAY_LEN(ALERTS), v);
}

const char *tls_message_name(uint8_t v)
{
    return find(MESSAGES, ARRAY_LEN(MESSAGES), v);
}

const char *tls_name_or_hex(const char *(*name)(uint16_t), uint16_t v, char out[static TLS_NAME_TEXT])
{
    const char *known = name(v);
    if (known)
        return known;
    if (hello_is_grease(v))
        return "GREASE";
    snprintf(out, TLS_NAME_TEXT, "0x%04x", v);
    return out;
}
