#!/usr/bin/env python3
"""Computes tests/vectors/intent.json a second time, from the words of the specification and nothing of the Rust code.

    python3 tests/vectors/intent.py           compares, and fails where the file differs
    python3 tests/vectors/intent.py --write   writes the file

Only the standard library is used. Whoever implements intents in another language finds here the whole of it in one page.
"""

import base64
import hashlib
import json
import pathlib
import re
import sys
import unicodedata

FILE = pathlib.Path(__file__).with_name("intent.json")

# The currencies that the vectors use, with their minor digits (ISO 4217).
MINOR_DIGITS = {"EUR": 2, "GBP": 2, "USD": 2, "HUF": 2, "JPY": 0, "XAF": 0, "KWD": 3, "TND": 3, "CLF": 4}

MEMBERS = ["type", "amount", "currency", "payee", "payee_name", "debtor", "reference", "execution_date", "recurrence", "payees"]
LISTED = ["amount", "payee", "payee_name", "reference"]


class Refused(Exception):
    """An error by its name, and the member it concerns."""

    def __init__(self, error, member=None):
        super().__init__(error, member)
        self.error, self.member = error, member


def ascii_only(pattern, text):
    return re.fullmatch(pattern, text, re.ASCII) is not None


def minor_units(amount, currency):
    if currency not in MINOR_DIGITS:
        raise Refused("unknown-currency", "currency")
    if amount[:1] in ("-", "+"):
        raise Refused("sign", "amount")
    if not ascii_only(r"[0-9]+(\.[0-9]+)?", amount):
        raise Refused("not-decimal", "amount")
    whole, _, fraction = amount.partition(".")
    if len(fraction) != MINOR_DIGITS[currency]:
        raise Refused("minor-digits", "amount")
    if len(whole) > 1 and whole[0] == "0":
        raise Refused("leading-zero", "amount")
    if len(whole + fraction) > 18:
        raise Refused("too-large", "amount")
    if int(whole + fraction) == 0:
        raise Refused("zero", "amount")
    return int(whole + fraction)


def iban(text, member):
    if len(text.encode()) > 64:
        raise Refused("iban-length", member)
    electronic = "".join(chr(ord(c) - 32) if "a" <= c <= "z" else c for c in text.replace(" ", ""))
    if not ascii_only(r"[0-9A-Z]*", electronic):
        raise Refused("iban-character", member)
    if not 15 <= len(electronic) <= 34:
        raise Refused("iban-length", member)
    if not electronic[:2].isalpha():
        raise Refused("iban-country", member)
    digits = electronic[2:4]
    if not digits.isdigit() or not 2 <= int(digits) <= 98:
        raise Refused("iban-checksum", member)
    number = "".join(str(int(c, 36)) for c in electronic[4:] + electronic[:4])
    if int(number) % 97 != 1:
        raise Refused("iban-checksum", member)
    return electronic


def party(text, member):
    if ":" not in text:
        return iban(text, member)
    scheme, _, rest = text.partition(":")
    if not ascii_only(r"[a-z][a-z0-9+.-]{0,31}", scheme):
        raise Refused("scheme", member)
    if scheme == "iban":
        raise Refused("prefixed-iban", member)
    if not 1 <= len(rest.encode()) <= 128:
        raise Refused("opaque-length", member)
    if not ascii_only(r"[!-~]+", rest):
        raise Refused("opaque-character", member)
    return text


def within(code, *ranges):
    return any(first <= code <= last for first, last in ranges)


def character_fault(character):
    code = ord(character)
    if unicodedata.category(character) in ("Cc", "Zl", "Zp"):
        return "control-character"
    if within(code, (0x61C, 0x61C), (0x200E, 0x200F), (0x202A, 0x202E), (0x2066, 0x2069)):
        return "bidirectional-character"
    if within(
        code, (0xAD, 0xAD), (0x34F, 0x34F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200D),
        (0x2060, 0x206F), (0x2800, 0x2800), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0),
        (0xFFF0, 0xFFFB), (0x13430, 0x1343F), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
    ):
        return "invisible-character"
    noncharacter = code % 0x10000 >= 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    if noncharacter or unicodedata.category(character) == "Co" or code in (0xFFFC, 0xFFFD) or code >= 0xF0000:
        return "not-text"
    return None


