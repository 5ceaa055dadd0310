#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "suites.h"
#include "tls/client_hello.h"
#include "tls/names.h"

static FILE *open_data(const char *name)
{
    const char *srcdir = getenv("srcdir");
    char path[512];
    snprintf(path, sizeof path, "%s/tests/data/%s", srcdir ? srcdir : ".", name);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    return file;
}

/* ---- captured hellos ---- */

static size_t load_hex(const char *name, uint8_t *out, size_t room)
{
    char file_name[128], digits[3] = "";
    size_t n = 0;
    int c, at = 0;
    snprintf(file_name, sizeof file_name, "hello/%s.hex", name);
    FILE *file = open_data(file_name);
    while ((c = fgetc(file)) != EOF) {
        if (c == '\n')
            continue;
        digits[at++] = (char)c;
        if (at < 2)
            continue;
        ck_assert_uint_lt(n, room);
        out[n++] = (uint8_t)strtoul(digits, NULL, 16);
        at = 0;
    }
    fclose(file);
    return n;
}

static void hex_words(const struct hello_list *list, char *out, size_t room)
{
    size_t at = 0;
    snprintf(out, room, "-");
    for (size_t i = 0; i < list->n; i++)
        at += (size_t)snprintf(out + at, room - at, "%s%04x", i ? "," : "", list->v[i]);
}

static void alpn_words(const struct client_hello *hello, char *out, size_t room)
{
    size_t at = 0;
    snprintf(out, room, "-");
    for (size_t i = 0; i < hello->n_alpn; i++) {
        ck_assert_uint_eq(hello->alpn_len[i], strlen(hello->alpn[i]));
        at += (size_t)snprintf(out + at, room - at, "%s%s", i ? "," : "", hello->alpn[i]);
    }
}

/* Every beginning of a good hello is a bad one, but where the extensions have not begun. */
static void check_truncations(const uint8_t *body, size_t len, const char *name)
{
    size_t suites = 35u + body[34],
           compression = suites + 2u + (size_t)(body[suites] << 8 | body[suites + 1]);
    size_t bare = compression + 1u + body[compression];
    struct client_hello hello;
    ck_assert_uint_ge(len, bare);
    for (size_t n = 0; n < len; n++) {
        /* A copy of exactly n bytes, so that the sanitizer sees a read behind the end. */
        uint8_t *cut = malloc(n ? n : 1);
        ck_assert_ptr_nonnull(cut);
        memcpy(cut, body, n);
        int r = client_hello_parse(cut, n, &hello, NULL);
        ck_assert_msg(r == (n == bare ? 0 : ERR_SYNTAX), "%s cut to %zu bytes gives %d", name, n, r);
        free(cut);
    }
}

/* Packing keeps everything, in a small part of the room, and unpacking takes nothing else. */
static void check_packed(const struct client_hello *hello, const char *name)
{
    uint8_t bytes[HELLO_PACK_MOST];
    struct wire_out out = {.p = bytes, .room = sizeof bytes};
    struct client_hello back;
    ck_assert(client_hello_pack(hello, &out) && !out.full);
    size_t n = out.n;
    ck_assert_msg(client_hello_unpack((struct wire){bytes, n}, &back), "%s cannot be unpacked", name);
    ck_assert_mem_eq(&back, hello, sizeof back);
    for (size_t less = 0; less < n; less++) {
        ck_assert(!client_hello_unpack((struct wire){bytes, less}, &back));
        uint8_t small[HELLO_PACK_MOST];
        out = (struct wire_out){.p = small, .room = less};
        ck_assert(!client_hello_pack(hello, &out) && out.full && out.n == 0);
    }
    struct hello_pack *pack = hello_pack_new(hello);
    ck_assert_ptr_nonnull(pack);
    ck_assert_uint_eq(pack->n, n);
    hello_pack_read(pack, &back);
    ck_assert_mem_eq(&back, hello, sizeof back);
    free(pack);
}

