"""The positive cases: items of all ten types, through each provider and every algorithm that it knows."""

import base64

import vector_keys

E, S, D = "ENCRYPT_AND_SIGN", "SIGN_ONLY", "DO_NOTHING"
KEY_ARN = "arn:aws:kms:us-east-1:111122223333:key/3a1b6f0e-5c2d-4e8f-9a70-1b2c3d4e5f60"


def b64(data):
    return base64.b64encode(data).decode("ascii")


# Each type, and what is easily got wrong about it. Spellings of numbers are those of a careless caller.
EVERY_TYPE = {
    "null": {"NULL": True},
    "yes": {"BOOL": True},
    "no": {"BOOL": False},
    "text": {"S": "Grüße, 世界 \U0001f30d"},
    "empty text": {"S": ""},
    "number": {"N": "1.0"},
    "exponent": {"N": "1E2"},
    "plus": {"N": "+5"},
    "small": {"N": "-0.00000000000000000000012300"},
    "28 digits": {"N": "9876543210987654321098765432"},
    "bytes": {"B": b64(bytes(range(0, 256, 5)))},
    "empty bytes": {"B": ""},
    "texts": {"SS": ["b", "a", "", "B", "\uff5e", "\U0001f600", "é"]},
    "numbers": {"NS": ["10", "9", "-1", "2E1", "0.50"]},
    "binaries": {"BS": [b64(b) for b in (b"\x80", b"\x7f", b"\xff\x00", b"\x01", b"")]},
    "list": {"L": [{"N": "3.140"}, {"NULL": True}, {"L": []}, {"BS": [b64(b"\xff"), b64(b"\x00")]}]},
    "map": {
        "M": {
            "\uff5e": {"S": "full width"},
            "\U0001f600": {"S": "astral"},
            "z": {"M": {}},
            "": {"M": {"deep": {"L": [{"M": {"deeper": {"NS": ["1", "-1"]}}}]}}},
        }
    },
}
KEYS_S = {"id": {"S": "customer#1"}}
KEYS_SN = {"id": {"S": "customer#1"}, "at": {"N": "55"}}
KEYS_BS = {"id": {"B": b64(b"\x00\x80\xff")}, "at": {"S": "2024-01-01"}}
KEYS_NB = {"id": {"N": "-12.5"}, "at": {"B": b64(b"\xfe\xfd")}}
ALL_KEYS = (KEYS_S, KEYS_SN, KEYS_BS, KEYS_NB)


def _text(numbers):
    alphabet = "abcXYZ 0189_-.#:é\u00df\u4e16\ufb01\uff5e\U0001f600\U0001d11e"
    return "".join(numbers.choice(alphabet) for _ in range(numbers.randrange(12)))


def _number(numbers):
    # The library keeps 28 digits; ".50" adds one that counts.
    digits = str(numbers.randrange(1, 10 ** numbers.randrange(1, 28)))
    sign = numbers.choice(("", "", "-"))
    return sign + numbers.choice((digits, digits + ".50", "0." + digits, digits + "E-" + str(numbers.randrange(60))))


def _distinct(numbers, make, key=lambda member: member):
    members = {key(member): member for member in (make(numbers) for _ in range(numbers.randrange(1, 6)))}
    return list(members.values())


def value(numbers, depth=0):
    tags = ["NULL", "BOOL", "S", "N", "B", "SS", "NS", "BS"] + (["L", "M"] if depth < 3 else [])
    tag = numbers.choice(tags)
    if tag == "NULL":
        return {tag: True}
    if tag == "BOOL":
        return {tag: numbers.random() < 0.5}
    if tag == "S":
        return {tag: _text(numbers)}
    if tag == "N":
        return {tag: _number(numbers)}
    if tag == "B":
        return {tag: b64(numbers.randbytes(numbers.randrange(50)))}
    if tag == "SS":
        return {tag: _distinct(numbers, _text)}
    if tag == "NS":
        return {tag: _distinct(numbers, lambda n: str(n.randrange(-(10**20), 10**20)))}
    if tag == "BS":
        return {tag: _distinct(numbers, lambda n: b64(n.randbytes(n.randrange(4))))}
    if tag == "L":
        return {tag: [value(numbers, depth + 1) for _ in range(numbers.randrange(5))]}
    return {tag: {_text(numbers): value(numbers, depth + 1) for _ in range(numbers.randrange(5))}}


