"""The negative cases: items that the library wrote, damaged in one way each, and the class of error that a reader must give.

The classes are those of testdata/vectors/README.md. Where damage must survive the signature check (a fault that only
decryption can meet), the item is signed again with its own key.
"""

import base64
import copy
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from dynamodb_encryption_sdk.internal.crypto.authentication import sign_item
from dynamodb_encryption_sdk.internal.formatting.material_description import deserialize, serialize

import itemjson
import providers
import vector_items
import vector_peer
from vector_items import D, E, S, b64

SIG, DESC = "*amzn-ddb-map-sig*", "*amzn-ddb-map-desc*"
SYM_MODE, SIGNING_ALG = "amzn-ddb-map-sym-mode", "amzn-ddb-map-signingAlg"
ENV_KEY, ENV_ALG, WRAP_ALG, SIG_ALG = "amzn-ddb-env-key", "amzn-ddb-env-alg", "amzn-ddb-wrap-alg", "amzn-ddb-sig-alg"

_ITEM = {"name": {"S": "Ada"}, "tags": {"SS": ["b", "a"]}, "note": {"S": "signed"}, "free": {"S": "unsigned"}}
_RULES = {"note": S, "free": D}
_BASES = {
    "static": {
        "kind": "static",
        "encryption_key": "aes-256",
        "signing_algorithm": "HmacSHA256",
        "signing_key": "hmac-32",
    },
    "static, RSA signature": {
        "kind": "static",
        "encryption_key": "aes-256",
        "signing_algorithm": "SHA256withRSA",
        "signing_key": "rsa-sign",
    },
    "wrapped AES": {
        "kind": "wrapped_aes",
        "wrapping_key": "aes-256",
        "signing_algorithm": "HmacSHA256",
        "signing_key": "hmac-32",
    },
    "wrapped RSA": {
        "kind": "wrapped_rsa",
        "wrapping_key": "rsa-wrap",
        "signing_algorithm": "SHA256withRSA",
        "signing_key": "rsa-sign",
    },
    "Direct KMS": {"kind": "kms", "key_id": vector_items.KEY_ARN},
}


def _bytes_of(case, name):
    return bytearray(base64.b64decode(case["stored"][name]["B"]))


def _flip(case, name, position, bit=1):
    data = _bytes_of(case, name)
    data[position] ^= bit
    case["stored"][name] = {"B": b64(data)}


def _set(case, name, value):
    case["stored"][name] = value


def _without(case, *names):
    for name in names:
        del case["stored"][name]


def _describe(case, **entries):
    """Changes description entries (dashes written as underscores); None removes one. The description is not signed."""
    known = deserialize({"B": bytes(_bytes_of(case, DESC))})
    for name, value in entries.items():
        name = name.replace("_", "-")
        if value is None:
            known.pop(name)
        else:
            known[name] = value
    case["stored"][DESC] = itemjson.value_to_json(serialize(known))


def _edit_env_key(case, edit):
    known = deserialize({"B": bytes(_bytes_of(case, DESC))})
    data = bytearray(base64.b64decode(known[ENV_KEY]))
    _describe(case, amzn_ddb_env_key=b64(edit(data)))


