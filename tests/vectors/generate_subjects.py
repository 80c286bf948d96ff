#!/usr/bin/env python3
"""Writes subject/<class>.tsv: identifiers as people type them, and what must come of them.

An independent implementation of docs/DOMAIN.md, Subjects. It shares no code with the node and never runs it: every line
is built from a canonical form by a change whose outcome is known, so the expected defect is known from how the line was
broken. Check digits come from python-stdnum, Chinese host names from the codec and from the idna package.

Usage, from the repository's root; the seed is fixed, so the output is the same each time:

    pip install python-stdnum==2.2 idna
    python3 tests/vectors/generate_subjects.py

Columns, separated by tabs, after one header line: input; `ok` or the name of the defect (a variant of SubjectError);
the canonical form, empty for a defect. Escapes in a field: `\\\\`, `\\t`, `\\n`, `\\r`, `\\xHH`.

No line is meant to be a real person's or company's identifier: resident IDs and credit codes carry districts that
GB/T 2260 never assigned (xx99xx), mobile numbers the block 0000; what else matches a real one does so by chance. The
examples of docs/DOMAIN.md come first.
"""

import datetime
import pathlib
import random

import idna
from stdnum.cn import ric, uscc

OUT = pathlib.Path(__file__).parent / "subject"
LINES = 230
MAX_TEXT_BYTES = 4096
DIGITS = "0123456789"
LOWER = "abcdefghijklmnopqrstuvwxyz"
ALNUM = DIGITS + LOWER + LOWER.upper()
USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"
PROVINCES = [
    11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52, 53, 54, 61, 62,
    63, 64, 65, 71, 81, 82, 83
]
NOT_PROVINCES = [n for n in range(100) if n not in PROVINCES]
# Circled digits, superscript, Arabic and mathematical digits, homoglyphs, dashes, invisible characters, ideographs.
FOREIGN = list(
    "①③⑧²٣𝟏АЕХéＡ"[:-1]) + ["\u00a0", "\u2013", "\u2010", "\u200b", "\ufeff", "\uff5f", "\uff00", "号", "〇", "。"]


def pick(rng, alphabet, least, most=None):
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(least, most or least)))


def wide(c):
    return "\u3000" if c == " " else chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c


def widen(rng, text):
    share = rng.choice([0, 0, 0, 0.3, 1])
    return "".join(wide(c) if rng.random() < share else c for c in text)


def pad(rng, text):
    return rng.choice(["", "", " ", "\t", "\u3000", "\n"]) + text + rng.choice(["", "", " ", "\r\n", "\u3000 ", "\t"])


def spread(rng, text):
    """Types separators into a code or number, in any width and case."""
    share = rng.choice([0, 0, 0.15, 0.5])
    out = "".join((rng.choice(" -.") if rng.random() < share else "") + c for c in text)
    return pad(rng, widen(rng, rng.choice([out, out.lower()])))


def swap(text, place, symbol):
    return text[:place] + symbol + text[place + 1:]


def other(rng, alphabet, symbol):
    return rng.choice([c for c in alphabet if c != symbol])


def blanks(rng, signs):
    return pick(rng, signs, 0, 6)


def oversized(rng, text):
    return text + rng.choice([" ", "\u3000"]) * (MAX_TEXT_BYTES + 1 - len(text.encode()) + rng.randint(0, 9))


# ENT: GB 32100-2015 ------------------------------------------------------------------------------------------------


def ent_code(rng):
    head = (rng.choice("1359ANY") +
            rng.choice("1239") if rng.random() < 0.5 else rng.choice(["91", "92", "93", "51", "12"]))
    body = head + f"{rng.choice(PROVINCES)}99" + pick(rng, DIGITS, 2) + pick(rng, USCC, 9)
    # GB 32100-2015 §5.3, written out here; the peer can only count codes that begin with digits.
    sum_ = sum(USCC.index(c) * pow(3, i, 31) for i, c in enumerate(body))
    check = USCC[(31 - sum_ % 31) % 31]
    assert check == uscc.calc_check_digit(body)
    return body + check


def ent_valid(rng):
    code = ent_code(rng)
    return spread(rng, code), code


