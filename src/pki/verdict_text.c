/* Findings: their words, hints and memory. */
#include <gnutls/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"
#include "pki/verdict_impl.h"

/* What to do about each code, to whoever owns a client's certificate and to whoever runs a server. `What
 * stands so` is a command as it is typed. Each has its row in http/words.def. */
static const struct {
    const char *client, *server;
} HINTS[VERDICT_CODE_COUNT] = {
    [VERDICT_NO_CERTIFICATE] =
        {"send one: `curl --cert client.crt --key client.key URL`; a browser or a Java key store stays silent when its certificate has expired or is not yet valid, is for another purpose (extendedKeyUsage without clientAuth), comes from another issuer than those accepted, has no private key beside it or its chain up to that issuer is missing, or when its kind of key was not asked for",
         "the server has to be given a certificate"},
    [VERDICT_CHAIN_TOO_LARGE] =
        {"send only your certificate and its intermediates; count them: `grep -c BEGIN client.crt`",
         "send only the server's certificate and its intermediates"},
    [VERDICT_OUT_OF_BOUNDS] =
        {"have it issued within the bound; for keys: RSA of 2048 to 8192 bits with the exponent 65537, or P-256; look at it: `openssl x509 -in FILE -noout -text`",
         "have it issued within the bound; look at it: `openssl x509 -in FILE -noout -text`"},
    [VERDICT_MALFORMED_CERTIFICATE] =
        {"have it issued again; look at it: `openssl x509 -in client.crt -noout -text`",
         "have it issued again; look at it: `openssl x509 -in server.crt -noout -text`"},
    [VERDICT_UNREADABLE_FOR_TLS] =
        {"have it issued again as version 3 and without such alternative names (cfssl: no \"\" among its hosts); look at it: `openssl x509 -in FILE -noout -text`",
         "have it issued again; look at it: `openssl x509 -in FILE -noout -text`"},
    [VERDICT_REVOKED] = {"it was withdrawn by its issuer and stays so; ask the issuer for a new one",
                         "it was withdrawn by its issuer; install a new one"},
    [VERDICT_SELF_SIGNED] =
        {"have it signed by an accepted CA: `openssl req -new -key client.key -out client.csr`, and send client.csr to that CA",
         "have it signed by a CA, or trust it by --ca"},
    [VERDICT_INTERMEDIATE_MISSING] =
        {"send the intermediate after the certificate: `cat client.crt intermediate.crt > chain.crt; curl --cert chain.crt --key client.key URL`; Chromium leaves it out where no CA is named to it (advertise_ca = none): the operator may add it to client_ca",
         "append the intermediate to the server's certificate file"},
    [VERDICT_ISSUER_UNKNOWN] =
        {"use a certificate of an accepted issuer; who issued this one: `openssl x509 -in client.crt -noout -issuer`; the operator adds a CA with client_ca",
         "give the CA by --ca; who issued it: `openssl x509 -in server.crt -noout -issuer`"},
    [VERDICT_SIGNATURE_INVALID] =
        {"the file is damaged or belongs to another CA of the same name; compare: `openssl verify -CAfile root.crt -untrusted intermediate.crt client.crt`",
         "the file is damaged or belongs to another CA of the same name"},
    [VERDICT_CA_NOT_A_CA] = {"the issuer's own certificate lacks basicConstraints CA:TRUE; the operator of "
                             "the CA must certify it anew: openssl req -x509 -addext "
                             "basicConstraints=critical,CA:TRUE ...",
                             "the issuer's own certificate lacks basicConstraints CA:TRUE"},
    [VERDICT_WRONG_PURPOSE] =
        {"ask for a certificate with extendedKeyUsage = clientAuth; what this one is for: `openssl x509 -in client.crt -noout -purpose`",
         "ask for a certificate with extendedKeyUsage = serverAuth; what this one is for: `openssl x509 -in server.crt -noout -purpose`"},
    [VERDICT_KEY_USAGE] =
        {"what it may do: `openssl x509 -in client.crt -noout -ext keyUsage,basicConstraints`",
         "what it may do: `openssl x509 -in server.crt -noout -ext keyUsage,basicConstraints`"},
    [VERDICT_EXPIRED] =
        {"ask its issuer for a new certificate; until when one is valid: `openssl x509 -in client.crt -noout -enddate`",
         "renew it; until when one is valid: `openssl x509 -in server.crt -noout -enddate`"},
    [VERDICT_NOT_YET_VALID] =
        {"wait, or have it issued again; since when it is valid: `openssl x509 -in client.crt -noout -startdate`",
         "wait, or have it issued again: `openssl x509 -in server.crt -noout -startdate`"},
    [VERDICT_NAME_CONSTRAINT] =
        {"the issuer must not certify this name; ask another CA or for another name; the limits: `openssl x509 -in intermediate.crt -noout -ext nameConstraints`",
         "the issuer must not certify this name; the limits: `openssl x509 -in intermediate.crt -noout -ext nameConstraints`"},
    [VERDICT_PATH_LENGTH] =
        {"a CA issued below what it may; the limits: `openssl x509 -in intermediate.crt -noout -ext basicConstraints`",
         "a CA issued below what it may; the limits: `openssl x509 -in intermediate.crt -noout -ext basicConstraints`"},
    [VERDICT_CHAIN_TOO_LONG] =
        {"use a certificate that is nearer to an accepted CA, or the operator raises verify_depth",
         "use a certificate that is nearer to a trusted CA, or raise --depth"},
    [VERDICT_UNSUPPORTED_CRITICAL_EXTENSION] =
        {"have it issued without the extension, or with it not critical",
         "have it issued without the extension, or with it not critical"},
    [VERDICT_POLICY_MISSING] =
        {"have it issued under a policy that its CAs share: `openssl x509 -in FILE -noout -ext certificatePolicies,policyConstraints,policyMappings` shows them",
         "have it issued under a policy that its CAs share: `openssl x509 -in FILE -noout -ext certificatePolicies,policyConstraints,policyMappings` shows them"},
    [VERDICT_WEAK_KEY] =
        {"make a new key and have it certified: `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out client.key`",
         "make a new key and have it certified: `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out server.key`"},
    [VERDICT_WEAK_SIGNATURE] = {"have it issued again with SHA-256 (openssl x509 -req -sha256 ...)",
                                "have it issued again with SHA-256 (openssl x509 -req -sha256 ...)"},
    [VERDICT_CRL_STALE] =
        {"the operator must fetch the CRL again and reload; how old it is: `openssl crl -in root.crl -noout -lastupdate -nextupdate`",
         "fetch the CRL again: `openssl crl -in root.crl -noout -lastupdate -nextupdate`"},
    [VERDICT_CRL_MISSING] =
        {"the operator must configure a CRL of this issuer (option crl), or narrow crl_check",
         "give a CRL of this issuer by --crl"},
    [VERDICT_WRONG_HOST] =
        {"the certificate must name the host in its subject alternative name",
         "the certificate must name the host in its subject alternative name: `openssl x509 -in server.crt -noout -ext subjectAltName`"},
    [VERDICT_PATH_REFUSED] =
        {"look at the chain: `openssl crl2pkcs7 -nocrl -certfile chain.crt | openssl pkcs7 -print_certs -text -noout`",
         "look at the chain: `openssl s_client -connect HOST:PORT -showcerts`"},
    [VERDICT_CA_AS_LEAF] = {"have it issued with basicConstraints=CA:FALSE (openssl req -x509 -CA adds "
                            "CA:TRUE by itself: -addext basicConstraints=CA:FALSE)",
                            "have it issued with basicConstraints=CA:FALSE"},
    [VERDICT_KEY_USAGE_FORM] = {"have it issued with keyUsage = digitalSignature alone",
                                "have it issued with keyUsage = digitalSignature alone"},
    [VERDICT_OLD_VERSION] =
        {"have it issued with extensions: `printf '%s\\n' basicConstraints=CA:FALSE extendedKeyUsage=clientAuth >extensions.cnf; openssl x509 -req -in client.csr -CA root.crt -CAkey root.key -out client.crt -extfile extensions.cnf`",
         "have it issued with extensions: openssl x509 -req ... -extfile extensions.cnf"},
    [VERDICT_KEY_IDENTIFIER] =
        {"have it issued again with authorityKeyIdentifier = keyid in the extensions (openssl x509 -req "
         "... -extfile extensions.cnf)",
         "have it issued again with authorityKeyIdentifier = keyid in the extensions"},
    [VERDICT_CRITICAL_FLAG] =
        {"it need not be issued again; see to it the next time: `openssl x509 -in FILE -noout -text` shows what is critical",
         "see to it the next time: `openssl x509 -in FILE -noout -text`"},
    [VERDICT_SERIAL_NUMBER] =
        {"have it issued with a random serial number (openssl x509 -req without -set_serial)",
         "have it issued with a random serial number"},
    [VERDICT_DATE_FORM] = {"the tool that issued it writes dates as no other does; renew it",
                           "the tool that issued it writes dates as no other does; renew it"},
    [VERDICT_NAME_FORM] =
        {"have it issued with names that are some: DNS:host.example.org, email:user@example.org, "
         "URI:scheme://host/path, IP:192.0.2.1; a rule for the name takes the subject",
         "have it issued with names that are some"},
    [VERDICT_EMPTY_SUBJECT] = {"have it issued with a subject, or with subjectAltName = critical,...",
                               "have it issued with a subject, or with subjectAltName = critical,..."},
    [VERDICT_CERTIFICATE_FORM] = {"look at it: `openssl x509 -in client.crt -noout -text`",
                                  "look at it: `openssl x509 -in server.crt -noout -text`"},
    [VERDICT_ANCHOR_FORM] =
        {"nothing to do for the client; the operator may have the CA certified anew with the same name and key: `openssl x509 -in root.crt -signkey root.key -out new-root.crt -extfile extensions.cnf`",
         "look at it: `openssl x509 -in root.crt -noout -text`"},
    [VERDICT_WEB_RULE] = {NULL, "browsers may refuse it; have it issued again"},
    [VERDICT_POLICY_DENIED] =
        {"use a certificate that the location allows, or the operator changes its rules", NULL},
    [VERDICT_EXPIRES_SOON] = {"get a new certificate before this one ends", "renew it before it ends"},
    [VERDICT_CRL_EXPIRES_SOON] = {"the operator should fetch the CRL again", "fetch the CRL again"},
    [VERDICT_CHAIN_UNORDERED] =
        {"put the certificates in order: your own first, each followed by its issuer's",
         "put the certificates in order: the server's first, each followed by its issuer's"},
    [VERDICT_SUPERFLUOUS_CERTIFICATE] = {"leave it out: it costs bytes in every handshake",
                                         "leave it out: it costs bytes in every handshake"},
    [VERDICT_MANY_NAMES] = {"have it issued with fewer names", "have it issued with fewer names"},
    [VERDICT_NO_EKU] = {"ask for extendedKeyUsage = clientAuth the next time",
                        "ask for extendedKeyUsage = serverAuth the next time"},
};

