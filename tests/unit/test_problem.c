#include <gnutls/crypto.h>
#include <string.h>

#include "http/accept.h"
#include "http/problem.h"
#include "http/status.h"
#include "http/view.h"
#include "http/words.h"
#include "http_fixture.h"
#include "suites.h"
#include "verdict_fixture.h"

#define AT(json, path, expected) ck_assert_str_eq(fixture_at(json, path), expected)

#define BROWSER "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"

START_TEST(test_accept)
{
    static const struct {
        const char *field;
        bool html;
    } ROWS[] = {
        {NULL, false},
        {"", false},
        {"*/*", false},
        {BROWSER, true},
        {"text/html", true},
        {"TEXT/HTML", true},
        {"text/*", true},
        {"text/*;q=0.5, */*;q=0.1", true},
        {"text/html;q=0", false},
        {"text/html;q=0, */*", false},
        {"text/html, application/json", false},
        {"text/html;q=0.9, application/json;q=0.8", true},
        {"text/html;q=0.8, application/json;q=0.9", false},
        {"text/html;q=0.8, application/problem+json", false},
        {"text/html ; q=0.001, application/json; q=0.000", true},
        {"text/html;q=1.000,*/*;q=0.999", true},
        {"text/html;q=1.001,*/*;q=0.1", false},
        {"text/html;q=2,*/*;q=0.1", false},
        {"text/html;q=,*/*;q=0.1", false},
        {"text/html;q=0.0001,*/*;q=0", false},
        {"text/html;level=1;q=0.9, */*;q=0.1", true},
        {"text/html;a=\"x, application/json\";q=0.9, */*;q=0.1", true},
        {"text/html;a=\"x\\\";q=0\";q=0.9, */*;q=0.1", true},
        {"text/html;a=\"open, */*;q=0.1", false},
        {";;;,,, , text/html", true},
        {"text/html/x, */*", false},
        {"texthtml", false},
        {"application/json, text/plain, */*", false},
        {"image/*", false},
        {"text/htmlx, */*;q=0", false},
        {"\xff\xfe, text/html", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++)
        ck_assert_msg(accept_prefers_html(ROWS[i].field) == ROWS[i].html, "%s", ROWS[i].field);
    ck_assert_uint_eq(accept_quality("text/*;q=0.25, */*;q=0.5", "text/html"), 250);
    ck_assert_uint_eq(accept_quality("text/*;q=0.25, */*;q=0.5", "image/png"), 500);
    ck_assert_uint_eq(accept_quality("text/plain", "image/png"), 0);
}
END_TEST

START_TEST(test_language)
{
    static const struct {
        const char *field;
        bool chinese;
    } ROWS[] = {
        {NULL, false},
        {"", false},
        {"en", false},
        {"zh", true},
        {"ZH-CN, en;q=0.9", true},
        {"zh-Hant-TW", true},
        {"en-GB,en;q=0.9,zh;q=0.8", false},
        {"en;q=0.5, zh;q=0.6", true},
        {"en, zh", false},
        {"zh, en", true},
        {"fr, de;q=0.9", false},
        {"fr, zh;q=0.1", true},
        {"*", false},
        {"zh;q=0, en;q=0.1", false},
        {"zh;q=0", false},
        {"zhx, en", false},
        {"zh;q=2, en;q=0.1", false},
        {";;,, zh", true},
        {"\xff\xfe, zh", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++)
        ck_assert_msg(accept_chinese(ROWS[i].field) == ROWS[i].chinese, "%s", ROWS[i].field);
}
END_TEST

START_TEST(test_plain_problem)
{
    struct fixture f;
    fixture_init(&f);
    fixture_path(&f, "/nothing?token=secret");
    problem_reply(&f.request, 404, NULL, &f.reply);
    ck_assert_uint_eq(f.reply.status, 404);
    ck_assert_str_eq(f.reply.content_type, "application/problem+json");
    ck_assert_str_eq(fixture_reply_header(&f, "Cache-Control"), "no-store");
    ck_assert_ptr_nonnull(fixture_reply_header(&f, "Content-Security-Policy"));
    json_t *json = fixture_reply_json(&f);
    AT(json, "type", "about:blank");
    AT(json, "title", "Not Found");
    AT(json, "status", "404");
    AT(json, "detail", "There is nothing at this address.");
    AT(json, "instance", "/nothing");
    ck_assert_uint_eq(json_object_size(json), 5);
    json_decref(json);

    problem_reply(&f.request, 599, "words of its own", &f.reply);
    json = fixture_reply_json(&f);
    AT(json, "title", "Server Error");
    AT(json, "detail", "words of its own");
    json_decref(json);
    ck_assert_str_eq(status_phrase(308), "Permanent Redirect");
    ck_assert_str_eq(status_phrase(421), "Misdirected Request");
    ck_assert_str_eq(status_phrase(418), "Client Error");
    ck_assert_str_eq(status_phrase(99), "Unknown");
    ck_assert_str_eq(status_phrase(600), "Unknown");
    fixture_done(&f);
}
END_TEST

static void refuse(struct fixture *f, const struct policy_decision *decision)
{
    f->request.decision = decision;
    reply_done(&f->reply);
    problem_reply(&f->request, 403, NULL, &f->reply);
    ck_assert_uint_eq(f->reply.status, 403);
}

START_TEST(test_no_certificate)
{
    struct fixture f;
    fixture_init(&f);
    struct conf_location location = {.prefix = (char[]){"/secure/"}};
    struct policy_decision decision = {.outcome = POLICY_NO_CERTIFICATE, .location = &location};
    refuse(&f, &decision);
    json_t *json = fixture_reply_json(&f);
    AT(json, "detail", "A client certificate is needed here, and none was presented.");
    AT(json, "errors.0.code", "no_certificate");
    AT(json, "errors.0.reason", "none came");
    AT(json, "location", "/secure/");
    AT(json, "rule", "null");
    AT(json, "requested", "true");
    AT(json, "accepted_issuers", "[\"CN=Test CA\",\"CN=Other CA\"]");
    ck_assert_ptr_nonnull(strstr(fixture_at(json, "hint"), "empty list"));
    ck_assert_ptr_nonnull(strstr(fixture_at(json, "hint"), "authorities below"));
    static const char *const WHY[] = {"expired",     "not yet valid", "without clientAuth",
                                      "private key", "kind of key",   "not below",
                                      "its chain",   "cancelled",     "Java key store"};
    for (size_t i = 0; i < sizeof WHY / sizeof *WHY; i++)
        ck_assert_msg(strstr(fixture_at(json, "hint"), WHY[i]) != NULL, "%s is not among the reasons",
                      WHY[i]);
    json_decref(json);

    /* Asked without names; in a resumed session; not asked at all. */
    f.request.n_advertised = 0;
    refuse(&f, &decision);
    json = fixture_reply_json(&f);
    ck_assert_ptr_nonnull(strstr(fixture_at(json, "hint"), "from any authority"));
    json_decref(json);
    f.tls.resumed = true;
    refuse(&f, &decision);
    json = fixture_reply_json(&f);
    ck_assert_ptr_nonnull(strstr(fixture_at(json, "hint"), "earlier TLS session"));
    json_decref(json);
    f.request.cert_requested = false;
    f.request.client_auth = CLIENT_AUTH_OFF;
    f.request.peer = NULL;
    f.request.client_auth = CLIENT_AUTH_OFF;
    refuse(&f, &decision);
    json = fixture_reply_json(&f);
    ck_assert_ptr_nonnull(strstr(fixture_at(json, "hint"), "never asks"));
    AT(json, "errors.0.code", "no_certificate");
    json_decref(json);
    fixture_done(&f);
}
END_TEST

START_TEST(test_not_verified)
{
    struct fixture f;
    fixture_init(&f);
    fixture_present(&f, VERIFY_FAILED);
    struct policy_decision decision = {.outcome = POLICY_NOT_VERIFIED};
    refuse(&f, &decision);
    json_t *json = fixture_reply_json(&f);
    AT(json, "errors.0.code", "expired");
    AT(json, "errors.0.hint", "renew it");
    AT(json, "warnings.0.code", "expires_soon");
    AT(json, "hint", "null");
    AT(json, "location", "null");
    json_decref(json);

    f.conf.error_detail = ERROR_DETAIL_CODE;
    refuse(&f, &decision);
    json = fixture_reply_json(&f);
    AT(json, "errors.0.code", "expired");
    AT(json, "errors.0.reason", "null");
    ck_assert_ptr_null(json_object_get(json, "accepted_issuers"));
    ck_assert_ptr_null(json_object_get(json, "warnings"));
    json_decref(json);

    f.conf.error_detail = ERROR_DETAIL_NONE;
    refuse(&f, &decision);
    json = fixture_reply_json(&f);
    AT(json, "detail", "Access is denied.");
    ck_assert_uint_eq(json_object_size(json), 5);
    json_decref(json);
    fixture_done(&f);
}
END_TEST

START_TEST(test_policy_denied)
{
    struct fixture f;
    fixture_init(&f);
    fixture_present(&f, VERIFY_SUCCESS);
    struct conf_text allow[] = {{.text = (char[]){"subject:CN=bob"}}, {.text = (char[]){"serial:0b"}}};
    struct conf_location location = {.prefix = (char[]){"/team/"}, .allow = {allow, 2}};
    struct policy_decision decision = {.outcome = POLICY_DENIED, .location = &location};
    refuse(&f, &decision);
    json_t *json = fixture_reply_json(&f);
    AT(json, "errors.0.code", "policy_denied");
    AT(json, "errors.0.depth", "0");
    AT(json, "errors.0.value", "CN=alice");
    AT(json, "errors.0.expected", "subject:CN=bob | serial:0b");
    AT(json, "rule", "null");
    json_decref(json);

    decision.rule = "serial:0a";
    refuse(&f, &decision);
    json = fixture_reply_json(&f);
    AT(json, "errors.0.reason", "a deny rule of the location matches");
    AT(json, "errors.0.expected", "null");
    AT(json, "rule", "serial:0a");
    json_decref(json);

    f.conf.error_detail = ERROR_DETAIL_CODE;
    refuse(&f, &decision);
    json = fixture_reply_json(&f);
    AT(json, "errors.0.code", "policy_denied");
    AT(json, "errors.0.value", "null");
    ck_assert_ptr_null(json_object_get(json, "rule"));
    json_decref(json);
    fixture_done(&f);
}
END_TEST

/* client_ca of the location: whom it takes, and whose this one is. */
START_TEST(test_other_ca)
{
    struct fixture f;
    fixture_init(&f);
    struct anchor_id a = {.subject = (char[]){"CN=A"}}, b = {.subject = (char[]){"CN=B"}},
                     c = {.subject = (char[]){"CN=C"}};
    struct anchor_id *wanted[] = {&a, &b};
    const struct anchor_set set = {.id = wanted, .n = 2};
    struct conf_location location = {.prefix = (char[]){"/team/"}};
    struct policy_decision decision = {.outcome = POLICY_OTHER_CA, .location = &location, .client_ca = &set};
    fixture_present(&f, VERIFY_SUCCESS);
    f.peer.anchor = &c;
    refuse(&f, &decision);
    json_t *json = fixture_reply_json(&f);
    AT(json, "errors.0.code", "policy_denied");
    AT(json, "errors.0.value", "CN=C");
    AT(json, "errors.0.expected", "CN=A | CN=B");
    ck_assert_ptr_nonnull(strstr(fixture_at(json, "errors.0.reason"), "not in client_ca of the location"));
    ck_assert_ptr_nonnull(strstr(fixture_at(json, "detail"), "other authorities"));
    AT(json, "rule", "null");
    json_decref(json);

    f.conf.error_detail = ERROR_DETAIL_CODE;
    refuse(&f, &decision);
    json = fixture_reply_json(&f);
    AT(json, "errors.0.code", "policy_denied");
    AT(json, "errors.0.expected", "null");
    json_decref(json);

    f.conf.error_detail = ERROR_DETAIL_FULL;
    decision.outcome = POLICY_NO_CERTIFICATE;
    f.request.peer = NULL;
    refuse(&f, &decision);
    json = fixture_reply_json(&f);
    AT(json, "errors.0.code", "no_certificate");
    AT(json, "errors.0.expected", "CN=A | CN=B");
    json_decref(json);
    fixture_done(&f);
}
END_TEST

static void check_has(const char *page, const char *text)
{
    ck_assert_msg(strstr(page, text) != NULL, "there is no %s in %s", text, page);
}

static void check_lacks(const char *page, const char *text)
{
    ck_assert_msg(strstr(page, text) == NULL, "there is %s in %s", text, page);
}

/* Everything that came from outside is escaped, and nothing is inline that the policy of content would
 * forbid. */
START_TEST(test_page)
{
    struct fixture f;
    fixture_init(&f);
    fixture_present(&f, VERIFY_FAILED);
    fixture_header(&f, "Accept", BROWSER);
    char hostile[] = "<script>alert('x')</script>\"&";
    f.error.reason = f.error.hint = f.error.value = f.error.expected = hostile;
    f.leaf.subject.text = f.advertised[0].text = hostile;
    struct conf_location location = {.prefix = (char[]){"/secure/"}};
    struct policy_decision decision = {
        .outcome = POLICY_NOT_VERIFIED, .location = &location, .rule = hostile};
    refuse(&f, &decision);
    ck_assert_str_eq(f.reply.content_type, "text/html; charset=utf-8");
    const char *page = f.reply.body.data;
    check_has(page, "<!DOCTYPE html>");
    check_has(page, "<html lang=\"en\">");
    check_has(page, "<title>403 Forbidden</title>");
    check_has(page, "<h1>403 Forbidden</h1>");
    check_has(page, "<p><b>Expired</b> <code>expired</code>: ");
    check_has(page, "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;");
    check_lacks(page, "<script");
    check_lacks(strstr(page, "</style>"), "<style"); /* but for its own */
    check_lacks(page, "style=");
    check_lacks(page, "onload");

    /* A deny rule's finding: subject as value. */
    fixture_present(&f, VERIFY_SUCCESS);
    decision.outcome = POLICY_DENIED;
    refuse(&f, &decision);
    check_has(f.reply.body.data, "policy_denied");
    check_lacks(f.reply.body.data, "<script");
    f.leaf.subject.text = (char[]){""};
    refuse(&f, &decision);
    check_has(f.reply.body.data, "<dd>alice.example.org</dd>"); /* the first of its names names it */

    /* What is to be typed is code, within the hint. */
    fixture_present(&f, VERIFY_FAILED);
    decision.outcome = POLICY_NOT_VERIFIED;
    f.error.hint = (char[]){"renew it & see: openssl x509 -in <it> -noout; then ask"};
    f.error.command = (char[]){"openssl x509 -in <it> -noout"};
    refuse(&f, &decision);
    check_has(f.reply.body.data,
              "<p>renew it &amp; see: <code>openssl x509 -in &lt;it&gt; -noout</code>; then ask</p>");
    fixture_done(&f);
}
END_TEST

START_TEST(test_picker_page)
{
    struct fixture f;
    fixture_init(&f);
    fixture_header(&f, "Accept", BROWSER);
    struct policy_decision decision = {.outcome = POLICY_NO_CERTIFICATE};
    refuse(&f, &decision);
    check_has(f.reply.body.data, "If no certificate picker appeared");
    check_has(f.reply.body.data, "<li>CN=Test CA</li>");
    check_has(f.reply.body.data, "empty list");
    check_lacks(f.reply.body.data, "href=\"/\""); /* no files, no start page */
    f.request.document_root = 0;
    f.error.hint = (char[]){"send one: do it; a browser stays silent when"};
    f.error.command = (char[]){"do it"};
    refuse(&f, &decision);
    check_has(f.reply.body.data, "<p>send one: <code>do it</code></p>"); /* the picker's part says why */
    check_has(f.reply.body.data, "<a href=\"/\">To the start page</a>");
    fixture_path(&f, "/");
    refuse(&f, &decision);
    check_lacks(f.reply.body.data, "start page");
    f.conf.error_detail = ERROR_DETAIL_NONE;
    refuse(&f, &decision);
    check_lacks(f.reply.body.data, "picker");
    check_lacks(f.reply.body.data, "CN=Test CA");
    check_lacks(f.reply.body.data, "no_certificate");
    fixture_done(&f);
}
END_TEST

START_TEST(test_instance_escaped)
{
    struct fixture f;
    fixture_init(&f);
    fixture_path(&f, "/a\xff\x01<b>");
    problem_reply(&f.request, 400, NULL, &f.reply);
    json_t *json = fixture_reply_json(&f);
    AT(json, "instance", "/a\\FF\\01<b>");
    json_decref(json);
    fixture_done(&f);
}
END_TEST

/* The style is in the page, and its hash, as anybody computes it, in the policy. */
START_TEST(test_style)
{
    struct fixture f;
    fixture_init(&f);
    fixture_header(&f, "Accept", "text/html");
    problem_reply(&f.request, 404, NULL, &f.reply);
    buf_putc(&f.reply.body, '\0');
    const char *begin = strstr(f.reply.body.data, "<style>"), *end = strstr(f.reply.body.data, "</style>");
    ck_assert(begin != NULL && end != NULL);
    begin += strlen("<style>");
    unsigned char hash[32];
    gnutls_datum_t raw = {hash, sizeof hash}, text;
    ck_assert_int_eq(gnutls_hash_fast(GNUTLS_DIG_SHA256, begin, (size_t)(end - begin), hash), 0);
    ck_assert_int_eq(gnutls_base64_encode2(&raw, &text), 0);
    char expected[128];
    snprintf(expected, sizeof expected, "style-src 'sha256-%.*s';", (int)text.size, text.data);
    gnutls_free(text.data);
    const char *policy = fixture_reply_header(&f, "Content-Security-Policy");
    ck_assert_msg(policy && strstr(policy, expected), "%s is not in %s", expected, policy);
    ck_assert_ptr_nonnull(strstr(policy, "default-src 'none'"));
    ck_assert_ptr_null(strstr(f.reply.body.data, "href=\"/"));
    fixture_done(&f);
}
END_TEST

/* ---- every code, in both languages -----------------------------------------------------------------------
 */

static bool has_han(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p >= 0xe4 && *p <= 0xe9)
            return true;
    }
    return false;
}