def ent_broken(rng):
    code = ent_code(rng)
    kind = rng.choice(["check"] * 4 + ["swap"] * 3 + ["length"] * 4 + ["symbol"] * 4 + ["foreign"] * 3 + ["empty"])
    place = rng.randrange(18)
    if kind == "check":
        return spread(rng, swap(code, place, other(rng, USCC, code[place]))), "BadCheckDigit"
    if kind == "swap":
        place = rng.choice([i for i in range(17) if code[i] != code[i + 1]])
        return spread(rng, code[:place] + code[place + 1] + code[place] + code[place + 2:]), "BadCheckDigit"
    if kind == "length":
        return (spread(
            rng,
            rng.choice([
                code[:-1], code[1:], code[8:17], code[:15], code + code[-1], code + code,
                code[:place] + "0" + code[place:]
            ])), "WrongLength")
    if kind == "symbol":
        return spread(rng, swap(code, place, rng.choice("IOSVZ_/:+'*"))), "BadSymbol"
    if kind == "foreign":
        return spread(rng, code[:place] + rng.choice(FOREIGN) + code[place + 1:]), "NotAscii"
    return blanks(rng, " -.\u3000－．"), "Empty"


# PER: GB 11643-1999 ------------------------------------------------------------------------------------------------


def real_date(rng, first=1900, last=2149):
    span = datetime.date(last, 12, 31).toordinal() - datetime.date(first, 1, 1).toordinal()
    return datetime.date.fromordinal(datetime.date(first, 1, 1).toordinal() + rng.randint(0, span)).strftime("%Y%m%d")


def false_date(rng, years):
    year = rng.choice(years)
    return rng.choice([
        f"{year}0230", f"{year}0431", f"{year}1131", f"{year}0000", f"{year}1301", f"{year}0100", f"{year}0132",
        f"{year}0631", f"{year}0931", f"{year}9912", f"{year // 4 * 4 + 1}0229", "19000229", "21000229"
    ] if years[0] >= 1900 and years[-1] <= 2149 else [f"{year}0615", f"{year}1231"])


def per_number(province, rng, date):
    body = f"{province:02}99" + pick(rng, DIGITS, 2) + date + pick(rng, DIGITS, 3)
    sum_ = sum(int(c) * (2**(17 - i) % 11) for i, c in enumerate(body))
    check = "10X98765432"[sum_ % 11]
    assert check == ric.calc_check_digit(body + "?")
    return body + check


def short(number):
    """The 15-digit form of a number of the 20th century."""
    return number[:6] + number[8:17]


def per_valid(rng):
    if rng.random() < 0.3:
        number = per_number(rng.choice(PROVINCES), rng, real_date(rng, 1900, 1999))
        return spread(rng, short(number)), number
    number = per_number(rng.choice(PROVINCES), rng, real_date(rng))
    return spread(rng, number), number


def per_broken(rng):
    number = per_number(rng.choice(PROVINCES), rng, real_date(rng, 1900, 1999))
    old = rng.random() < 0.3
    kind = rng.choice(["check"] * 4 + ["date"] * 4 + ["province"] * 3 + ["length"] * 3 + ["symbol"] * 3 +
                      ["foreign"] * 3 + ["empty"])
    if kind == "check":
        # The sequence number or the check symbol alone, so that province and date stay real.
        place = rng.randrange(14, 18)
        return spread(rng, swap(number, place, other(rng, DIGITS, number[place]))), "BadCheckDigit"
    if kind == "date":
        years = rng.choice([range(1900, 2000), range(1900, 2150), range(1000, 1900), range(2150, 9999)])
        if old:
            false = false_date(rng, range(1901, 1996))
            while not false.startswith("19"):
                false = false_date(rng, range(1901, 1996))
            return spread(rng, short(per_number(rng.choice(PROVINCES), rng, false))), "NoSuchDate"
        return spread(rng, per_number(rng.choice(PROVINCES), rng, false_date(rng, years))), "NoSuchDate"
    if kind == "province":
        false = per_number(rng.choice(NOT_PROVINCES), rng, real_date(rng, 1900, 1999))
        return spread(rng, short(false) if old else false), "NoSuchProvince"
    if kind == "length":
        return (spread(rng, rng.choice([number[:-1], number[1:], number + "0", number[:14], number[:16],
                                        number * 2])), "WrongLength")
    text = short(number) if old else number
    place = rng.randrange(len(text) - 1)
    if kind == "symbol":
        return spread(rng, swap(text, place, rng.choice("XABCYIO+'/_*"))), "BadSymbol"
    if kind == "foreign":
        return spread(rng, swap(text, place, rng.choice(FOREIGN))), "NotAscii"
    return blanks(rng, " -.\u3000－．"), "Empty"