/* What to do about a certificate above a client's: its owner cannot do it. Where there is no row, what is
 * said of the leaf is true of the others. */
#define CA_OPERATOR "the operator of the CA must "
#define CA_MAY                                                                                               \
    "nothing to do for the client; the operator of the CA may have it certified anew with the same name "    \
    "and key (mtlsd-coming-from(7) says how): `openssl x509 -in intermediate.crt -noout -text` shows it"
static const char *const ABOVE[VERDICT_CODE_COUNT] = {
    [VERDICT_OUT_OF_BOUNDS] = CA_OPERATOR
    "certify it anew within the bound; for keys: RSA of 2048 to 8192 bits with the exponent 65537, or P-256; look at it: `openssl x509 -in intermediate.crt -noout -text`",
    [VERDICT_MALFORMED_CERTIFICATE] =
        CA_OPERATOR "certify it anew; look at it: `openssl x509 -in intermediate.crt -noout -text`",
    [VERDICT_REVOKED] =
        CA_OPERATOR "get another certificate for it and issue to the clients under that one; the "
                    "revoked one stays refused",
    [VERDICT_WRONG_PURPOSE] = CA_OPERATOR
    "certify it anew with clientAuth in its extendedKeyUsage, or without that extension; what it is for: `openssl x509 -in intermediate.crt -noout -purpose`",
    [VERDICT_KEY_USAGE] = CA_OPERATOR
    "certify it anew with keyUsage = keyCertSign, cRLSign; what it may do: `openssl x509 -in intermediate.crt -noout -ext keyUsage,basicConstraints`",
    [VERDICT_EXPIRED] = CA_OPERATOR
    "renew it with the same name and key, which leaves the clients' certificates as they are; until when it is valid: `openssl x509 -in intermediate.crt -noout -enddate`",
    [VERDICT_NOT_YET_VALID] = CA_OPERATOR
    "certify it anew, or wait; since when it is valid: `openssl x509 -in intermediate.crt -noout -startdate`",
    [VERDICT_UNSUPPORTED_CRITICAL_EXTENSION] =
        CA_OPERATOR "certify it anew without the extension, or with it not critical",
    [VERDICT_WEAK_KEY] = CA_OPERATOR
    "make a new key, have it certified and issue to the clients anew with it: `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ca.key`",
    [VERDICT_WEAK_SIGNATURE] = CA_OPERATOR
    "have it issued again with SHA-256 (openssl x509 -req -sha256 ...), with the same name and key",
    [VERDICT_OLD_VERSION] = CA_OPERATOR
    "certify it anew with extensions: `printf '%s\\n' basicConstraints=critical,CA:TRUE keyUsage=critical,keyCertSign,cRLSign >extensions.cnf`, and -extfile extensions.cnf",
    [VERDICT_KEY_IDENTIFIER] = CA_MAY,
    [VERDICT_CRITICAL_FLAG] = CA_MAY,
    [VERDICT_SERIAL_NUMBER] = CA_MAY,
    [VERDICT_DATE_FORM] = CA_MAY,
    [VERDICT_NAME_FORM] = CA_MAY,
    [VERDICT_CERTIFICATE_FORM] = CA_MAY,
    [VERDICT_EXPIRES_SOON] =
        "the operator of the CA should renew it before it ends, with the same name and key",
};