enum {
    NAME,
    JA4,
    VERSIONS,
    SUITES,
    EXTENSIONS,
    FIRST_GROUP,
    GROUPS,
    FIRST_SIGNATURE,
    SIGNATURES,
    KEY_SHARES,
    ALPN,
    SERVER_NAME,
    FLAGS,
    COLUMNS
};

/* Cuts a line at its tabs. */
static void split(char *line, char *column[static COLUMNS])
{
    line[strcspn(line, "\n")] = '\0';
    for (size_t i = 0; i < COLUMNS; i++) {
        ck_assert_ptr_nonnull(line);
        column[i] = strsep(&line, "\t");
    }
    ck_assert_ptr_null(line);
}

/* What the programs of our days send, visitors see by its name. */
static void check_named(const struct hello_list *list, const char *(*name)(uint16_t), const char *program)
{
    for (size_t i = 0; i < list->n; i++) {
        char text[TLS_NAME_TEXT];
        const char *said = tls_name_or_hex(name, list->v[i], text);
        ck_assert_msg(strncmp(said, "0x", 2) != 0, "%s: %s has no name", program, said);
    }
}

START_TEST(test_captured)
{
    FILE *table = open_data("hello.tsv");
    char line[1024];
    unsigned rows = 0;
    while (fgets(line, sizeof line, table)) {
        char *column[COLUMNS];
        if (line[0] == '#')
            continue;
        split(line, column);
        const char *name = column[NAME];
        uint8_t body[4096] = {0};
        size_t len = load_hex(name, body, sizeof body);
        struct client_hello hello;
        struct err err = {0};
        char text[1024];
        ck_assert_msg(client_hello_parse(body, len, &hello, &err) == 0, "%s: %s", name, err.text);
        client_hello_ja4(&hello, text);
        ck_assert_msg(strcmp(text, column[JA4]) == 0, "%s: ja4 is %s, expected %s", name, text, column[JA4]);
        hex_words(&hello.versions, text, sizeof text);
        ck_assert_str_eq(text, column[VERSIONS]);
        hex_words(&hello.key_shares, text, sizeof text);
        ck_assert_str_eq(text, column[KEY_SHARES]);
        alpn_words(&hello, text, sizeof text);
        ck_assert_str_eq(text, column[ALPN]);
        ck_assert_str_eq(hello.server_name[0] ? hello.server_name : "-", column[SERVER_NAME]);
        ck_assert_uint_eq(hello.cipher_suites.n, strtoul(column[SUITES], NULL, 10));
        ck_assert_uint_eq(hello.extensions.n, strtoul(column[EXTENSIONS], NULL, 10));
        ck_assert_uint_eq(hello.groups.n, strtoul(column[GROUPS], NULL, 10));
        ck_assert_uint_eq(hello.groups.v[0], strtoul(column[FIRST_GROUP], NULL, 16));
        ck_assert_uint_eq(hello.signature_algorithms.n, strtoul(column[SIGNATURES], NULL, 10));
        ck_assert_uint_eq(hello.signature_algorithms.v[0], strtoul(column[FIRST_SIGNATURE], NULL, 16));
        ck_assert_int_eq(hello.psk_offered, strchr(column[FLAGS], 'p') != NULL);
        ck_assert_int_eq(hello.early_data, strchr(column[FLAGS], 'e') != NULL);
        ck_assert_int_eq(hello.session_ticket, strchr(column[FLAGS], 't') != NULL);
        check_truncations(body, len, name);
        check_packed(&hello, name);
        check_named(&hello.versions, tls_version_name, name);
        check_named(&hello.cipher_suites, tls_cipher_suite_name, name);
        check_named(&hello.groups, tls_group_name, name);
        check_named(&hello.key_shares, tls_group_name, name);
        check_named(&hello.signature_algorithms, tls_signature_name, name);
        check_named(&hello.extensions, tls_extension_name, name);
        rows++;
    }
    fclose(table);
    ck_assert_uint_ge(rows, 16);
}
END_TEST

/* ---- hellos built from lists ---- */