# MOB ---------------------------------------------------------------------------------------------------------------


def mob_number(rng):
    return "1" + rng.choice("3456789") + pick(rng, DIGITS, 1) + "0000" + pick(rng, DIGITS, 4)


def mob_valid(rng):
    number = mob_number(rng)
    return spread(rng, rng.choice(["", "", "+86", "0086", "86"]) + number), "+86" + number


def mob_broken(rng):
    number = mob_number(rng)
    code = rng.choice(["", "", "+86", "0086", "86"])
    place = rng.randrange(11)
    kind = rng.choice(["prefix"] * 3 + ["foreign number"] * 3 + ["length"] * 4 + ["symbol"] * 4 + ["foreign"] * 4 +
                      ["empty"])
    if kind == "prefix":
        # 11 digits, but a landline with its area code, or a block that no mobile network has.
        return (spread(rng,
                       code + rng.choice(["10", "11", "12", "01", "02", "20", "95"]) + "0000" + pick(rng, DIGITS, 5)),
                "NotAMobileNumber")
    if kind == "foreign number":
        # A plus sign and another country code, or none at all.
        country = rng.choice(["1", "44", "81", "852", "853", "886", "65", "7", "00", "0086"])
        return spread(rng, "+" + rng.choice([""] + [country + pick(rng, DIGITS, 7, 9)] * 19)), "NotAMobileNumber"
    if kind == "length":
        text = rng.choice([
            number[:-1], number + "0", number[:7], "400" + "0000" + pick(rng, DIGITS, 3), number * 2,
            "0755" + "0000" + pick(rng, DIGITS, 4)
        ])
        # Seven digits after 0086 are eleven digits: another defect.
        long_code = "0086" if len(text) != 7 else "86"
        return spread(rng, rng.choice([text, "+86" + text, long_code + text, "+86"])), "WrongLength"
    if kind == "symbol":
        return (spread(
            rng, code + swap(number, place, rng.choice("OlIE()/_'*#" if place + len(code) == 0 else "OlIE()/_'*#+"))),
                "BadSymbol")
    if kind == "foreign":
        return spread(rng, code + swap(number, place, rng.choice(FOREIGN))), "NotAscii"
    return blanks(rng, " -.\u3000－．"), "Empty"


# slug:id -----------------------------------------------------------------------------------------------------------

SLUGS = {
    "shp": ["taobao", "tmall", "jd", "pdd", "vip", "suning", "1688"],
    "acc": ["taobao", "meituan", "dianping", "jd", "58", "didi"],
    "pay": ["alipay", "wechat-pay", "icbc", "unionpay", "jd-pay"],
    "grp": ["qq", "wechat", "weibo", "yy", "telegram", "douyin"],
    "log": ["sto", "yto", "zto", "sf", "ems", "best-express"],
    "wbl": ["sto", "yto", "zto", "sf", "ems", "jd-logistics"]
}
GRAPHIC = "".join(chr(c) for c in range(0x21, 0x7F))


def slug_of(rng, name):
    alphabet = DIGITS + LOWER
    return rng.choice(SLUGS[name] + [
        pick(rng, alphabet, 1) + pick(rng, alphabet + "-", 0, 31),
        pick(rng, alphabet, 1) + pick(rng, alphabet + "-", 31)
    ])


def id_of(rng):
    return rng.choice([
        pick(rng, DIGITS, 6, 16),
        pick(rng, ALNUM, 3, 40),
        pick(rng, ALNUM + "_-", 28),
        pick(rng, GRAPHIC, 1, 128),
        pick(rng, GRAPHIC, 128),
        pick(rng, LOWER, 3, 9) + "@example.com"
    ])


def shout(rng, slug):
    return "".join(rng.choice([c, c.upper()]) for c in slug) if rng.random() < 0.4 else slug


def slugged_valid(name):

    def make(rng):
        slug, id_ = slug_of(rng, name), id_of(rng)
        colon = rng.choice([":"] * 5 + [" : ", ": ", "：", " ："])
        return pad(rng, widen(rng, shout(rng, slug)) + colon + widen(rng, id_)), f"{slug}:{id_}"

    return make