def case(provider, name, item, keys, default=E, overrides=None):
    """One case without its stored form. Keys are ruled explicitly where Python's rule would leave them unsigned."""
    overrides = dict(overrides or {})
    if default == D:
        overrides.update({key: S for key in keys})
    names = list(keys)
    made = {
        "id": name,
        "provider": provider,
        "table": "vectors-table",
        "partition_key": names[0],
        "actions": {"default": default, "overrides": overrides},
        "plaintext": {**keys, **item},
    }
    if len(names) > 1:
        made["sort_key"] = names[1]
    return made


def _mixed(item):
    """Some attributes of each action, by position."""
    return {name: (E, S, D)[position % 3] for position, name in enumerate(sorted(item))}


def _for_provider(label, providers):
    """The hand-made items with the first provider, a mixed one with each, random ones with all in turn."""
    first = providers[0][1]
    made = [
        case(first, "every type encrypted", EVERY_TYPE, KEYS_SN),
        case(first, "every type signed only", EVERY_TYPE, KEYS_SN, S),
        case(first, "keys alone", {}, KEYS_S),
        case(first, "one encrypted, rest untouched", EVERY_TYPE, KEYS_BS, D, {"map": E}),
    ]
    for position, (name, provider) in enumerate(providers):
        made.append(case(provider, name, EVERY_TYPE, ALL_KEYS[position % 4], E, _mixed(EVERY_TYPE)))
    numbers = vector_keys.stream(label + " random items")
    for position in range(12):
        provider = providers[position % len(providers)][1]
        item = {"{}{}".format(_text(numbers), index): value(numbers) for index in range(numbers.randrange(1, 8))}
        made.append(
            case(
                provider,
                "random {}".format(position),
                item,
                numbers.choice(ALL_KEYS),
                numbers.choice((E, E, S, D)),
                {name: numbers.choice((E, S, D)) for name in item if numbers.random() < 0.4},
            )
        )
    return made


def static_cases():
    def provider(content, algorithm, signing, description=None):
        made = {"kind": "static", "signing_algorithm": algorithm, "signing_key": signing}
        if content:
            made["encryption_key"] = content
        if description:
            made["description"] = description
        return made

    made = _for_provider(
        "static",
        [
            ("AES-256, HmacSHA256", provider("aes-256", "HmacSHA256", "hmac-32")),
            ("AES-192, HmacSHA384", provider("aes-192", "HmacSHA384", "hmac-64")),
            ("AES-128, HmacSHA512", provider("aes-128", "HmacSHA512", "hmac-64")),
            ("AES-256, HmacSHA224, short key", provider("aes-256", "HmacSHA224", "hmac-10")),
            ("AES-256, SHA256withRSA", provider("aes-256", "SHA256withRSA", "rsa-sign")),
            ("AES-256, SHA512withRSA", provider("aes-256", "SHA512withRSA", "rsa-sign")),
            ("description of the user's", provider("aes-256", "HmacSHA256", "hmac-32", {"owner": "Ünïcode", "": ""})),
        ],
    )
    unencrypted = provider(None, "HmacSHA256", "hmac-32")
    made.append(case(unencrypted, "no content key", {"note": {"S": "signed"}}, KEYS_S, S))
    unsigned = case(provider("aes-256", "HmacSHA256", "hmac-32"), "keys left unsigned", EVERY_TYPE, KEYS_SN, D)
    unsigned["actions"]["overrides"] = {"text": E, "number": S}
    unsigned["unsigned_keys"] = True
    made.append(unsigned)
    for name in ("none named", "None"):
        nameless = case(provider("aes-256", "HmacSHA256", "hmac-32"), "table name: " + name, {"a": {"S": "b"}}, KEYS_S)
        # Without a table name the library signs the text "None"; a table of that name is the same to it.
        nameless["table"] = None if name == "none named" else name
        made.append(nameless)
    return made


