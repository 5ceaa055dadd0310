/* The lab's own configuration and the script that tries every client against it. */
#include <string.h>

#include "config/conf.h"
#include "pki/lab_impl.h"

static void put_listener(struct buf *out, const char *name, unsigned port, const char *mode,
                         const char *about)
{
    buf_printf(out,
               "\n# %s\n"
               "listen \"%s\" {\n"
               "    address     = \"[::]:%u\"\n"
               "    certificate = { \"server.crt\", \"server.key\" }\n"
               "    client_auth = %s\n",
               about, name, port, mode);
    if (strcmp(mode, "off") != 0)
        buf_puts(out, "    client_ca   = { \"root.crt\" }\n"
                      "    crl         = { \"root.crl\", \"intermediate.crl\" }\n");
    buf_puts(out, "}\n");
}

void lab_conf(struct buf *out, const struct lab_options *options)
{
    buf_puts(out, "# A practice server with three ways to ask for client certificates. Names of files are "
                  "relative to this folder.\n"
                  "# `mtlsd options` lists every option.\n");
    if (options->document_root) {
        buf_puts(out, "document_root = ");
        conf_put_quoted(out, options->document_root);
        buf_puts(out, "\n");
    } else {
        buf_puts(
            out,
            "# document_root = \"/usr/share/mtlsd/www\" # the page for browsers: without it / is 404, and "
            "only /api answers (in the source: www)\n");
    }
    if (options->pid_file)
        buf_puts(out, "pid_file = \"mtlsd.pid\"\n");
    buf_puts(out, "verify_route = on # the page has a box for a certificate that a browser holds back\n");
    put_listener(out, "public", 8443, "request",
                 "Asks for a certificate, serves everybody, and tells what is wrong with a bad one.");
    put_listener(out, "strict", 8444, "require",
                 "Mutual TLS: the handshake fails without a good certificate.");
    put_listener(out, "plain", 8445, "off", "One-way TLS: clients are not asked.");
    if (!options->application)
        buf_puts(out, "\n# Only for clients that were verified, whatever the listener asks for.\n"
                      "location \"/secure/\" {\n"
                      "    client_cert = verified\n"
                      "    # Who of them, if not all:\n"
                      "    # allow = { \"subject:CN=alice,*\", \"san.email:*@example.org\" }\n"
                      "}\n");
    buf_puts(out, "\n# The last refusals, for the good client's eyes.\n"
                  "location \"/api/rejections\" {\n"
                  "    client_cert = verified\n"
                  "    allow       = { \"subject:CN=alice,*\" }\n"
                  "}\n");
}

void lab_weak_keys(struct buf *out)
{
    buf_puts(out, "# OpenSSL refuses to load a key as weak as that of client-weak.crt, even on the client's "
                  "side. With\n"
                  "# OPENSSL_CONF=weak-keys.cnf in the environment, curl and openssl try it and see what the "
                  "server says.\n"
                  "openssl_conf = openssl_init\n"
                  "[openssl_init]\n"
                  "ssl_conf = ssl\n"
                  "[ssl]\n"
                  "system_default = defaults\n"
                  "[defaults]\n"
                  "CipherString = DEFAULT@SECLEVEL=0\n");
}