def slugged_broken(name):

    def make(rng):
        slug, id_ = slug_of(rng, name), id_of(rng)
        kind = rng.choice(["platform"] * 4 + ["slug"] * 5 + ["id"] * 3 + ["symbol"] * 4 + ["foreign"] * 4 +
                          ["long"] * 2 + ["empty"])
        place = rng.randint(0, len(id_))
        if kind == "platform":
            return (pad(rng, widen(rng, rng.choice([id_.replace(":", "."), ":" + id_, " :" + id_,
                                                    slug]))), "MissingPlatform")
        if kind == "slug":
            at = rng.randint(0, len(slug))
            false = rng.choice([
                "-" + slug, slug[:at] + rng.choice("_./@!+") + slug[at:], "淘宝", slug + "网", "ａ\u00e9",
                slug[:1] + " " + slug[:9], "a" + pick(rng, LOWER, 32, 60), "http", "https", "HTTPS", "①"
            ])
            return pad(rng, widen(rng, false) + ":" + rng.choice([id_, "//" + id_])), "BadPlatformSlug"
        if kind == "id":
            return pad(rng, slug + rng.choice([":", "：", ": ", ":\u3000", ":\t"])), "MissingId"
        if kind == "symbol":
            middle = rng.choice([" ", "\u3000", "\t", "\n", "\x00", "\x1f", "\x7f"])
            return pad(rng, f"{slug}:{id_[:60]}a{middle}b"), "BadSymbol"
        if kind == "foreign":
            return pad(rng, f"{slug}:{id_[:place]}a{rng.choice(FOREIGN)}b{id_[place:]}"), "NotAscii"
        if kind == "long":
            return pad(rng, widen(rng, f"{slug}:{pick(rng, GRAPHIC, 129, 200)}")), "TooLong"
        return blanks(rng, " \t\u3000\n"), "Empty"

    return make


# APP ---------------------------------------------------------------------------------------------------------------


def bundle_of(rng):
    names = [pick(rng, ALNUM, 1) + pick(rng, ALNUM + "_-", 0, 12) for _ in range(rng.randint(1, 5))]
    return rng.choice([".".join(names), "com.example." + names[0], "a." + pick(rng, ALNUM, 153)])


def with_colons(digest):
    return ":".join(digest[i:i + 2] for i in range(0, len(digest), 2))


def app_valid(rng):
    bundle, digest = bundle_of(rng), pick(rng, "0123456789abcdef", 64)
    typed = rng.choice([digest, digest.upper(), with_colons(digest), with_colons(digest.upper())])
    colon = rng.choice([":", ":", "：", " : "])
    return pad(rng, widen(rng, bundle) + colon + widen(rng, typed)), f"{bundle}:{digest}"


def app_broken(rng):
    bundle, digest = bundle_of(rng), pick(rng, "0123456789abcdef", 64)
    kind = rng.choice(["bundle"] * 4 + ["certificate"] * 3 + ["digest"] * 5 + ["long"] + ["empty"])
    if kind == "bundle":
        at = rng.randint(0, len(bundle))
        false = rng.choice([
            "", ".", "." + bundle, bundle + ".", "com..example", "com.示例",
            bundle[:at] + rng.choice("!/ @+①é") + "x" + bundle[at:]
        ])
        if false[:1] == " ":
            false = "!" + false
        return pad(rng, widen(rng, false) + ":" + digest), "BadBundleId"
    if kind == "certificate":
        return pad(rng, widen(rng, bundle) + rng.choice(["", ":", "：", ": ", ":\u3000"])), "MissingCertificate"
    if kind == "digest":
        at = rng.randrange(64)
        false = rng.choice([
            digest[:-1], digest + "0", digest[:40], digest[:32],
            with_colons(digest[:40]),
            swap(digest, at, rng.choice("gGxOl-. ①é")) if 0 < at < 63 else digest[1:], ":" + digest, digest + ":",
            with_colons(digest) + ":",
            with_colons(digest).replace(":", "::", 1), digest[:1] + ":" + digest[1:], "sha256:" + digest
        ])
        return pad(rng, bundle + ":" + false), "BadCertificateDigest"
    if kind == "long":
        return pad(rng, widen(rng, "com." + pick(rng, ALNUM, 152, 200)) + ":" + digest), "TooLong"
    return blanks(rng, " \t\u3000\n"), "Empty"