def _flipped(data):
    data[len(data) // 2] ^= 1
    return data


def _resign(case, keys):
    item = itemjson.item_from_json(case["stored"])
    item.pop(SIG)
    item.pop(DESC)
    config = providers.crypto_config(case, _static_provider(case, keys), item)
    key = config.encryption_materials().signing_key
    case["stored"][SIG] = itemjson.value_to_json(sign_item(item, key, config))


def _static_provider(case, keys):
    description = dict(case["provider"])
    for field in ("encryption_key", "signing_key"):
        description[field] = keys[description[field]]
    return providers.provider(description)


def _encrypted(keys, plaintext, pad=True):
    """AES-CBC under the static content key and an IV of zeros, around bytes that no honest writer produces."""
    if pad:
        count = 16 - len(plaintext) % 16
        plaintext = plaintext + bytes([count]) * count
    iv = bytes(16)
    cipher = Cipher(algorithms.AES(base64.b64decode(keys["aes-256"])), modes.CBC(iv)).encryptor()
    return {"B": b64(iv + cipher.update(plaintext) + cipher.finalize())}


def _text(data, size=None):
    return struct.pack(">I", len(data) if size is None else size) + data


_SIGNED_CHANGES = {
    "signature: one bit flipped": lambda c: _flip(c, SIG, 0),
    "signature: cut to 31 bytes": lambda c: _set(c, SIG, {"B": b64(_bytes_of(c, SIG)[:-1])}),
    "signature: one byte more": lambda c: _set(c, SIG, {"B": b64(_bytes_of(c, SIG) + b"\x00")}),
    "signature: empty": lambda c: _set(c, SIG, {"B": ""}),
    "signed value changed": lambda c: _set(c, "note", {"S": "signed!"}),
    "signed value of another type": lambda c: _set(c, "note", {"B": b64(b"signed")}),
    "signed attribute removed": lambda c: _without(c, "note"),
    "key value changed": lambda c: _set(c, "id", {"S": "customer#2"}),
    "sort key value changed": lambda c: _set(c, "at", {"N": "56"}),
    "ciphertext: one bit flipped": lambda c: _flip(c, "name", 20),
    "IV: one bit flipped": lambda c: _flip(c, "name", 0),
    "ciphertext: cut to 15 bytes": lambda c: _set(c, "name", {"B": b64(_bytes_of(c, "name")[:15])}),
    "encrypted attribute replaced by plaintext": lambda c: _set(c, "name", {"S": "Ada"}),
    "encrypted attribute removed": lambda c: _without(c, "name"),
    "attribute added": lambda c: _set(c, "more", {"S": "injected"}),
    "attribute renamed": lambda c: _set(c, "Name", c["stored"].pop("name")),
    "two ciphertexts swapped": lambda c: c["stored"].update(name=c["stored"]["tags"], tags=c["stored"]["name"]),
    "another table's item": lambda c: c.update(table="other-table"),
    "read with note unsigned": lambda c: c["actions"]["overrides"].update(note=D),
    "read with free signed": lambda c: c["actions"]["overrides"].update(free=S),
    "read with name signed only": lambda c: c["actions"]["overrides"].update(name=S),
    "read with note encrypted": lambda c: c["actions"]["overrides"].pop("note"),
    "read with another signing key": lambda c: c["provider"].update(signing_key="hmac-32-other"),
    "read with another hash": lambda c: c["provider"].update(signing_algorithm="HmacSHA512"),
}
_UNSIGNED = {
    "signature removed": lambda c: _without(c, SIG),
    "signature of type S": lambda c: _set(c, SIG, {"S": "text"}),
    "signature and description removed": lambda c: _without(c, SIG, DESC),
}
_NEWER = {
    "item of the successor format": lambda c: (
        _without(c, SIG, DESC),
        _set(c, "aws_dbe_head", {"B": b64(b"\x01")}),
        _set(c, "aws_dbe_foot", {"B": b64(b"\x02")}),
    ),
}
_MALFORMED_DESCRIPTION = {
    "description of type S": lambda c: _set(c, DESC, {"S": "text"}),
    "description: empty": lambda c: _set(c, DESC, {"B": ""}),
    "description: three bytes": lambda c: _set(c, DESC, {"B": b64(b"\0\0\0")}),
    "description: cut in a value": lambda c: _set(c, DESC, {"B": b64(_bytes_of(c, DESC)[:-1])}),
    "description: name without value": lambda c: _set(c, DESC, {"B": b64(bytes(4) + _text(b"a"))}),
    "description: length 7fffffff": lambda c: _set(c, DESC, {"B": b64(bytes(4) + _text(b"a", 0x7FFFFFFF))}),
    "description: length ffffffff": lambda c: _set(c, DESC, {"B": b64(bytes(4) + _text(b"a", 0xFFFFFFFF))}),
    "description: not UTF-8": lambda c: _set(
        c, DESC, {"B": b64(bytes(_bytes_of(c, DESC)) + _text(b"\xff") + _text(b""))}
    ),
    "description removed": lambda c: _without(c, DESC),
    "sym-mode removed": lambda c: _describe(c, amzn_ddb_map_sym_mode=None),
}
_DESCRIPTION_VERSION = {
    "description: version 1": lambda c: _flip(c, DESC, 3),
    "description: version 80000000": lambda c: _flip(c, DESC, 0, 0x80),
}
_STATIC_ALGORITHM = {
    "sym-mode /CBC/NoPadding": lambda c: _describe(c, amzn_ddb_map_sym_mode="/CBC/NoPadding"),
    "sym-mode /ECB/PKCS5Padding": lambda c: _describe(c, amzn_ddb_map_sym_mode="/ECB/PKCS5Padding"),
    "sym-mode in lower case": lambda c: _describe(c, amzn_ddb_map_sym_mode="/cbc/pkcs5padding"),
}
_WRAPPED_AES = {
    "env-key removed": ("malformed_description", lambda c: _describe(c, amzn_ddb_env_key=None)),
    "env-key not base64": ("malformed_description", lambda c: _describe(c, amzn_ddb_env_key="*not base64*")),
    "env-key: one bit flipped": ("unwrap", lambda c: _edit_env_key(c, _flipped)),
    "env-key: cut": ("unwrap", lambda c: _edit_env_key(c, lambda data: data[:-8])),
    "env-key: empty": ("malformed_description", lambda c: _describe(c, amzn_ddb_env_key="")),
    "read with another wrapping key": ("unwrap", lambda c: c["provider"].update(wrapping_key="aes-256-other")),
    "env-alg AES/128 around 32 bytes": ("unwrap", lambda c: _describe(c, amzn_ddb_env_alg="AES/128")),
    "env-alg DESede": ("unsupported_algorithm", lambda c: _describe(c, amzn_ddb_env_alg="DESede")),
    "env-alg removed": ("malformed_description", lambda c: _describe(c, amzn_ddb_env_alg=None)),
    "wrap-alg of RSA": (
        "unsupported_algorithm",
        lambda c: _describe(c, amzn_ddb_wrap_alg="RSA/ECB/OAEPWithSHA-256AndMGF1Padding"),
    ),
    "wrap-alg AES/ECB/NoPadding": (
        "unsupported_algorithm",
        lambda c: _describe(c, amzn_ddb_wrap_alg="AES/ECB/NoPadding"),
    ),
    "wrap-alg removed": ("unsupported_algorithm", lambda c: _describe(c, amzn_ddb_wrap_alg=None)),
    "wrapped: signature flipped": ("invalid_signature", lambda c: _flip(c, SIG, 5)),
    "wrapped: signing key of another": (
        "invalid_signature",
        lambda c: c["provider"].update(signing_key="hmac-32-other"),
    ),
}
_WRAPPED_RSA = {
    "RSA env-key: one bit flipped": ("unwrap", lambda c: _edit_env_key(c, _flipped)),
    "RSA env-key: one byte short": ("unwrap", lambda c: _edit_env_key(c, lambda data: data[:-1])),
    "wrap-alg PKCS #1 v1.5": (
        "unsupported_algorithm",
        lambda c: _describe(c, amzn_ddb_wrap_alg="RSA/ECB/PKCS1Padding"),
    ),
    "wrap-alg RSA": ("unsupported_algorithm", lambda c: _describe(c, amzn_ddb_wrap_alg="RSA")),
    "wrap-alg AESWrap": ("unsupported_algorithm", lambda c: _describe(c, amzn_ddb_wrap_alg="AESWrap")),
    "signingAlg MD5withRSA": (
        "unsupported_algorithm",
        lambda c: _describe(c, **{"amzn_ddb_map_signingAlg": "MD5withRSA"}),
    ),
    "signingAlg SHA512withRSA": (
        "unsupported_algorithm",
        lambda c: _describe(c, **{"amzn_ddb_map_signingAlg": "SHA512withRSA"}),
    ),
    "RSA signature: one bit flipped": ("invalid_signature", lambda c: _flip(c, SIG, 100)),
    "RSA signature: empty": ("invalid_signature", lambda c: _set(c, SIG, {"B": ""})),
    "RSA signature of another key": ("invalid_signature", lambda c: c["provider"].update(signing_key="rsa-wrap")),
}
# "kms": the stub refuses the context or the blob, as KMS does. The others must not reach KMS at all.
_KMS = {
    "KMS: read as another table's": ("kms", lambda c: c.update(table="other-table")),
    "KMS: partition key changed": ("kms", lambda c: _set(c, "id", {"S": "customer#2"})),
    "KMS: env-key changed": ("kms", lambda c: _edit_env_key(c, _flipped)),
    "KMS: env-alg AES/128": ("kms", lambda c: _describe(c, amzn_ddb_env_alg="AES/128")),
    "KMS: sig-alg HmacSHA512/512": ("kms", lambda c: _describe(c, amzn_ddb_sig_alg="HmacSHA512/512")),
    "KMS: signed value changed": ("invalid_signature", lambda c: _set(c, "note", {"S": "signed!"})),
    "KMS: env-key removed": ("malformed_description", lambda c: _describe(c, amzn_ddb_env_key=None)),
    "KMS: env-alg removed": ("malformed_description", lambda c: _describe(c, amzn_ddb_env_alg=None)),
    "KMS: sig-alg removed": ("malformed_description", lambda c: _describe(c, amzn_ddb_sig_alg=None)),
    "KMS: env-key not base64": ("malformed_description", lambda c: _describe(c, amzn_ddb_env_key="?")),
    "KMS: env-alg AES/0": ("unsupported_algorithm", lambda c: _describe(c, amzn_ddb_env_alg="AES/0")),
    "KMS: env-alg AES/99999": ("unsupported_algorithm", lambda c: _describe(c, amzn_ddb_env_alg="AES/99999")),
    "KMS: env-alg AES/+256": ("unsupported_algorithm", lambda c: _describe(c, amzn_ddb_env_alg="AES/+256")),
    "KMS: sig-alg HmacMD5/256": ("unsupported_algorithm", lambda c: _describe(c, amzn_ddb_sig_alg="HmacMD5/256")),
    "KMS: sig-alg HmacSHA256/8": ("unsupported_algorithm", lambda c: _describe(c, amzn_ddb_sig_alg="HmacSHA256/8")),
    "KMS: sig-alg HmacSHA256/130": ("unsupported_algorithm", lambda c: _describe(c, amzn_ddb_sig_alg="HmacSHA256/130")),
    "KMS: sym-mode /CBC/NoPadding": (
        "unsupported_algorithm",
        lambda c: _describe(c, amzn_ddb_map_sym_mode="/CBC/NoPadding"),
    ),
}


def _decryption_faults(keys):
    """New values for the encrypted attribute "name", under a signature that is right."""
    whole = _encrypted(keys, b"\x00s" + _text(b"Ada"))
    data = base64.b64decode(whole["B"])
    return {
        "signed: plaintext where B belongs": ("decrypt", {"S": "Ada"}),
        "signed: 0 bytes": ("decrypt", {"B": ""}),
        "signed: 15 bytes": ("decrypt", {"B": b64(data[:15])}),
        "signed: 16 bytes": ("decrypt", {"B": b64(data[:16])}),
        "signed: 17 bytes": ("decrypt", {"B": b64(data[:17])}),
        "signed: 31 bytes": ("decrypt", {"B": b64(data[:31])}),
        "signed: padding of zeros": ("decrypt", _encrypted(keys, bytes(16), pad=False)),
        "signed: padding of 17": ("decrypt", _encrypted(keys, b"\x11" * 32, pad=False)),
        "signed: padding not alike": (
            "decrypt",
            _encrypted(keys, b"\x00s" + _text(b"AdaAda") + b"\x03\x03\x02\x04", pad=False),
        ),
        "signed: nothing inside": ("malformed_attribute", _encrypted(keys, b"")),
        "signed: unknown tag": ("malformed_attribute", _encrypted(keys, b"\x00x")),
        "signed: first byte 1": ("malformed_attribute", _encrypted(keys, b"\x01s" + _text(b"a"))),
        "signed: byte after the value": ("malformed_attribute", _encrypted(keys, b"\x00s" + _text(b"a") + b"b")),
        "signed: boolean 2": ("malformed_attribute", _encrypted(keys, b"\x00?\x02")),
        "signed: text longer than the rest": ("malformed_attribute", _encrypted(keys, b"\x00s" + _text(b"ab", 9))),
        "signed: list of 7fffffff": ("malformed_attribute", _encrypted(keys, b"\x00L\x7f\xff\xff\xff")),
        "signed: set of ffffffff": ("malformed_attribute", _encrypted(keys, b"\x00S\xff\xff\xff\xff")),
        "signed: map key a number": (
            "malformed_attribute",
            _encrypted(keys, b"\x00M\0\0\0\x01\x00n" + _text(b"1") + b"\0\0"),
        ),
        "signed: map key twice": (
            "malformed_attribute",
            _encrypted(keys, b"\x00M\0\0\0\x02" + (b"\x00s" + _text(b"a") + b"\0\0") * 2),
        ),
        "signed: number NaN": ("malformed_attribute", _encrypted(keys, b"\x00n" + _text(b"NaN"))),
        "signed: number with underscore": ("malformed_attribute", _encrypted(keys, b"\x00n" + _text(b"1_0"))),
        "signed: text not UTF-8": ("malformed_attribute", _encrypted(keys, b"\x00s" + _text(b"\xff\xfe"))),
        "signed: 200 lists in each other": (
            "malformed_attribute",
            _encrypted(keys, b"\x00L\0\0\0\x01" * 200 + b"\0\0"),
        ),
    }


def cases(keys):
    bases = {}
    for name, provider in _BASES.items():
        base = vector_items.case(provider, "base of negative cases", _ITEM, vector_items.KEYS_SN, E, _RULES)
        bases[name] = vector_peer.encrypt(base, keys)
    made = []

    def add(base, name, error, change):
        case = copy.deepcopy(bases[base])
        case.pop("plaintext")
        case["id"] = name
        case["error"] = error
        change(case)
        case["python"] = vector_peer.outcome(copy.deepcopy(case), keys)
        made.append(case)

    for error, changes in (
        ("invalid_signature", _SIGNED_CHANGES),
        ("unsigned", _UNSIGNED),
        ("newer_format", _NEWER),
        ("malformed_description", _MALFORMED_DESCRIPTION),
        ("description_version", _DESCRIPTION_VERSION),
        ("unsupported_algorithm", _STATIC_ALGORITHM),
    ):
        for name, change in changes.items():
            add("static", name, error, change)
    for name, (error, value) in _decryption_faults(keys).items():
        add("static", name, error, lambda case, value=value: (_set(case, "name", value), _resign(case, keys)))
    for base, changes in (("wrapped AES", _WRAPPED_AES), ("wrapped RSA", _WRAPPED_RSA), ("Direct KMS", _KMS)):
        for name, (error, change) in changes.items():
            add(base, name, error, change)
    return made
