/* CRLs for tests, of any kind and size: DER written by hand, because libraries make only good ones. */
#ifndef MTLSD_TESTS_MKCRL_H
#define MTLSD_TESTS_MKCRL_H

#include "mkchain.h"

/* A CRL as the words of `text` say, separated by blanks; without any it is empty, of version 2, with number
 * 1, the issuer's key identifier, from `now` - 1 d to `now` + 30 d.
 *
 *   v1                        version 1, without extensions
 *   number=HEX number=none    CRL number, as written; number!=HEX: critical
 *   delta=HEX                 a delta CRL with that base; delta!=... is what it should be: critical
 *   aki=none aki=HEX          authority key identifier
 *   point=URI point=issuer    issuing distribution point at a URI, at the name of the issuer
 *   user ca attribute indirect reasons relative    the same with onlyContainsUserCerts and so on
 *   this=DAYS next=DAYS next=none
 *   unknown unknown!          an unknown extension, critical
 *   twice                     the CRL number twice
 *   inner                     another algorithm inside of the signed part
 *   sign=NAME                 sha1, sha384, sha512, pss, pss:SALT (the algorithm of the key else, with
 * SHA-256) broken                    one bit of the signature is wrong cut=N tail=N              the last N
 * octets are missing; N more entry=HEX[,reason=HEX][,date=TEXT][,unknown][,unknown!][,issuer][,badreason]
 *   entries=N[,octets=M][,reasons]    N more, with serial numbers of M octets that only depend on their order
 *
 * Ends the process when it cannot. gnutls_free(data). */
gnutls_datum_t mk_crl_words(const struct mk_pair *issuer, const char *text, time_t now);

/* The serial number number `i` of those that entries= makes, in `octets` octets. */
void mk_crl_serial(unsigned i, unsigned char *out, size_t octets);

#endif
