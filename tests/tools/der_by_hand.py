"""DER, put together octet by octet: for certificates that no library would make."""


def tlv(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    if n < 0x80:
        return bytes([tag, n]) + body
    size = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def seq(*parts):
    return tlv(0x30, *parts)


def integer(n):
    size = (n if n >= 0 else n + 1).bit_length() // 8 + 1  # with a bit for the sign
    return tlv(2, n.to_bytes(size, "big", signed=True))


def bits(body, unused=0):
    return tlv(3, bytes([unused]), body)


def base128(n):
    """As an arc of an object identifier has it."""
    out = [n & 0x7F]
    while n > 0x7F:
        n >>= 7
        out.append(0x80 | n & 0x7F)
    return bytes(reversed(out))


def oid(text):
    arcs = [int(arc) for arc in text.split(".")]
    return tlv(6, base128(arcs[0] * 40 + arcs[1]), *map(base128, arcs[2:]))