/* The next of "1301,1302", and *words moved behind it; false at the end. */
static bool next_word(const char **words, unsigned *out)
{
    char *end;
    if (!*words || !**words)
        return false;
    *out = (unsigned)strtoul(*words, &end, 16);
    *words = *end == ',' ? end + 1 : end;
    return true;
}

static void put_words(struct buf *out, const char *words)
{
    unsigned v;
    while (next_word(&words, &v)) {
        buf_putc(out, (char)(v >> 8));
        buf_putc(out, (char)(v & 0xff));
    }
}

static void put_u16(struct buf *out, size_t v)
{
    buf_putc(out, (char)(v >> 8 & 0xff));
    buf_putc(out, (char)(v & 0xff));
}

/* Appends a length of `width` bytes and the bytes of `in`, which is emptied. */
static void put_vector(struct buf *out, int width, struct buf *in)
{
    if (width == 2)
        buf_putc(out, (char)(in->len >> 8 & 0xff));
    buf_putc(out, (char)(in->len & 0xff));
    if (in->len > 0)
        buf_put(out, in->data, in->len);
    buf_done(in);
}

struct recipe {
    const char *versions, *suites, *extensions, *signatures;
    const char *alpn; /* raw bytes of the one protocol, NULL: none */
    size_t alpn_len;
    uint16_t legacy_version;
};

static void put_extension(struct buf *out, unsigned type, const struct recipe *recipe)
{
    struct buf list = {0}, data = {0};
    switch (type) {
    case 0:
        buf_put(&list, "\0\0\11localhost", 12);
        put_vector(&data, 2, &list);
        break;
    case 10:
        put_words(&list, "001d,0017");
        put_vector(&data, 2, &list);
        break;
    case 13:
        put_words(&list, recipe->signatures);
        put_vector(&data, 2, &list);
        break;
    case 16:
        buf_putc(&list, (char)recipe->alpn_len);
        buf_put(&list, recipe->alpn, recipe->alpn_len);
        put_vector(&data, 2, &list);
        break;
    case 43:
        put_words(&list, recipe->versions);
        put_vector(&data, 1, &list);
        break;
    case 51:
        put_vector(&data, 2, &list);
        break;
    default:
        break;
    }
    put_u16(out, type);
    put_vector(out, 2, &data);
}

static void build(const struct recipe *recipe, struct buf *out)
{
    struct buf part = {0};
    const char *words = recipe->extensions;
    unsigned type;
    put_u16(out, recipe->legacy_version ? recipe->legacy_version : 0x0303);
    for (int i = 0; i < 32; i++)
        buf_putc(out, 'r');
    buf_putc(out, 0);
    put_words(&part, recipe->suites);
    put_vector(out, 2, &part);
    buf_put(out, "\1\0", 2);
    while (next_word(&words, &type))
        put_extension(&part, type, recipe);
    if (recipe->extensions)
        put_vector(out, 2, &part);
}

static void check_ja4(const struct recipe *recipe, const char *expected)
{
    struct buf bytes = {0};
    struct client_hello hello;
    struct err err = {0};
    char ja4[JA4_TEXT];
    build(recipe, &bytes);
    ck_assert_msg(client_hello_parse((const uint8_t *)bytes.data, bytes.len, &hello, &err) == 0, "%s",
                  err.text);
    client_hello_ja4(&hello, ja4);
    ck_assert_str_eq(ja4, expected);
    buf_done(&bytes);
}

/* The example that FoxIO publishes with the definition, with GREASE where Chromium sends it, which must not
 * matter. */
#define CHROMIUM_SUITES     "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035"
#define CHROMIUM_EXTENSIONS "001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015"
#define CHROMIUM_SIGNATURES "0403,0804,0401,0503,0805,0501,0806,0601"

