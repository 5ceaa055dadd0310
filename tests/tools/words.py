#!/usr/bin/env python3
"""Finds texts for people in the sources that have no row in src/http/words.def. Prints what is wrong.

Usage: words.py TOP

A text is a string literal where one is said: an argument of the functions below, a row of the tables of hints, details and notes.
A conversion of printf stands for a value; several at a stretch may be one value of the catalogue, or none. A literal may be a piece of a
row.
"""
import glob
import re
import sys

TOP = sys.argv[1] + "/"
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
CONVERSION = re.compile(r"%(?:\.\*s|[0-9.]*(?:zu|llu|lld|[sdu]))")


def source(name):
    text = open(TOP + name, encoding="utf-8").read()
    text = re.sub(r"\\\n", "\n", text)
    # Neighbouring literals are one; macros of text are put in.
    macros = {name: value for name, value in re.findall(r"^#define (\w+)\s+((?:\"(?:[^\"\\\n]|\\.)*\"\s*)+)$", text, re.M)}
    for macro in sorted(macros, key=len, reverse=True):
        text = re.sub(r'(?<![\w"])(?<!#define )%s(?![\w"])' % macro, lambda m: macros[macro], text)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return re.sub(r'"\s*"', "", text)


def unescape(text):
    return text.replace('\\"', '"').replace("\\\\", "\\")


def rows():
    text = open(TOP + "src/http/words.def", encoding="utf-8").read()
    return [(re.sub(r"\{(words|any)\}", "{}", unescape(a)), unescape(b)) for a, b in
            re.findall(r'^(?:WORDS|PART)\("((?:[^"\\]|\\.)*)", "((?:[^"\\]|\\.)*)"\)$', text, re.M)]


def calls(text, name):
    """The arguments of each call, as text."""
    for match in re.finditer(r"\b%s\(" % name, text):
        depth, i, quoted = 1, match.end(), False
        while depth and i < len(text):
            c = text[i]
            if quoted:
                i += c == "\\"
                quoted = c != '"'
            else:
                quoted = c == '"'
                depth += (c == "(") - (c == ")")
            i += 1
        yield text[match.end():i - 1]


def between(text, begin, end):
    a = text.index(begin)
    return text[a:text.index(end, a)]