/* As a page has it. */
static void check_escaped(const char *page, const char *text, size_t n)
{
    struct buf out;
    buf_init(&out, 0);
    for (size_t i = 0; i < n; i++) {
        const char *as = text[i] == '&'    ? "&amp;"
                         : text[i] == '<'  ? "&lt;"
                         : text[i] == '>'  ? "&gt;"
                         : text[i] == '"'  ? "&quot;"
                         : text[i] == '\'' ? "&#39;"
                                           : NULL;
        if (as)
            buf_puts(&out, as);
        else
            buf_putc(&out, text[i]);
    }
    buf_putc(&out, '\0');
    check_has(page, out.data);
    buf_done(&out);
}

static void check_finding(const char *name, const json_t *finding, bool chinese, bool error, const char *page)
{
    static const char *const KEYS[] = {"title", "reason", "hint"};
    const char *code = json_string_value(json_object_get(finding, "code"));
    for (size_t k = 0; k < ARRAY_LEN(KEYS); k++) {
        const char *text = json_string_value(json_object_get(finding, KEYS[k]));
        if (!text && !error && k == 2)
            continue; /* not every warning asks for something */
        ck_assert_msg(text && *text, "%s: %s: no %s", name, code, KEYS[k]);
        ck_assert_msg(has_han(text) == chinese, "%s: %s: %s: %s", name, code, KEYS[k], text);
        const char *command = json_string_value(json_object_get(finding, "command"));
        const char *at = k == 2 && command ? strstr(text, command) : NULL;
        ck_assert_msg(k != 2 || !command || at, "%s: %s: the hint lacks its command", name, code);
        check_escaped(page, text, at ? (size_t)(at - text) : strlen(text));
        if (at && strcmp(code, "no_certificate") != 0) /* of that the picker's part says why */
            check_escaped(page, at + strlen(command), strlen(at + strlen(command)));
    }
    char marked[80];
    snprintf(marked, sizeof marked, "<code>%s</code>", code);
    check_has(page, marked);
}