static const char SCRIPT_HEAD[] =
    "#!/bin/sh\n"
    "# Tries every client of this practice PKI against a server that runs with mtlsd.conf from this folder. "
    "Each line says\n"
    "# what it expects and what came. HOST, PUBLIC, STRICT and PLAIN (ports) may be set in the environment.\n"
    "# The .p12 files hold the same pairs for browsers; their password is \"" LAB_PASSWORD "\".\n"
    "CDPATH='' cd -- \"$(dirname -- \"$0\")\" || exit 1\n"
    "host=${HOST:-localhost} public=${PUBLIC:-8443} strict=${STRICT:-8444} plain=${PLAIN:-8445}\n"
    "OPENSSL_CONF=weak-keys.cnf\n"
    "export OPENSSL_CONF\n"
    "bad=0\n"
    "\n"
    "# try WHAT EXPECTED CURL-ARGUMENT...: EXPECTED is a status with the verdict, or the alert of a refused "
    "handshake.\n"
    "try() {\n"
    "    what=$1 expected=$2\n"
    "    shift 2\n"
    "    out=$(curl -q -sS --noproxy '*' --max-time 20 --cacert root.crt -w '\\n%{http_code}' \"$@\" 2>&1)\n"
    "    status=$(printf '%s\\n' \"$out\" | tail -n 1)\n"
    "    if [ \"$status\" = 000 ]; then\n"
    "        came=$(printf '%s\\n' \"$out\" | sed -n 's/.*\\(alert [a-z ]*[a-z]\\).*/\\1/p' | head -n 1)\n"
    "    else\n"
    "        verify=$(printf '%s\\n' \"$out\" | sed -n 's/^ *\"verify\": \"\\([A-Z]*\\)\".*/\\1/p' | head -n "
    "1)\n"
    "        code=$(printf '%s\\n' \"$out\" | sed -n 's/^ *\"code\": \"\\([a-z_]*\\)\".*/\\1/p' | head -n "
    "1)\n"
    "        came=$(printf '%s' \"$status $verify $code\" | sed 's/  */ /g; s/ $//')\n"
    "    fi\n"
    "    if [ \"$came\" = \"$expected\" ]; then\n"
    "        printf 'good: %-52s expected %s, came %s\\n' \"$what\" \"$expected\" \"$came\"\n"
    "    else\n"
    "        printf 'BAD:  %-52s expected %s, came %s\\n' \"$what\" \"$expected\" \"${came:-$out}\"\n"
    "        bad=1\n"
    "    fi\n"
    "}\n";

static void put_pair(struct buf *out, const struct lab_client *client)
{
    if (client)
        buf_printf(out, " --cert %s.crt --key %s.key", client->stem, client->stem);
}

/* `expected` and `code` together are what the line expects. */
static void put_try(struct buf *out, const char *where, const char *port, const char *path,
                    const struct lab_client *client, const char *expected, const char *code)
{
    const char *about = client ? client->about : "no certificate";
    buf_printf(out, "try '%s, %s' '%s%s%s'", where, about, expected, code ? " " : "", code ? code : "");
    put_pair(out, client);
    buf_printf(out, " \"https://$host:$%s%s\"\n", port, path);
}

void lab_try(struct buf *out)
{
    buf_puts(out, SCRIPT_HEAD);
    buf_puts(out, "\n# request: everybody is served and told; /secure/ is for the verified.\n");
    put_try(out, "public", "public", "/api/peer", NULL, "200 NONE", "no_certificate");
    for (size_t i = 0; i < LAB_CLIENT_COUNT; i++) {
        const struct lab_client *client = &LAB_CLIENTS[i];
        put_try(out, "public", "public", "/api/peer", client, client->code ? "200 FAILED" : "200 SUCCESS",
                client->code);
    }
    put_try(out, "/secure/", "public", "/secure/no-such-file", NULL, "403", "no_certificate");
    for (size_t i = 0; i < LAB_CLIENT_COUNT; i++) {
        const struct lab_client *client = &LAB_CLIENTS[i];
        put_try(out, "/secure/", "public", "/secure/no-such-file", client, client->code ? "403" : "404",
                client->code);
    }
    buf_puts(out, "\n# require: who is not verified gets no further than the handshake.\n");
    put_try(out, "strict", "strict", "/api/peer", NULL, "alert", "certificate required");
    for (size_t i = 0; i < LAB_CLIENT_COUNT; i++) {
        const struct lab_client *client = &LAB_CLIENTS[i];
        put_try(out, "strict", "strict", "/api/peer", client, client->alert ? "alert" : "200 SUCCESS",
                client->alert);
    }
    buf_puts(out, "\n# off: nobody is asked.\n");
    put_try(out, "plain", "plain", "/api/peer", NULL, "200 NONE", NULL);
    put_try(out, "plain", "plain", "/api/peer", &LAB_CLIENTS[0], "200 NONE", NULL);
    buf_puts(out, "\nexit $bad\n");
}
