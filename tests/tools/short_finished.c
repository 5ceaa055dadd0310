/* Preloaded into `openssl s_client`: makes the client's TLS 1.3 Finished one byte too short. libssl computes
 * the verify_data of both Finished messages with EVP_Q_mac; the first call checks the server's, the second
 * makes the client's own. */
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

unsigned char *EVP_Q_mac(void *libctx, const char *name, const char *propq, const char *subalg,
                         const void *params, const void *key, size_t keylen, const unsigned char *data,
                         size_t datalen, unsigned char *out, size_t outsize, size_t *outlen);

unsigned char *EVP_Q_mac(void *libctx, const char *name, const char *propq, const char *subalg,
                         const void *params, const void *key, size_t keylen, const unsigned char *data,
                         size_t datalen, unsigned char *out, size_t outsize, size_t *outlen)
{
    static unsigned calls;
    unsigned char *(*real)(void *, const char *, const char *, const char *, const void *, const void *,
                           size_t, const unsigned char *, size_t, unsigned char *, size_t, size_t *);
    void *symbol = dlsym(RTLD_NEXT, "EVP_Q_mac");
    memcpy(&real, &symbol, sizeof real);
    unsigned char *mac =
        real(libctx, name, propq, subalg, params, key, keylen, data, datalen, out, outsize, outlen);
    if (mac && outlen && strcmp(name, "HMAC") == 0 && ++calls == 2)
        --*outlen;
    return mac;
}