def said():
    """(file, literal): whatever somebody may read."""
    for name in sorted(glob.glob(TOP + "src/pki/*.c")) + [TOP + "src/http/problem.c"]:
        name = name[len(TOP):]
        text = source(name)
        for function in ("finding_add", "finding_hint", "cert_add_problem", "add_problem", "parse_access", "parse_distribution_points"):
            for arguments in calls(text, function):
                for literal in LITERAL.findall(re.sub(r"\bjudge_\w+\([^()]*(?:\([^()]*\))*[^()]*\)", "", arguments)):
                    yield name, literal
        if re.search(r"/(cert|crl_parse|verdict|verdict_names|verdict_crl)\.c$", name):
            for statement in re.findall(r"(?:\bwhy = |unreadable\[\w+\] = |return )([^;]*);", text):
                for literal in LITERAL.findall(statement):
                    yield name, literal
    text = source("src/pki/verdict_text.c")
    for literal in LITERAL.findall(between(text, "HINTS[VERDICT_CODE_COUNT]", "verify_word")):
        yield "src/pki/verdict_text.c", re.sub("`[^`]*`", "%s", literal)
    for literal in LITERAL.findall(between(source("src/pki/bounds.c"), "[ELEMENTS] =", "};")):
        yield "src/pki/bounds.c", literal
    for title in re.findall(r'^VERDICT\(\w+, "\w+", "([^"]*)"', source("src/pki/verdict.def"), re.M):
        yield "src/pki/verdict.def", title
    text = source("src/http/view_checks.c")
    for note in re.findall(r'\[WHY_\w+\] = \{"\w+", "([^"]*)"', text):
        yield "src/http/view_checks.c", note
    for literal in re.findall(r'a->expected = (?:view_text|words)\(\s*"([^"]*)"', text):
        yield "src/http/view_checks.c", literal
    text = source("src/http/problem.c")
    for part in (between(text, "} DETAILS[] =", "static enum error_detail"), between(text, "refusal_words(", "join_rules"),
                 between(text, "other_ca_finding(", "static json_t *errors")):
        for literal in LITERAL.findall(part):
            if " " in literal.strip() and not literal.startswith(" |"):
                yield "src/http/problem.c", literal
    for name in glob.glob(TOP + "src/http/*.c") + glob.glob(TOP + "src/server/*.c"):
        for arguments in calls(source(name[len(TOP):]), "problem_reply"):
            for literal in LITERAL.findall(arguments):
                yield name[len(TOP):], literal
    # Whole sentences, wherever they are chosen.
    for name in glob.glob(TOP + "src/server/*.c") + [TOP + "src/http/route.c", TOP + "src/http/redirect.c"]:
        for literal in LITERAL.findall(source(name[len(TOP):])):
            if re.fullmatch(r"The [^%]*\.", literal):
                yield name[len(TOP):], literal
    for name in glob.glob(TOP + "src/http/gate*.c"):
        for function in ("gate_refuse", "gate_refuse_byte", "gate_take_cr"):
            for arguments in calls(source(name[len(TOP):]), function):
                for literal in LITERAL.findall(arguments):
                    yield name[len(TOP):], literal
    for literal in LITERAL.findall(between(source("src/pki/x509file_other.c"), "} OTHERS[] =", "static const struct {\n    const char *oid")):
        if literal.startswith(("is ", "holds ")) and len(literal) > 8:
            yield "src/pki/x509file_other.c", "What was sent " + literal + "."
    for literal in LITERAL.findall(source("src/pki/pasted.c")):
        if re.search(r"[a-z]\. |\.$|: \w", literal) and literal.count(" ") > 4:
            yield "src/pki/pasted.c", literal
    for literal in LITERAL.findall(between(source("src/http/problem_page.c"), "int problem_page(", "return")):
        if literal[0].isupper():
            yield "src/http/problem_page.c", literal
    for status, phrase in re.findall(r'\{(\d+), "([^"]*)"\}', source("src/http/status.c")):
        if status in ("400", "403", "404", "405", "406", "408", "411", "412", "413", "414", "416", "417", "421", "429", "431",
                      "500", "501", "502", "503", "504", "505"):
            yield "src/http/status.c", phrase


# Data and names, the same in every language.
DATA = re.compile(r"^(|[^a-z]*|%s|[\w.]+Auth|anyExtendedKeyUsage|anyPolicy|digitalSignature|keyCertSign|CA:TRUE|basicConstraints CA:TRUE"
                  r"|URI|openssl .*|RFC \d+ section [\d.]+|RSA %u|, |; |%s%s|0x|delta |unknown|type \d+| on | \| )$")


def form(english):
    """A row as a pattern for a literal: a hole is some conversions, or words, or nothing."""
    return re.compile("^" + ".*?".join(re.escape(part) for part in english.split("{}")) + "$", re.S)


def main():
    all_rows = rows()
    total = len(re.findall(r"^(?:WORDS|PART)\(", open(TOP + "src/http/words.def", encoding="utf-8").read(), re.M))
    if total != len(all_rows):
        print(f"words.def: {total - len(all_rows)} rows are not on one line")
    seen = set()
    for english, chinese in all_rows:
        if english in seen:
            print(f"words.def: twice: {english}")
        seen.add(english)
        holes = english.count("{}")
        if sorted(set(re.findall(r"\{(\d)\}", chinese))) != [str(i + 1) for i in range(holes)]:
            print(f"words.def: not the same values: {english}")
        if not re.search("[\u4e00-\u9fff]", chinese) and re.search("[a-z]{4}", english) and english != "openssl x509 -req without -set_serial":
            if not re.fullmatch(r"CRL .*|a BIT STRING", english):
                print(f"words.def: not in Chinese: {english}")
    forms = [form(english) for english, _ in all_rows if english != "{}"]
    for name, literal in sorted(set(said())):
        text = unescape(literal)
        plain = CONVERSION.sub("", text)
        if DATA.match(text) or DATA.match(plain.strip()):
            continue
        said_form = re.compile(".*?".join(re.escape(part) for part in CONVERSION.split(text)), re.S)
        if not any(f.match(text) or f.match(plain) for f in forms) and not any(said_form.search(english) for english, _ in all_rows):
            print(f"{name}: no row for: {text}")


main()