# WEB: UTS-46 -------------------------------------------------------------------------------------------------------

UNICODE = [
    "例子", "刷单", "空包网", "网店", "淘宝客", "bücher", "faß", "straße", "пример", "δοκιμή", "日本語", "한국어", "中国", "公司", "网络",
    "ñandú"
]
TLDS = ["com", "cn", "com.cn", "net", "org", "top", "xyz", "vip", "中国", "公司", "网络", "co.uk", "example"]


def a_label(label):
    if label.isascii():
        return label
    encoded = "xn--" + label.encode("punycode").decode()
    assert encoded == idna.encode(label, uts46=True, std3_rules=True).decode()
    return encoded


def host_of(rng):
    """Labels in their lower-case Unicode form."""
    alphabet = DIGITS + LOWER
    labels = [
        rng.choice([
            pick(rng, LOWER, 1) + pick(rng, alphabet, 0, 11),
            pick(rng, alphabet, 1, 8),
            rng.choice(UNICODE),
            pick(rng, alphabet, 2) + rng.choice(["-", "--", "---"]) + pick(rng, alphabet, 1, 6),
            pick(rng, LOWER, 63)
        ]) for _ in range(rng.randint(1, 3))
    ]
    return [label for label in labels if not label.startswith("xn--")] + rng.choice(TLDS).split(".")


def address(rng, host, port=True):
    """Puts a host where a person would paste it from."""
    scheme = rng.choice(["", "", "", "http://", "https://", "HTTP://", "ftp://", "//", "http:\\\\", "http：／／"])
    user = rng.choice(["", "", "", "user@", "user:secret@", "a@b@"]) if scheme else ""
    port = rng.choice(["", "", "", ":80", ":8080", ":65535", ":", "：443"]) if port else ""
    tail = rng.choice([
        "", "", "/", "/index.html", "/a?b=http://other.example/@x:1", "?q=1", "#top", "\\a", "/店铺?号=①", "／ａ",
        "/" + "x" * 900
    ])
    return pad(rng, scheme + user + host + port + tail)


def web_valid(rng):
    labels = host_of(rng)
    canonical = ".".join(a_label(label) for label in labels)
    form = rng.choice(["unicode", "unicode", "alabel", "upper"])
    if form == "unicode":
        typed = rng.choice([".", ".", ".", "。", "．", "｡"]).join(labels)
        typed = widen(rng, typed)
    else:
        typed = canonical.upper() if form == "upper" else canonical
    return address(rng, typed + rng.choice(["", "", "", "."])), canonical


def web_broken(rng):
    labels = host_of(rng)
    kind = rng.choice(["label"] * 6 + ["unicode"] * 2 + ["authority"] * 3 + ["ip"] * 4 + ["dot"] * 3 + ["long"] +
                      ["empty"])
    if kind == "label":
        word = pick(rng, LOWER, 2, 6)
        false = rng.choice([
            "-" + word, word + "-", word + "_" + word, "", word + " " + word, word + "!", "*", word + "%20",
            pick(rng, LOWER, 64, 70), word + "~", "'" + word, word + "，", word + "$", word + "\x00"
        ])
        place = rng.randrange(len(labels))
        host = ".".join(labels[:place] + [false] + labels[place:])
        # A leading separator must not become white space at the edge, nor an empty first label "//".
        return "http://" + host + rng.choice(["", "/", ":80", "/a"]), "BadDomain"
    if kind == "unicode":
        false = rng.choice([
            "xn--a", "xn--99999999999", "xn--abc-", "a\u200db", "a\u2100b", "\u0300a", "xn--\u00fc", "a\ufffdb",
            "\ue000", "例子" * 30
        ])
        return address(rng, pick(rng, LOWER, 1, 5) + "." + false + ".com"), "BadDomain"
    if kind == "authority":
        host = ".".join(labels)
        return (pad(
            rng,
            rng.choice([
                f"http://{host}:{rng.randint(65536, 99999)}/", f"{host}:{pick(rng, LOWER, 1, 5)}", "http://",
                "https:///" + host, "http://user@", f"http://{host}:80:80/", f"[{host}]", "/" + host, "?" + host,
                "mailto:" + host, "..", ".", f"http://@/{host}", "//"
            ])), "BadDomain")
    if kind == "ip":
        four = ".".join(str(rng.randint(0, 255)) for _ in range(4))
        six = rng.choice(["::1", "2001:db8::" + pick(rng, "123456789abcdef", 1, 4), "fe80::1", "::ffff:192.0.2.1"])
        return (rng.choice([
            lambda: address(rng, four), lambda: address(rng, widen(rng, four)), lambda: address(rng, f"[{six}]"),
            lambda: pad(rng, six), lambda: address(rng, "0x" + pick(rng, "0123456789abcdef", 8)),
            lambda: address(rng, pick(rng, "123456789", 8, 10)), lambda: address(rng, "127.1"),
            lambda: address(rng, "www.example.0x7F"), lambda: address(rng, four + "."),
            lambda: address(rng, "www.example.1")
        ])(), "IpAddress")
    if kind == "dot":
        return (address(
            rng, rng.choice(["localhost",
                             pick(rng, LOWER, 1, 12),
                             rng.choice(UNICODE), "com.",
                             a_label("例子")])), "DomainWithoutDot")
    if kind == "long":
        length = rng.choice([4, 5, 6, 18])
        host = ".".join(pick(rng, LOWER, 63) for _ in range(length)) + ".com"
        return address(rng, host), "TooLong"
    return blanks(rng, " \t\u3000\n"), "Empty"


