/* What is said in Chinese, and what is left as it came: values that a client chose look like anything. */
#include <stdlib.h>

#include "http/words.h"
#include "suites.h"

static const struct {
    const char *english, *chinese; /* NULL: it has no row */
} TEXTS[] = {
    {"no certificate was presented", "没有出示证书"},
    {"the certificate expired 30 days ago, on 2030-01-01T00:00:00Z",
     "证书已过期 30 天（于 2030-01-01T00:00:00Z）"},
    {"the certificate of the CA is valid only in 1 hour, from 2030-01-01T00:00:00Z",
     "CA 的证书在 1 小时后才有效（自 2030-01-01T00:00:00Z 起）"},
    {"the certificate was not read: it has more than 64 octets in a name, and at most 64 are read (its SHA-256 is 00)",
     "没有读取这张证书：它的名称的字节超过 64，最多读取 64（它的 SHA-256 是 00）"},
    {"the issuer CN=x is not among the configured CAs (there is none), and its certificate was not sent",
     "颁发者 CN=x 不在配置的 CA 之中（一个也没有），它的证书也没有发送"},
    {"revoked on 2030-01-01T00:00:00Z, reason keyCompromise by its issuer, delta CRL number 0x1",
     "已于 2030-01-01T00:00:00Z 由其颁发者吊销，原因 keyCompromise，增量 CRL 编号 0x1"},
    {"a certificate in DER (RFC 5280 section 4.1)", "DER 形式的证书（RFC 5280 第 4.1 节）"},
    {"the certificate cannot be read: ASN1 parser: Error in TAG.",
     "无法读取证书：ASN1 parser: Error in TAG."},
    /* names that look like a row */
    {"CN=Root 30 days", NULL},
    {"subject:CN=Root 1 hour", NULL},
    {"CN=Root (RFC 5280 section 4.1)", NULL},
    {"CN=x expired 30 days ago, on 2030-01-01T00:00:00Z", NULL},
    {"CN=x expires in 30 days, on never", NULL},
    {"30 days", NULL},
    {"client", NULL},
    {"localhost 2 seconds", NULL},
    {"the issuer CN=Root 30 days is not among the configured CAs, and its certificate was not sent",
     "颁发者 CN=Root 30 days 不在配置的 CA 之中，它的证书也没有发送"},
    {"the certificate of the issuer CN=client with key identifier critical was not sent and is not configured; it seems to "
     "belong below the configured CA CN=Root 1 day",
     "颁发者 CN=client（密钥标识符 critical）的证书没有发送，也没有配置；它似乎在配置的 CA CN=Root 1 day 之下"},
    {"revoked by CN=Root 30 days, CRL number none", "已由 CN=Root 30 days 吊销，CRL 无编号"},
    {"a configured CA bears the issuer's name the certificate expires in 3 days, on x, but has another key than the one that "
     "signed",
     "配置的一个 CA 名称与颁发者 the certificate expires in 3 days, on x 相同，但签名用的是另一个密钥"},
    /* and one that ends its hole: left in English as a whole */
    {"the issuer CN=a is not among the configured CAs, says b is not among the configured CAs, and its certificate was not "
     "sent",
     NULL},
    {"", NULL},
    {"{}", NULL},
    {"{words} (RFC 1 section 2)", NULL},
};

START_TEST(test_texts)
{
    char *said = words_say(LANGUAGE_CHINESE, TEXTS[_i].english);
    if (TEXTS[_i].chinese) {
        ck_assert_ptr_nonnull(said);
        ck_assert_str_eq(said, TEXTS[_i].chinese);
    } else {
        ck_assert_msg(!said, "said: %s", said ? said : "");
    }
    free(said);
    ck_assert_ptr_null(words_say(LANGUAGE_ENGLISH, TEXTS[_i].english));
}
END_TEST

Suite *suite_words(void)
{
    Suite *suite = suite_create("words");
    TCase *tc = tcase_create("words");
    tcase_add_loop_test(tc, test_texts, 0, (int)ARRAY_LEN(TEXTS));
    suite_add_tcase(suite, tc);
    return suite;
}