/* The JSON of a problem, its page, and what www/ draws: the same title, reason and hint for each code that a
 * chain can cause. That all other texts have their Chinese, words.test finds in the sources. */
START_TEST(each_code_in_both_languages)
{
    struct trust *trust[2] = {root_trust(&DEFAULTS, false), root_trust(&DEFAULTS, true)};
    for (size_t i = 0; i < 2 * world.n_cases; i++) {
        const struct mk_case *c = &world.cases[i / 2];
        const bool chinese = i % 2;
        struct peer *peer = judge(trust[c->with_crl], c->chain, c->n_chain, NOW);
        struct policy_decision decision = {.outcome =
                                               c->n_chain ? POLICY_NOT_VERIFIED : POLICY_NO_CERTIFICATE};
        struct fixture f;
        fixture_init(&f);
        f.request.peer = peer;
        fixture_header(&f, "Accept-Language", chinese ? "zh-CN" : "en");
        refuse(&f, &decision);
        json_t *said = fixture_reply_json(&f);
        json_t *drawn =
            words_view(chinese ? LANGUAGE_CHINESE : LANGUAGE_ENGLISH, view_request_peer(&f.request));
        fixture_header(&f, "Accept", BROWSER);
        refuse(&f, &decision);
        buf_putc(&f.reply.body, '\0');
        static const char *const LISTS[] = {"errors", "warnings"};
        for (size_t k = 0; k < ARRAY_LEN(LISTS); k++) {
            const json_t *list = json_object_get(said, LISTS[k]);
            ck_assert_msg(json_equal(list, json_object_get(drawn, LISTS[k])), "%s: %s differ", c->name,
                          LISTS[k]);
            ck_assert_uint_eq(json_array_size(list), k == 0 ? peer->n_errors : peer->n_warnings);
            for (size_t n = 0; n < json_array_size(list); n++)
                check_finding(c->name, json_array_get(list, n), chinese, k == 0, f.reply.body.data);
        }
        json_decref(said);
        json_decref(drawn);
        fixture_done(&f);
        peer_unref(peer);
    }
    trust_unref(trust[0]);
    trust_unref(trust[1]);
    for (int code = 0; code < VERDICT_CODE_COUNT; code++) {
        char *title = words_say(LANGUAGE_CHINESE, VERDICT_ROWS[code].title);
        ck_assert_msg(title && has_han(title), "%s: no title in Chinese", VERDICT_ROWS[code].code);
        free(title);
    }
}
END_TEST

Suite *suite_problem(void)
{
    Suite *suite = suite_create("problem");
    TCase *tcase = tcase_create("problem");
    tcase_add_test(tcase, test_accept);
    tcase_add_test(tcase, test_language);
    tcase_add_test(tcase, test_plain_problem);
    tcase_add_test(tcase, test_style);
    tcase_add_test(tcase, test_no_certificate);
    tcase_add_test(tcase, test_not_verified);
    tcase_add_test(tcase, test_policy_denied);
    tcase_add_test(tcase, test_other_ca);
    tcase_add_test(tcase, test_page);
    tcase_add_test(tcase, test_picker_page);
    tcase_add_test(tcase, test_instance_escaped);
    suite_add_tcase(suite, tcase);
    TCase *codes = tcase_create("codes");
    tcase_add_unchecked_fixture(codes, verdict_world_init, verdict_world_done);
    tcase_add_test(codes, each_code_in_both_languages);
    suite_add_tcase(suite, codes);
    return suite;
}