const char *verify_word(enum verify_state state)
{
    static const char *const WORDS[] = {
        [VERIFY_NONE] = "NONE", [VERIFY_SUCCESS] = "SUCCESS", [VERIFY_FAILED] = "FAILED"};
    return WORDS[state];
}

static const char *hint_of(enum verdict_code code, enum verdict_purpose purpose, int depth)
{
    if (purpose != PURPOSE_CLIENT)
        return HINTS[code].server;
    return depth >= 1 && ABOVE[code] != NULL ? ABOVE[code] : HINTS[code].client;
}

PRINTF(1, 0)
static char *formatted(const char *fmt, va_list args)
{
    char *text = NULL;
    return vasprintf(&text, fmt, args) < 0 ? NULL : text;
}

char *judge_text(struct judge *judge, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = formatted(fmt, args);
    va_end(args);
    if (text == NULL)
        judge->nomem = true;
    return text;
}

static char *noted(struct judge *judge, char *text)
{
    if (text == NULL)
        judge->nomem = true;
    return text;
}

/* A chain may have hundreds of findings about a name of thousands of characters: a name that anybody reads is
 * shorter. */
enum { NAME_SHOWN = 1024 };

static char *shown_name(const char *text)
{
    static const char MORE[] = "...";
    size_t n = strnlen(text, NAME_SHOWN + 1);
    if (n <= NAME_SHOWN)
        return strdup(text);
    for (n = NAME_SHOWN; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
        ; /* not within a character of UTF-8 */
    char *shown = malloc(n + sizeof MORE);
    if (shown) {
        memcpy(shown, text, n);
        memcpy(shown + n, MORE, sizeof MORE);
    }
    return shown;
}

char *judge_name(struct judge *judge, const struct der *name)
{
    gnutls_datum_t der = {(unsigned char *)(uintptr_t)name->p, (unsigned)name->n};
    struct certname parsed;
    if (judge->written_text != NULL && der_equal(name, &judge->written))
        return noted(judge, strdup(judge->written_text));
    if (certname_init(&parsed, &der, NULL) < 0)
        return judge_hex(judge, name);
    free(judge->written_text);
    judge->written_text = shown_name(parsed.n == 0 ? "(empty name)" : parsed.text);
    judge->written = *name;
    certname_done(&parsed);
    return noted(judge, judge->written_text ? strdup(judge->written_text) : NULL);
}

char *judge_escaped(struct judge *judge, const struct der *bytes)
{
    return noted(judge, text_escaped(bytes->p, bytes->n));
}

char *judge_hex(struct judge *judge, const struct der *bytes)
{
    struct buf out;
    buf_init(&out, 0);
    text_hex(&out, bytes->p, bytes->n);
    char *text = buf_take(&out, NULL);
    buf_done(&out);
    return noted(judge, text);
}

char *judge_date(struct judge *judge, time_t t)
{
    char text[CLOCK_TEXT];
    return noted(judge, strdup(clock_rfc3339(t, text)));
}

char *judge_fingerprint(struct judge *judge, const gnutls_datum_t *der)
{
    unsigned char hash[32];
    struct der bytes = {hash, sizeof(hash)};
    return gnutls_hash_fast(GNUTLS_DIG_SHA256, der->data, der->size, hash) < 0 ? NULL
                                                                               : judge_hex(judge, &bytes);
}

static void finding_free(struct verdict_finding *finding)
{
    free(finding->reason);
    free(finding->hint);
    free(finding->command);
    free(finding->value);
    free(finding->expected);
}

void findings_done(struct findings *found)
{
    for (size_t i = 0; i < found->n_errors; i++)
        finding_free(&found->error[i]);
    for (size_t i = 0; i < found->n_warnings; i++)
        finding_free(&found->warning[i]);
    for (size_t i = 0; i < found->n_policies; i++)
        free(found->policies[i]);
    free(found->policies);
    free(found->error);
    free(found->warning);
    *found = (struct findings){0};
}

/* Bounded by the bounds on a chain. */
static struct verdict_finding *append(struct verdict_finding **list, size_t *n)
{
    struct verdict_finding *more = array_more(*list, *n, sizeof(*more));
    if (more == NULL)
        return NULL;
    *list = more;
    return &(*list)[(*n)++];
}

/* The hint without its marks, and the command between them by itself. */
static void put_hint(struct judge *judge, struct verdict_finding *f, const char *marked)
{
    const char *begin = strchr(marked, '`'), *end = begin ? strchr(begin + 1, '`') : NULL;
    if (end == NULL) {
        f->hint = noted(judge, strdup(marked));
        return;
    }
    int n = (int)(end - begin - 1);
    f->hint = judge_text(judge, "%.*s%.*s%s", (int)(begin - marked), marked, n, begin + 1, end + 1);
    f->command = judge_text(judge, "%.*s", n, begin + 1);
}

void finding_add(struct judge *judge, enum verdict_code code, int depth, char *value, const char *expected,
                 const char *fmt, ...)
{
    struct findings *found = judge->found;
    bool error = VERDICT_ROWS[code].severity[judge->trust->form] == VERDICT_ERROR;
    struct verdict_finding *f =
        error ? append(&found->error, &found->n_errors) : append(&found->warning, &found->n_warnings);
    judge->last = f;
    if (f == NULL) {
        judge->nomem = true;
        free(value);
        return;
    }
    va_list args;
    va_start(args, fmt);
    const char *hint = hint_of(code, judge->question->purpose, depth);
    *f = (struct verdict_finding){.code = code, .depth = depth, .value = value};
    f->reason = formatted(fmt, args);
    va_end(args);
    if (hint != NULL)
        put_hint(judge, f, hint);
    if (expected != NULL)
        f->expected = noted(judge, strdup(expected));
    if (f->reason == NULL)
        judge->nomem = true;
}

void finding_hint(struct judge *judge, const char *fmt, ...)
{
    if (judge->last == NULL)
        return;
    va_list args;
    va_start(args, fmt);
    char *hint = formatted(fmt, args);
    va_end(args);
    if (hint == NULL) {
        judge->nomem = true;
        return;
    }
    struct verdict_finding *f = judge->last;
    if (f->command != NULL && strstr(hint, f->command) == NULL) {
        free(f->command);
        f->command = NULL;
    }
    free(f->hint);
    f->hint = hint;
}