def wrapped_aes_cases():
    def provider(wrapping, algorithm, signing, content=None):
        made = {"kind": "wrapped_aes", "wrapping_key": wrapping, "signing_algorithm": algorithm, "signing_key": signing}
        if content:
            made["description"] = {"amzn-ddb-env-alg": content}
        return made

    return _for_provider(
        "wrapped aes",
        [
            ("256-bit wrapping key, HmacSHA256", provider("aes-256", "HmacSHA256", "hmac-32")),
            ("192-bit wrapping key, content AES/192", provider("aes-192", "HmacSHA384", "hmac-64", "AES/192")),
            ("128-bit wrapping key, content AES/128", provider("aes-128", "HmacSHA512", "hmac-64", "AES/128")),
            ("256-bit wrapping key, SHA256withRSA", provider("aes-256", "SHA256withRSA", "rsa-sign")),
        ],
    )


def wrapped_rsa_cases():
    def provider(algorithm, signing, description=None):
        made = {
            "kind": "wrapped_rsa",
            "wrapping_key": "rsa-wrap",
            "signing_algorithm": algorithm,
            "signing_key": signing,
        }
        if description:
            made["description"] = description
        return made

    def oaep(digest):
        return {"amzn-ddb-wrap-alg": "RSA/ECB/OAEPWith{}AndMGF1Padding".format(digest)}

    return _for_provider(
        "wrapped rsa",
        [
            ("OAEP SHA-256, SHA256withRSA", provider("SHA256withRSA", "rsa-sign")),
            ("OAEP SHA-256, HmacSHA256", provider("HmacSHA256", "hmac-32")),
            ("OAEP SHA-256, one key for both, SHA384withRSA", provider("SHA384withRSA", "rsa-wrap")),
            ("OAEP SHA-1, SHA224withRSA", provider("SHA224withRSA", "rsa-sign", oaep("SHA-1"))),
            ("OAEP SHA-384, SHA512withRSA", provider("SHA512withRSA", "rsa-sign", oaep("SHA-384"))),
            (
                "OAEP SHA-512, content AES/128",
                provider("SHA256withRSA", "rsa-sign", {**oaep("SHA-512"), "amzn-ddb-env-alg": "AES/128"}),
            ),
        ],
    )


def kms_cases():
    def provider(content=None, signing=None):
        made = {"kind": "kms", "key_id": KEY_ARN}
        description = {}
        if content:
            description["amzn-ddb-env-alg"] = content
        if signing:
            description["amzn-ddb-sig-alg"] = signing
        if description:
            made["description"] = description
        return made

    made = _for_provider(
        "kms",
        [
            ("defaults", provider()),
            ("AES/128, HmacSHA512/512", provider("AES/128", "HmacSHA512/512")),
            ("AES/192, HmacSHA384/384", provider("AES/192", "HmacSHA384/384")),
            ("no sizes", provider("AES", "HmacSHA224")),
        ],
    )
    for name, keys in {
        "number keys as the service spells them": {"id": {"N": "55"}, "at": {"N": "-0.5"}},
        "number key spelled 1.0": {"id": {"N": "1.0"}},
        "binary key whose base64 needs padding": {"id": {"B": b64(b"\x00")}},
        "text keys that look like entries of the context": {"id": {"S": "*aws-kms-table*"}, "at": {"S": "AES/256"}},
    }.items():
        made.append(case(provider(), name, {"a": {"S": "b"}}, keys))
    return made