# Files -------------------------------------------------------------------------------------------------------------

DIGEST = "0123456789abcdef" * 4
EXAMPLES = {
    "ent": [("91350100M000100Y43", "ok", "91350100M000100Y43"), ("91110108551385082Q", "ok", "91110108551385082Q"),
            ("91110108MA00000070", "ok", "91110108MA00000070")],
    "per": [("11010519491231002X", "ok", "11010519491231002X"), ("110105491231002", "ok", "11010519491231002X")],
    "mob": [("+8613800000000", "ok", "+8613800000000"), ("①③⑧00000000", "NotAscii", ""),
            ("8610000000000", "NotAMobileNumber", "")],
    "web": [("https://☃.net/", "ok", "xn--n3h.net"), ("faß.de", "ok", "xn--fa-hia.de"),
            ("BÜCHER.example", "ok", "xn--bcher-kva.example")],
    "app": [(f"com.example.app:{DIGEST}", "ok", f"com.example.app:{DIGEST}")]
}
CLASSES = {
    "ent": (ent_valid, ent_broken),
    "per": (per_valid, per_broken),
    "mob": (mob_valid, mob_broken),
    "web": (web_valid, web_broken),
    "app": (app_valid, app_broken)
}
CLASSES.update({name: (slugged_valid(name), slugged_broken(name)) for name in SLUGS})


def escape(field):
    field = field.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    field = "".join(f"\\x{ord(c):02x}" if c < " " or c == "\x7f" else c for c in field)
    # White space at the ends of a column would be lost in an editor.
    if field[:1] == " ":
        field = "\\x20" + field[1:]
    return field[:-1] + "\\x20" if field[-1:] == " " else field


def lines(name):
    rng = random.Random(f"antibrush subjects v1 {name}")
    make_valid, make_broken = CLASSES[name]
    out = dict.fromkeys(EXAMPLES.get(name, []))
    seen = {line[0] for line in out}

    def fill(make, mark):
        added = 0
        while added < LINES:
            text, outcome = mark(make(rng))
            if text not in seen and len(text.encode()) <= MAX_TEXT_BYTES:
                seen.add(text)
                out[(text, *outcome)] = None
                added += 1

    fill(make_valid, lambda made: (made[0], ("ok", made[1])))
    fill(make_broken, lambda made: (made[0], (made[1], "")))
    out[(oversized(rng, make_valid(rng)[0].strip()), "TooLong", "")] = None
    return out


def main():
    OUT.mkdir(exist_ok=True)
    for name in CLASSES:
        with open(OUT / f"{name}.tsv", "w", encoding="utf-8", newline="\n") as file:
            file.write("input\tresult\tcanonical\n")
            for line in lines(name):
                file.write("\t".join(escape(field) for field in line) + "\n")


if __name__ == "__main__":
    main()
