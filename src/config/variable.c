#include "config/variable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define VARIABLE(id, name, identity, help) {name, help, identity},
const struct variable_row VARIABLES[] = {
#include "config/variable.def"
};
#undef VARIABLE

enum { NAME_MOST = 64 };

enum variable variable_find(const char *name, size_t len)
{
    unsigned i = 0;
    while (i < VARIABLE_COUNT &&
           (strlen(VARIABLES[i].name) != len || memcmp(VARIABLES[i].name, name, len) != 0))
        i++;
    return (enum variable)i;
}

/* Those of nginx, Apache, HAProxy and Caddy; case does not count, nor Caddy's "http.request." before them. */
static const struct {
    const char *word;
    enum variable ours;
} FOREIGN[] = {
    {"ssl_client_verify", VARIABLE_VERIFY},
    {"ssl_client_s_dn", VARIABLE_SUBJECT},
    {"ssl_client_s_dn_legacy", VARIABLE_SUBJECT},
    {"ssl_client_s_dn_cn", VARIABLE_SUBJECT_CN},
    {"ssl_client_s_dn_o", VARIABLE_SUBJECT_O},
    {"ssl_client_s_dn_ou", VARIABLE_SUBJECT_OU},
    {"ssl_client_s_dn_email", VARIABLE_SUBJECT_EMAIL},
    {"ssl_client_san_email_0", VARIABLE_SAN_EMAIL},
    {"ssl_client_san_dns_0", VARIABLE_SAN_DNS},
    {"ssl_client_i_dn", VARIABLE_ISSUER},
    {"ssl_client_i_dn_legacy", VARIABLE_ISSUER},
    {"ssl_client_i_dn_cn", VARIABLE_ISSUER_CN},
    {"ssl_client_serial", VARIABLE_SERIAL},
    {"ssl_client_m_serial", VARIABLE_SERIAL},
    {"ssl_client_fingerprint", VARIABLE_FINGERPRINT},
    {"ssl_client_cert", VARIABLE_CERTIFICATE},
    {"ssl_client_raw_cert", VARIABLE_CERTIFICATE},
    {"ssl_client_escaped_cert", VARIABLE_CERTIFICATE},
    {"ssl_client_v_start", VARIABLE_NOT_BEFORE},
    {"ssl_client_v_end", VARIABLE_NOT_AFTER},
    {"ssl_client_v_remain", VARIABLE_DAYS_REMAINING},
    {"ssl_protocol", VARIABLE_TLS_VERSION},
    {"ssl_cipher", VARIABLE_TLS_CIPHER},
    {"ssl_curve", VARIABLE_TLS_GROUP},
    {"ssl_alpn_protocol", VARIABLE_TLS_ALPN},
    {"ssl_server_name", VARIABLE_TLS_SERVER_NAME},
    {"ssl_tls_sni", VARIABLE_TLS_SERVER_NAME},
    {"ssl_session_reused", VARIABLE_TLS_RESUMED},
    {"ssl_c_verify", VARIABLE_VERIFY},
    {"ssl_c_s_dn", VARIABLE_SUBJECT},
    {"ssl_c_i_dn", VARIABLE_ISSUER},
    {"ssl_c_serial", VARIABLE_SERIAL},
    {"ssl_c_sha1", VARIABLE_FINGERPRINT},
    {"ssl_c_der", VARIABLE_CERTIFICATE},
    {"tls.client.subject", VARIABLE_SUBJECT},
    {"tls.client.issuer", VARIABLE_ISSUER},
    {"tls.client.serial", VARIABLE_SERIAL},
    {"tls.client.fingerprint", VARIABLE_FINGERPRINT},
    {"tls.client.certificate_pem", VARIABLE_CERTIFICATE},
    {"tls.client.certificate_der_base64", VARIABLE_CERTIFICATE},
    {"tls.client.san.dns_names", VARIABLE_SAN_DNS},
    {"tls.client.san.emails", VARIABLE_SAN_EMAIL},
    {"tls_client_subject", VARIABLE_SUBJECT},
    {"tls_client_issuer", VARIABLE_ISSUER},
    {"tls_client_serial", VARIABLE_SERIAL},
    {"tls_client_fingerprint", VARIABLE_FINGERPRINT},
    {"tls_client_certificate_pem", VARIABLE_CERTIFICATE},
    {"tls_version", VARIABLE_TLS_VERSION},
    {"tls_cipher", VARIABLE_TLS_CIPHER},
    {"subject.common_name", VARIABLE_SUBJECT_CN},
    {"subject_cn", VARIABLE_SUBJECT_CN},
    {"common_name", VARIABLE_SUBJECT_CN},
    {"cn", VARIABLE_SUBJECT_CN},
    {"subject.organization", VARIABLE_SUBJECT_O},
    {"subject.email", VARIABLE_SUBJECT_EMAIL},
    {"issuer.common_name", VARIABLE_ISSUER_CN},
    {"email", VARIABLE_SAN_EMAIL},
    {"remote_addr", VARIABLE_REMOTE},
    {"remote_host", VARIABLE_REMOTE},
    {"remote_ip", VARIABLE_REMOTE},
    {"remote.host", VARIABLE_REMOTE},
    {"client_ip", VARIABLE_REMOTE},
    {"src", VARIABLE_REMOTE},
    {"request_uri", VARIABLE_URI},
    {"uri.path", VARIABLE_PATH},
    {"uri.query", VARIABLE_QUERY},
    {"request_method", VARIABLE_METHOD},
    {"http_host", VARIABLE_HOST},
    {"hostport", VARIABLE_HOST},
    {"document_uri", VARIABLE_PATH},
    {"args", VARIABLE_QUERY},
    {"query_string", VARIABLE_QUERY},
};

