#!/usr/bin/env python3
"""A mail server that speaks first and asks a PROXY header who its client is, and a client with a certificate, for
tests/server/tcp_apps.test.

Usage: smtp.py serve SOCKET         aiosmtpd on a UNIX socket until SIGTERM: it takes mail from the address CN@example.org
                                    only, CN being the verified common name in the PROXY header (version 2), and its last
                                    answer tells what stood there
       smtp.py send PORT LAB CERTIFICATE|- FROM
                                    sends a message by SMTP over TLS; prints that it was greeted, and the last answer, or what
                                    went wrong
"""
import asyncio
import smtplib
import ssl
import sys


class Guarded:
    """Handler of aiosmtpd."""

    async def handle_PROXY(self, _server, session, _envelope, proxy_data):
        session.told = proxy_data
        return True

    @staticmethod
    def name(session):
        tlv = session.told.tlv or {}
        return tlv["SSL_CN"].decode() if tlv.get("SSL_VERIFY") == 0 and "SSL_CN" in tlv else ""

    async def handle_MAIL(self, _server, session, envelope, address, options):
        if address != self.name(session) + "@example.org":
            return "550 5.7.1 %s may not send as %s" % (self.name(session) or "nobody", address)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, _server, session, envelope):
        tlv = session.told.tlv
        told = {"name": self.name(session), "from": "%s:%d" % (session.told.src_addr, session.told.src_port),
                "sni": tlv["AUTHORITY"].decode(), "alpn": tlv.get("ALPN", b"").decode(),
                "version": tlv["SSL_VERSION"].decode(), "bytes": len(envelope.content)}
        return "250 Taken " + " ".join("%s=%s" % item for item in told.items())


async def serve_mail(path):
    from aiosmtpd.smtp import SMTP

    server = await asyncio.get_running_loop().create_unix_server(lambda: SMTP(Guarded(), proxy_protocol_timeout=30), path)
    await server.serve_forever()


def serve(path):
    asyncio.run(serve_mail(path))


def send(port, lab, certificate, sender):
    context = ssl.create_default_context(cafile=lab + "/root.crt")
    context.set_alpn_protocols(["smtp"])
    if certificate != "-":
        context.load_cert_chain("%s/%s.crt" % (lab, certificate), "%s/%s.key" % (lab, certificate))
    try:
        # It raises unless the server begins with 220.
        client = smtplib.SMTP_SSL("localhost", int(port), context=context, timeout=60)
        print("greeted")
        client.ehlo("client.example.org")
        code, text = client.mail(sender)
        if code == 250:
            client.rcpt("somebody@example.org")
            code, text = client.data("Subject: bytes\r\n\r\n" + "0123456789abcdef\r\n" * 50000)
        print("answer:", code, text.decode())
        client.quit()
    except (OSError, smtplib.SMTPException) as why:
        print("failed:", type(why).__name__, why)


if __name__ == "__main__":
    {"serve": serve, "send": send}[sys.argv[1]](*sys.argv[2:])