START_TEST(test_ja4_published)
{
    struct recipe recipe = {.versions = "0304,0303",
                            .suites = CHROMIUM_SUITES,
                            .extensions = CHROMIUM_EXTENSIONS,
                            .signatures = CHROMIUM_SIGNATURES,
                            .alpn = "h2",
                            .alpn_len = 2};
    check_ja4(&recipe, "t13d1516h2_8daaf6152771_e5627efa2ab1");
    recipe.versions = "fafa,0304,0303";
    recipe.suites = "6a6a," CHROMIUM_SUITES;
    recipe.extensions = "3a3a," CHROMIUM_EXTENSIONS ",8a8a";
    recipe.signatures = "1a1a," CHROMIUM_SIGNATURES;
    check_ja4(&recipe, "t13d1516h2_8daaf6152771_e5627efa2ab1");
    /* The order of suites and extensions does not matter, that of the signatures does. */
    recipe.suites = "0035,1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f";
    recipe.extensions = "ff01,"
                        "001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,000b,000a,0015";
    check_ja4(&recipe, "t13d1516h2_8daaf6152771_e5627efa2ab1");
    /* No signature algorithms but GREASE: published for the list without them, which still has extension 13.
     */
    recipe.signatures = "1a1a";
    check_ja4(&recipe, "t13d1516h2_8daaf6152771_6d807ffa2a79");
}
END_TEST

START_TEST(test_ja4_parts)
{
    struct recipe recipe = {.suites = "1301"};
    check_ja4(&recipe, "t12i010000_0f2cb44170f4_000000000000");
    recipe.legacy_version = 0x0301;
    check_ja4(&recipe, "t10i010000_0f2cb44170f4_000000000000");
    recipe.legacy_version = 0x7777;
    check_ja4(&recipe, "t00i010000_0f2cb44170f4_000000000000");
    recipe.legacy_version = 0x0300;
    recipe.suites = "dada";
    check_ja4(&recipe, "ts3i000000_000000000000_000000000000");
    /* Server name and ALPN are counted but not hashed. */
    recipe = (struct recipe){.suites = "1301", .extensions = "0000,0010", .alpn = "http/1.1", .alpn_len = 8};
    check_ja4(&recipe, "t12d0102h1_0f2cb44170f4_000000000000");
}
END_TEST