const char *variable_near(const char *name)
{
    static const char CADDY[] = "http.request.";
    const char *bare = strncmp(name, CADDY, strlen(CADDY)) == 0 ? name + strlen(CADDY) : name;
    for (size_t i = 0; i < ARRAY_LEN(FOREIGN); i++) {
        if (text_equal_nocase(bare, FOREIGN[i].word))
            return VARIABLES[FOREIGN[i].ours].name;
    }
    if (bare != name && variable_find(bare, strlen(bare)) != VARIABLE_COUNT)
        return bare;
    const char *words[VARIABLE_COUNT];
    for (size_t i = 0; i < VARIABLE_COUNT; i++)
        words[i] = VARIABLES[i].name;
    return text_nearest(name, words, VARIABLE_COUNT);
}

static bool in_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static int unknown(const char *name, size_t len, struct err *err)
{
    char text[NAME_MOST];
    snprintf(text, sizeof text, "%.*s", len < sizeof text ? (int)len : (int)sizeof text - 1, name);
    char *shown = text_escaped(text, strlen(text));
    const char *near = variable_near(text);
    int rc = err_set(err, ERR_SYNTAX, "there is no variable '%s'%s%s%s `mtlsd variables` lists all",
                     shown ? shown : "", near ? ": did you mean '" : "", near ? near : "", near ? "'?" : ":");
    free(shown);
    return rc;
}

/* The variable whose name stands behind the '$' at `p`; *end is what follows it. */
static int variable_at(const char *p, const char **end, enum variable *out, struct err *err)
{
    const bool braces = p[1] == '{';
    const char *name = p + 1 + braces, *close = name;
    while (braces ? *close && *close != '}' : in_name(*close))
        close++;
    if (braces && !*close)
        return err_set(err, ERR_SYNTAX, "'${' needs a '}': write ${NAME}, or $${ for these two characters");
    if (close == name)
        return err_set(err, ERR_SYNTAX,
                       "a variable's name is missing behind '$': write ${NAME}, or $$ for "
                       "the character itself");
    *out = variable_find(name, (size_t)(close - name));
    if (*out == VARIABLE_COUNT)
        return unknown(name, (size_t)(close - name), err);
    *end = close + braces;
    return 0;
}

static void add(struct template *t, enum variable variable, const char *text, size_t len)
{
    struct template_part *last = t->n > 0 ? &t->part[t->n - 1] : NULL;
    if (variable == VARIABLE_COUNT && last && last->variable == VARIABLE_COUNT &&
        last->text + last->len == text)
        last->len += len;
    else
        t->part[t->n++] = (struct template_part){variable, text, len};
}

const char *variable_of_others(const char *text)
{
    /* Caddy's in braces, HAProxy's behind a percent sign. */
    static const char *const BEGINS[] = {"{http.", "{tls_", "{remote_host", "{client_ip", "%[ssl_", "%[src"};
    for (size_t i = 0; i < ARRAY_LEN(BEGINS); i++) {
        const char *at = strstr(text, BEGINS[i]);
        char name[NAME_MOST];
        if (!at || (at > text && at[-1] == '$'))
            continue;
        at += at[0] == '%' ? 2 : 1;
        const size_t len = strcspn(at, "}],");
        snprintf(name, sizeof name, "%.*s", len < sizeof name ? (int)len : 0, at);
        const char *near = variable_near(name);
        return near ? near : "NAME";
    }
    return NULL;
}

int template_init(struct template *out, const char *text, struct err *err)
{
    const size_t most = strlen(text) + 1;
    struct template t = {.text = malloc(most), .part = calloc(most, sizeof *t.part)};
    int rc = t.text && t.part ? 0 : err_nomem(err);
    char *to = t.text;
    while (rc == 0 && *text) {
        enum variable variable = VARIABLE_COUNT;
        if (*text == '$' && text[1] != '$') {
            rc = variable_at(text, &text, &variable, err);
            if (rc == 0)
                add(&t, variable, to, 0);
            continue;
        }
        text += *text == '$';
        *to = *text++;
        add(&t, VARIABLE_COUNT, to++, 1);
    }
    if (rc != 0) {
        template_done(&t);
        return rc;
    }
    *to = '\0';
    *out = t;
    return 0;
}

void template_done(struct template *template)
{
    free(template->text);
    free(template->part);
    *template = (struct template){0};
}