def text(value, member):
    if value == "":
        raise Refused("empty", member)
    if len(value.encode()) > 4096:
        raise Refused("too-long", member)
    normal = unicodedata.normalize("NFC", value)
    for character in normal:
        fault = character_fault(character)
        if fault:
            raise Refused(fault, member)
    if normal != normal.strip():
        raise Refused("edge-space", member)
    if len(normal) > 140:
        raise Refused("too-long", member)
    return normal


def kind(value):
    if not ascii_only(r"[a-z][a-z0-9_.-]{0,63}", value):
        raise Refused("type", "type")
    return value


def execution_date(value):
    match = re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", value, re.ASCII)
    if not match:
        raise Refused("execution-date", "execution_date")
    year, month, day = (int(part) for part in match.groups())
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = [31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    if year < 2000 or not 1 <= month <= 12 or not 1 <= day <= lengths[month - 1]:
        raise Refused("execution-date", "execution_date")
    return value


def recurrence(value):
    match = re.fullmatch(r"R([1-9][0-9]{0,3})?/P([1-9][0-9]{0,2})[DWMY]", value, re.ASCII)
    if not match or match[1] == "1" or int(match[2]) > 366:
        raise Refused("recurrence", "recurrence")
    return value


def required(draft, member):
    if member not in draft:
        raise Refused("missing", member)
    return draft[member]


def listed(draft, currency):
    amount = required(draft, "amount")
    minor = minor_units(amount, currency)
    payment = {"amount": amount, "payee": party(required(draft, "payee"), "payee")}
    for member in ("payee_name", "reference"):
        if member in draft:
            payment[member] = text(draft[member], member)
    return minor, payment


def build(draft):
    intent = {"type": kind(required(draft, "type"))}
    amount, currency = required(draft, "amount"), required(draft, "currency")
    minor = minor_units(amount, currency)
    intent |= {"amount": amount, "currency": currency}
    if "payees" in draft:
        if "payee" in draft or "payee_name" in draft:
            raise Refused("payee-beside-list", "payees")
        if not 1 <= len(draft["payees"]) <= 100:
            raise Refused("batch-length", "payees")
        payments = [listed(payment, currency) for payment in draft["payees"]]
        if sum(minor for minor, _ in payments) != minor:
            raise Refused("batch-total", "amount")
        intent["payees"] = [payment for _, payment in payments]
    else:
        intent["payee"] = party(required(draft, "payee"), "payee")
        if "payee_name" in draft:
            intent["payee_name"] = text(draft["payee_name"], "payee_name")
    if "debtor" in draft:
        intent["debtor"] = party(draft["debtor"], "debtor")
    if "reference" in draft:
        intent["reference"] = text(draft["reference"], "reference")
    if "execution_date" in draft:
        intent["execution_date"] = execution_date(draft["execution_date"])
    if "recurrence" in draft:
        intent["recurrence"] = recurrence(draft["recurrence"])
    return intent


def reread(value):
    """The JSON of an intent, as it stands in a token: strict in members, types and normal form."""
    if not isinstance(value, dict):
        raise Refused("not-an-object")
    # Members are looked at in the order of their names.
    for name in sorted(value):
        if name not in MEMBERS:
            raise Refused("unknown-member")
        if name == "payees":
            if not isinstance(value[name], list):
                raise Refused("wrong-type", "payees")
            for payment in value[name]:
                if not isinstance(payment, dict):
                    raise Refused("not-an-object")
                for member in sorted(payment):
                    if member not in LISTED:
                        raise Refused("unknown-member")
                    if not isinstance(payment[member], str):
                        raise Refused("wrong-type", member)
        elif not isinstance(value[name], str):
            raise Refused("wrong-type", name)
    intent = build(value)
    for member in MEMBERS:
        if intent.get(member) != value.get(member):
            raise Refused("not-normal", member)
    return intent


def canonical(value):
    """RFC 8785, for values without fractions; all member names here are ASCII, so their order is that of the bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def digest(purpose, value):
    return base64url(hashlib.sha256(purpose.encode() + b"\n" + canonical(value)).digest())


# ---- The cases ------------------------------------------------------------------------------------------------------

DE, GB, FR, NL = "DE89370400440532013000", "GB82WEST12345698765432", "FR1420041010050500013M02606", "NL91ABNA0417164300"
BASE = {"type": "payment", "amount": "12.50", "currency": "EUR", "payee": DE}


def but(**changes):
    draft = dict(BASE)
    for member, value in changes.items():
        if value is None:
            del draft[member]
        else:
            draft[member] = value
    return draft


def batch(total, *payments, **more):
    return {"type": "batch", "amount": total, "currency": "EUR", "payees": list(payments)} | more


def pay(amount, payee, **more):
    return {"amount": amount, "payee": payee} | more


VALID = {
    "the least there can be": BASE,
    "every member": but(
        type="payment_initiation", payee_name="Café Anna", debtor=GB, reference="Invoice 4711 / 2026",
        execution_date="2026-12-31", recurrence="R12/P1M",
    ),
    "one cent": but(amount="0.01"),
    "the largest amount": but(amount="9999999999999999.99"),
    "no minor digits": but(amount="1250", currency="JPY"),
    "no minor digits, largest": but(amount="999999999999999999", currency="XAF"),
    "three minor digits": but(amount="1.234", currency="KWD"),
    "four minor digits": but(amount="0.0001", currency="CLF"),
    "printed IBAN": but(payee="DE89 3704 0044 0532 0130 00"),
    "IBAN in lower case": but(payee="gb82west12345698765432"),
    "IBAN with letters": but(payee=FR),
    "shortest IBAN": but(payee="NO9386011117947"),
    "debtor is normalised too": but(debtor="nl91 abna 0417 1643 00"),
    "opaque payee": but(payee="merchant:4711"),
    "opaque payee with more colons": but(payee="payto:shop:4711/eu"),
    "shortest opaque payee": but(payee="a:1"),
    "longest opaque payee": but(payee="m" * 32 + ":" + "x" * 128),
    "decomposed text is composed": but(payee_name="Cafe\u0301 Anna"),
    "ligature stays": but(payee_name="\ufb01n"),
    "Angstrom sign becomes the letter": but(payee_name="\u212bngstr\u00f6m"),
    "Hangul is composed": but(payee_name="\u1112\u1161\u11ab"),
    "right-to-left letters": but(payee_name="\u05d0\u05d1\u05d2"),
    "Greek, Chinese and an emoji": but(reference="\u03b1\u03b2 \u4e2d\u6587 \U0001f600"),
    "quotes, backslash and slash": but(reference='a "b" \\ c / d'),
    "longest text": but(reference="x" * 140),
    "longest text counts characters": but(reference="\u4e2d" * 140),
    "longest text counts the normal form": but(reference="e\u0301" * 140),
    "no-break space within": but(payee_name="A\u00a0B"),
    "leap day": but(execution_date="2028-02-29"),
    "leap day of a century": but(execution_date="2000-02-29"),
    "without end": but(recurrence="R/P1W"),
    "most often": but(recurrence="R9999/P366D"),
    "every two years": but(recurrence="R2/P2Y"),
    "type with dots and digits": but(type="sepa.credit-transfer_v1"),
    "longest type": but(type="p" * 64),
    "batch of one": batch("5.00", pay("5.00", DE)),
    "batch of three, ordered": batch(
        "30.00", pay("10.00", DE, payee_name="Anna"), pay("5.00", GB, reference="Invoice 1"), pay("15.00", "merchant:4711"),
        debtor=NL, reference="November",
    ),
    "batch in another order": batch(
        "30.00", pay("5.00", GB, reference="Invoice 1"), pay("10.00", DE, payee_name="Anna"), pay("15.00", "merchant:4711"),
        debtor=NL, reference="November",
    ),
    "batch that pays one account twice": batch("2.00", pay("1.00", DE), pay("1.00", "de89 3704 0044 0532 0130 00")),
    "largest batch": batch("100.00", *[pay("1.00", f"merchant:{number}") for number in range(100)]),
}

REFUSED = {
    "no type": but(type=None),
    "empty type": but(type=""),
    "type in upper case": but(type="Payment"),
    "type that begins with a digit": but(type="1payment"),
    "type with a space": but(type="pay ment"),
    "type that is too long": but(type="p" * 65),
    "type beyond ASCII": but(type="zahl\u00fcng"),
    "no amount": but(amount=None),
    "empty amount": but(amount=""),
    "too few minor digits": but(amount="1.5"),
    "no minor digits where two belong": but(amount="12"),
    "too many minor digits": but(amount="12.500"),
    "minor digits where none belong": but(amount="12.00", currency="JPY"),
    "two minor digits where three belong": but(amount="12.50", currency="TND"),
    "point at the end": but(amount="12."),
    "point at the end where none belong": but(amount="12.", currency="JPY"),
    "point at the beginning": but(amount=".50"),
    "two points": but(amount="1.2.3"),
    "decimal comma": but(amount="12,50"),
    "grouped": but(amount="1,250.00"),
    "grouped by a space": but(amount="1 250.00"),
    "exponent": but(amount="1e2"),
    "exponent with minor digits": but(amount="1.25e1"),
    "negative": but(amount="-12.50"),
    "with a plus": but(amount="+12.50"),
    "leading zero": but(amount="012.50"),
    "two leading zeros": but(amount="00.50"),
    "leading zero without minor digits": but(amount="0125", currency="JPY"),
    "space before": but(amount=" 12.50"),
    "space behind": but(amount="12.50 "),
    "line feed behind": but(amount="12.50\n"),
    "with currency sign": but(amount="\u20ac12.50"),
    "Arabic digits": but(amount="\u0661\u0662.\u0665\u0660"),
    "full-width digits": but(amount="\uff11\uff12.\uff15\uff10"),
    "hexadecimal": but(amount="0x10.00"),
    "not a number": but(amount="NaN"),
    "infinite": but(amount="Infinity"),
    "one digit too many": but(amount="10000000000000000.00"),
    "beyond 64 bits": but(amount="99999999999999999999999999.00"),
    "zero": but(amount="0.00"),
    "zero without minor digits": but(amount="0", currency="JPY"),
    "no currency": but(currency=None),
    "empty currency": but(currency=""),
    "currency in lower case": but(currency="eur"),
    "currency that is not one": but(currency="XXX"),
    "currency for tests": but(currency="XTS"),
    "gold": but(currency="XAU"),
    "currency that is gone": but(currency="DEM"),
    "currency with a space": but(currency="EUR "),
    "currency by its sign": but(currency="\u20ac"),
    "no payee": but(payee=None),
    "empty payee": but(payee=""),
    "IBAN with one digit wrong": but(payee="DE89370400440532013001"),
    "IBAN with two digits swapped": but(payee="DE98370400440532013000"),
    "IBAN with another country": but(payee="AT89370400440532013000"),
    "IBAN cut short": but(payee="DE8937040044"),
    "IBAN too long": but(payee="DE89" + "3" * 31),
    "IBAN with dashes": but(payee="DE89-3704-0044-0532-0130-00"),
    "IBAN with a tab": but(payee="DE89\t370400440532013000"),
    "IBAN with a no-break space": but(payee="DE89\u00a0370400440532013000"),
    "IBAN with a letter that looks like one": but(payee="\u0410T611904300234573201"),
    "IBAN with the check digits 00": but(payee="DE00370400440532013000"),
    "IBAN with the check digits 99": but(payee="DE99370400440532013000"),
    "IBAN without a country": but(payee="89370400440532013000"),
    "IBAN behind a prefix": but(payee="iban:DE89370400440532013000"),
    "a dotless i does not become an I": but(payee="\u0131E89370400440532013000"),
    "opaque without scheme": but(payee=":4711"),
    "opaque with a scheme in upper case": but(payee="Merchant:4711"),
    "opaque with a scheme that is too long": but(payee="m" * 33 + ":1"),
    "opaque with nothing behind": but(payee="merchant:"),
    "opaque too long": but(payee="merchant:" + "x" * 129),
    "opaque with a space": but(payee="merchant:47 11"),
    "opaque with a line feed": but(payee="merchant:4711\n"),
    "opaque beyond ASCII": but(payee="merchant:caf\u00e9"),
    "empty payee name": but(payee_name=""),
    "payee name with a line feed": but(payee_name="Anna\nBerta"),
    "payee name with a tab": but(payee_name="Anna\tBerta"),
    "payee name with a null": but(payee_name="Anna\u0000"),
    "payee name with an escape": but(payee_name="Anna\u001b[2J"),
    "payee name with delete": but(payee_name="Anna\u007f"),
    "payee name with a C1 control": but(payee_name="Anna\u0085Berta"),
    "payee name with a line separator": but(payee_name="Anna\u2028Berta"),
    "payee name with a paragraph separator": but(payee_name="Anna\u2029Berta"),
    "payee name turned by an override": but(payee_name="\u202eannA"),
    "payee name with an embedding": but(payee_name="Anna\u202aB"),
    "payee name with an isolate": but(payee_name="Anna\u2067B\u2069"),
    "payee name with a left-to-right mark": but(payee_name="Anna\u200eB"),
    "payee name with an Arabic letter mark": but(payee_name="Anna\u061cB"),
    "payee name with a zero-width space": but(payee_name="An\u200bna"),
    "payee name with a zero-width joiner": but(payee_name="An\u200dna"),
    "payee name with a soft hyphen": but(payee_name="An\u00adna"),
    "payee name with a word joiner": but(payee_name="An\u2060na"),
    "payee name with a byte order mark": but(payee_name="\ufeffAnna"),
    "payee name with a variation selector": but(payee_name="Anna\ufe0f"),
    "payee name with a Hangul filler": but(payee_name="An\u3164na"),
    "payee name with a tag": but(payee_name="Anna\U000e0041"),
    "payee name with a noncharacter": but(payee_name="Anna\uffff"),
    "payee name with a noncharacter of the block": but(payee_name="Anna\ufdd0"),
    "payee name with a noncharacter of another plane": but(payee_name="Anna\U0001fffe"),
    "payee name with a private character": but(payee_name="Anna\ue000"),
    "payee name with a replacement character": but(payee_name="Ann\ufffd"),
    "payee name that begins with a space": but(payee_name=" Anna"),
    "payee name that ends with a no-break space": but(payee_name="Anna\u00a0"),
    "payee name that is too long": but(payee_name="x" * 141),
    "payee name that is far too long": but(payee_name="x" * 5000),
    "debtor that is no account": but(debtor="Alice"),
    "debtor with a wrong check digit": but(debtor="GB83WEST12345698765432"),
    "empty reference": but(reference=""),
    "reference of spaces": but(reference="   "),
    "reference with a carriage return": but(reference="a\rb"),
    "reference that is too long": but(reference="\u4e2d" * 141),
    "date with a time": but(execution_date="2026-12-31T00:00:00Z"),
    "date in another order": but(execution_date="31.12.2026"),
    "date without zeros": but(execution_date="2026-1-1"),
    "date that does not exist": but(execution_date="2026-02-30"),
    "leap day of another year": but(execution_date="2100-02-29"),
    "date long ago": but(execution_date="1999-12-31"),
    "date in Arabic digits": but(execution_date="\u0662\u0660\u0662\u0666-12-31"),
    "series of one": but(recurrence="R1/P1M"),
    "series of none": but(recurrence="R0/P1M"),
    "series with a leading zero": but(recurrence="R02/P1M"),
    "series too long": but(recurrence="R10000/P1M"),
    "series by the hour": but(recurrence="R2/PT1H"),
    "series without a length": but(recurrence="R2/PM"),
    "series in words": but(recurrence="monthly"),
    "series too far apart": but(recurrence="R2/P367D"),
    "batch of none": batch("1.00"),
    "batch that is too long": batch("101.00", *[pay("1.00", f"merchant:{number}") for number in range(101)]),
    "batch with another total": batch("5.01", pay("5.00", DE)),
    "batch whose sum overflows": batch(
        "1.00", pay("9999999999999999.99", DE), pay("9999999999999999.99", GB),
    ),
    "batch with a payee beside the list": batch("5.00", pay("5.00", DE), payee=DE),
    "batch with a payee name beside the list": batch("5.00", pay("5.00", DE), payee_name="Anna"),
    "batch with an amount of zero": batch("5.00", pay("5.00", DE), pay("0.00", GB)),
    "batch with a wrong account": batch("5.00", pay("2.50", DE), pay("2.50", "DE89370400440532013001")),
    "batch with a wrong spelling": batch("5.00", pay("2.5", DE), pay("2.50", GB)),
    "batch without a payee": batch("5.00", {"amount": "5.00"}),
    "batch without an amount": batch("5.00", {"payee": DE}),
    "batch with a hidden character": batch("5.00", pay("5.00", DE, payee_name="An\u200bna")),
}

REREAD_REFUSED = {
    "not an object": ["payment"],
    "a string": "payment",
    "unknown member": BASE | {"note": "x"},
    "unknown member in upper case": BASE | {"Amount": "12.50"},
    "amount as a number": BASE | {"amount": 12.5},
    "currency as null": BASE | {"currency": None},
    "reference as null": BASE | {"reference": None},
    "payee as an object": BASE | {"payee": {"iban": DE}},
    "payees as an object": batch("5.00", pay("5.00", DE)) | {"payees": {}},
    "payment as a string": batch("5.00", DE),
    "payment with a currency": batch("5.00", pay("5.00", DE, currency="EUR")),
    "payment with an amount as a number": batch("5.00", {"amount": 5, "payee": DE}),
    "IBAN in its printed form": BASE | {"payee": "DE89 3704 0044 0532 0130 00"},
    "debtor in lower case": BASE | {"debtor": "nl91abna0417164300"},
    "decomposed payee name": BASE | {"payee_name": "Cafe\u0301"},
    "decomposed reference": BASE | {"reference": "Cafe\u0301"},
    "batch with an IBAN in lower case": batch("5.00", pay("5.00", DE.lower())),
    "no amount": {"type": "payment", "currency": "EUR", "payee": DE},
}

NONCE = base64url(bytes(range(32)))
TERMS = {
    "approval": "apr_3kq2", "digest": digest("countersign/intent/v1", build(BASE)), "content_digest": "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:",
    "customer": "cus_alice", "client": "app", "route": "payments", "rp_id": "bank.example", "nonce": NONCE, "exp": 1795262400,
}

APPROVALS = {
    "terms": TERMS,
    "another intent": TERMS | {"digest": digest("countersign/intent/v1", build(but(amount="12.51")))},
    "another customer": TERMS | {"customer": "cus_bob"},
    "another nonce": TERMS | {"nonce": base64url(bytes(range(1, 33)))},
    "a second later": TERMS | {"exp": 1795262401},
    "text beyond ASCII": TERMS | {"client": "caf\u00e9"},
    "no time at all": TERMS | {"exp": 0},
    "the latest time": TERMS | {"exp": 2**53 - 1},
}


def outcome(function, value):
    try:
        function(value)
    except Refused as refused:
        return {"error": refused.error, "member": refused.member}
    raise SystemExit(f"a case that is to be refused passes: {value}")


def valid(name, draft):
    intent = build(draft)
    reread(intent)
    return {
        "name": name, "draft": draft, "intent": intent, "canonical": canonical(intent).decode(),
        "digest": digest("countersign/intent/v1", intent),
    }


def approval(name, terms):
    return {
        "name": name, "terms": terms, "canonical": canonical(terms).decode(),
        "challenge": digest("countersign/approval/v1", terms),
    }


def vectors():
    return {
        "about": "Intents and approval challenges, computed by intent.py. A draft holds texts as they were written; its "
                 "intent is their normal form; canonical is RFC 8785; digest and challenge are base64url of SHA-256 over the "
                 "purpose, a line feed and the canonical bytes. Of a refused batch, member is that of the payment at fault.",
        "valid": [valid(name, draft) for name, draft in VALID.items()],
        "refused": [{"name": name, "draft": draft} | outcome(build, draft) for name, draft in REFUSED.items()],
        "reread_refused": [{"name": name, "json": value} | outcome(reread, value) for name, value in REREAD_REFUSED.items()],
        "approvals": [approval(name, terms) for name, terms in APPROVALS.items()],
    }


def main():
    content = json.dumps(vectors(), indent=1, ensure_ascii=True) + "\n"
    if "--write" in sys.argv[1:]:
        FILE.write_text(content)
    elif FILE.read_text() != content:
        raise SystemExit(f"{FILE} is not what this script computes")
    parsed = json.loads(content)
    digests = {vector["digest"] for vector in parsed["valid"]}
    print(f"{len(parsed['valid'])} valid ({len(digests)} digests), {len(parsed['refused']) + len(parsed['reread_refused'])} refused, "
          f"{len(parsed['approvals'])} approvals")


if __name__ == "__main__":
    main()