START_TEST(test_ja4_alpn)
{
    /* The published table of odd protocol names. */
    static const struct {
        const char *alpn;
        size_t len;
        const char *text;
    } ROWS[] = {
        {"h2", 2, "h2"},
        {"http/1.1", 8, "h1"},
        {"x", 1, "xx"},
        {"\xab", 1, "ab"},
        {"\x20", 1, "20"},
        {"\xab\xcd", 2, "ad"},
        {"\x20\x61", 2, "21"},
        {"\x30\xab", 2, "3b"},
        {"\x61\x20", 2, "60"},
        {"\x30\x31\xab\xcd", 4, "3d"},
        {"\x30\xab\xcd\x31", 4, "01"},
        {"a-very-long-protocol-name-of-more-than-31-byteZ", 47, "aZ"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct recipe recipe = {
            .suites = "1301", .extensions = "0010", .alpn = ROWS[i].alpn, .alpn_len = ROWS[i].len};
        char expected[JA4_TEXT];
        snprintf(expected, sizeof expected, "t12i0101%s_0f2cb44170f4_000000000000", ROWS[i].text);
        check_ja4(&recipe, expected);
    }
}
END_TEST

/* Above the bound: counted, not kept, and no fingerprint of a part. */
START_TEST(test_bounds)
{
    struct buf words = {0}, bytes = {0};
    struct client_hello hello;
    char ja4[JA4_TEXT];
    for (unsigned i = 1; i <= 300; i++)
        buf_printf(&words, "%04x,", 0x2000 + i);
    struct recipe recipe = {.suites = words.data, .extensions = words.data};
    build(&recipe, &bytes);
    ck_assert_int_eq(client_hello_parse((const uint8_t *)bytes.data, bytes.len, &hello, NULL), 0);
    ck_assert_uint_eq(hello.cipher_suites.n, HELLO_MOST);
    ck_assert_uint_eq(hello.cipher_suites.total, 300);
    ck_assert_uint_eq(hello.extensions.n, HELLO_MOST);
    ck_assert_uint_eq(hello.extensions.total, 300);
    client_hello_ja4(&hello, ja4);
    ck_assert_str_eq(ja4, "");
    buf_done(&words);
    buf_done(&bytes);
}
END_TEST

/* ---- broken structure ---- */

/* An extension block given as bytes, behind a good beginning. */
static int parse_block(const char *block, size_t len, struct client_hello *hello, struct err *err)
{
    struct buf bytes = {0}, part = {0};
    struct recipe recipe = {.suites = "1301"};
    build(&recipe, &bytes);
    buf_put(&part, block, len);
    put_vector(&bytes, 2, &part);
    int r = client_hello_parse((const uint8_t *)bytes.data, bytes.len, hello, err);
    buf_done(&bytes);
    return r;
}

#define BLOCK(text) text, sizeof(text) - 1

START_TEST(test_extension_blocks)
{
    static const struct {
        const char *what;
        const char *block;
        size_t len;
        int result;
    } ROWS[] = {
        {"empty block", BLOCK(""), 0},
        {"unknown extension", BLOCK("\x77\x77\0\1x"), 0},
        {"twice the same", BLOCK("\x77\x77\0\0\x77\x77\0\0"), ERR_SYNTAX},
        {"GREASE twice with different values", BLOCK("\x0a\x0a\0\0\x1a\x1a\0\0"), 0},
        {"GREASE twice the same", BLOCK("\x0a\x0a\0\0\x0a\x0a\0\0"), ERR_SYNTAX},
        {"half a type", BLOCK("\0"), ERR_SYNTAX},
        {"no length", BLOCK("\x77\x77"), ERR_SYNTAX},
        {"runs over the end", BLOCK("\x77\x77\0\2x"), ERR_SYNTAX},
        {"server name", BLOCK("\0\0\0\6\0\4\0\0\1a"), 0},
        {"server name: empty body", BLOCK("\0\0\0\0"), ERR_SYNTAX},
        {"server name: empty list", BLOCK("\0\0\0\2\0\0"), ERR_SYNTAX},
        {"server name: empty name", BLOCK("\0\0\0\5\0\3\0\0\0"), ERR_SYNTAX},
        {"server name: two host names", BLOCK("\0\0\0\12\0\10\0\0\1a\0\0\1b"), ERR_SYNTAX},
        {"server name: another type beside", BLOCK("\0\0\0\12\0\10\7\0\1a\0\0\1b"), 0},
        {"server name: bytes behind the list", BLOCK("\0\0\0\7\0\4\0\0\1a!"), ERR_SYNTAX},
        {"versions: odd", BLOCK("\0\x2b\0\2\1\3"), ERR_SYNTAX},
        {"versions: empty", BLOCK("\0\x2b\0\1\0"), ERR_SYNTAX},
        {"versions: bytes behind", BLOCK("\0\x2b\0\4\2\3\4\0"), ERR_SYNTAX},
        {"groups: empty", BLOCK("\0\12\0\2\0\0"), ERR_SYNTAX},
        {"groups: odd", BLOCK("\0\12\0\5\0\3\0\x1d\0"), ERR_SYNTAX},
        {"signatures: empty", BLOCK("\0\15\0\2\0\0"), ERR_SYNTAX},
        {"ALPN: empty list", BLOCK("\0\20\0\2\0\0"), ERR_SYNTAX},
        {"ALPN: empty name", BLOCK("\0\20\0\3\0\1\0"), ERR_SYNTAX},
        {"ALPN: name over the end", BLOCK("\0\20\0\4\0\2\2h"), ERR_SYNTAX},
        {"key share: empty list", BLOCK("\0\x33\0\2\0\0"), 0},
        {"key share: empty key", BLOCK("\0\x33\0\6\0\4\0\x1d\0\0"), ERR_SYNTAX},
        {"key share", BLOCK("\0\x33\0\7\0\5\0\x1d\0\1k"), 0},
        {"early data with a body", BLOCK("\0\x2a\0\1x"), ERR_SYNTAX},
        {"ticket", BLOCK("\0\x23\0\3abc"), 0},
        {"PSK",
         BLOCK("\0\x29\0\x2c\0\7\0\1i\0\0\0\0\0\x21\x20"
               "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"),
         0},
        {"PSK: short binder",
         BLOCK("\0\x29\0\x2b\0\7\0\1i\0\0\0\0\0\x20\x1f"
               "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"),
         ERR_SYNTAX},
        {"PSK: not last",
         BLOCK("\0\x29\0\x2c\0\7\0\1i\0\0\0\0\0\x21\x20"
               "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
               "\0\x23\0\0"),
         ERR_SYNTAX},
        {"PSK: no binder", BLOCK("\0\x29\0\13\0\7\0\1i\0\0\0\0\0\0"), ERR_SYNTAX},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct client_hello hello;
        struct err err = {0};
        int r = parse_block(ROWS[i].block, ROWS[i].len, &hello, &err);
        ck_assert_msg(r == ROWS[i].result, "%s: %d (%s)", ROWS[i].what, r, err.text);
        ck_assert_msg((r != 0) == (err.text[0] != '\0'), "%s: text is \"%s\"", ROWS[i].what, err.text);
    }
}
END_TEST

START_TEST(test_heads)
{
    static const char GOOD[] = "\3\3rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr\0\0\2\x13\1\1\0";
    struct client_hello hello;
    uint8_t body[128];
    size_t len = sizeof GOOD - 1;
    memcpy(body, GOOD, len);
    ck_assert_int_eq(client_hello_parse(body, len, &hello, NULL), 0);
    ck_assert_uint_eq(hello.legacy_version, 0x0303);

    body[34] = 33; /* session id longer than 32 */
    ck_assert_int_eq(client_hello_parse(body, len, &hello, NULL), ERR_SYNTAX);
    memcpy(body, GOOD, len);
    body[36] = 3; /* odd length of cipher_suites */
    ck_assert_int_eq(client_hello_parse(body, len, &hello, NULL), ERR_SYNTAX);
    memcpy(body, GOOD, len);
    body[36] = 0; /* none */
    ck_assert_int_eq(client_hello_parse(body, len, &hello, NULL), ERR_SYNTAX);
    memcpy(body, GOOD, len);
    body[39] = 0; /* no compression method, and a byte too many */
    ck_assert_int_eq(client_hello_parse(body, len, &hello, NULL), ERR_SYNTAX);
    memcpy(body, GOOD, len);
    memcpy(body + len, "\0\0x", 3); /* a byte behind the extensions */
    ck_assert_int_eq(client_hello_parse(body, len + 3, &hello, NULL), ERR_SYNTAX);
    ck_assert_int_eq(client_hello_parse(NULL, 0, &hello, NULL), ERR_SYNTAX);
}
END_TEST

START_TEST(test_server_name)
{
    struct client_hello hello;
    ck_assert_int_eq(parse_block(BLOCK("\0\0\0\10\0\6\0\0\3a.b"), &hello, NULL), 0);
    ck_assert_str_eq(hello.server_name, "a.b");
    /* A name with NUL, control or non-ASCII bytes is not shown, and the hello stands. */
    ck_assert_int_eq(parse_block(BLOCK("\0\0\0\10\0\6\0\0\3a\0b"), &hello, NULL), 0);
    ck_assert_str_eq(hello.server_name, "");
    ck_assert_int_eq(parse_block(BLOCK("\0\0\0\10\0\6\0\0\3a\xff"
                                       "b"),
                                 &hello, NULL),
                     0);
    ck_assert_str_eq(hello.server_name, "");
}
END_TEST

Suite *suite_client_hello(void)
{
    Suite *suite = suite_create("client_hello");
    TCase *tcase = tcase_create("client_hello");
    tcase_add_test(tcase, test_captured);
    tcase_add_test(tcase, test_ja4_published);
    tcase_add_test(tcase, test_ja4_parts);
    tcase_add_test(tcase, test_ja4_alpn);
    tcase_add_test(tcase, test_bounds);
    tcase_add_test(tcase, test_extension_blocks);
    tcase_add_test(tcase, test_heads);
    tcase_add_test(tcase, test_server_name);
    suite_add_tcase(suite, tcase);
    return suite;
}
