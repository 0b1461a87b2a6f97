"""Writes testdata/vectors/python-*.json with the installed dynamodb-encryption-sdk; their format is in the README there.

    make_vectors.py           writes the files
    make_vectors.py --check   makes everything again and compares, writing nothing

Keys, IVs and data keys come from fixed seeds, so a second run gives the same bytes. The one exception is RSA-OAEP, whose
randomness is OpenSSL's: --check decrypts those items instead.
"""

import json
import logging
import os
import pathlib
import platform
import sys
from importlib.metadata import version

import vector_bytes
import vector_damage
import vector_items
import vector_keys
import vector_peer

FORMAT = "ddbec-vectors/1"
FOLDER = pathlib.Path(__file__).resolve().parents[2] / "testdata" / "vectors"
MAX_BYTES = 300 * 1024


def made_by():
    names = ("dynamodb-encryption-sdk", "boto3", "cryptography")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def used_keys(cases, keys):
    names = {value for case in cases for value in case["provider"].values() if isinstance(value, str)}
    return {name: keys[name] for name in sorted(names & set(keys))}


def items(cases, keys):
    for case in cases:
        vector_peer.encrypt(case, keys)
        check_reading(case, keys)
    return {"kind": "items", "keys": used_keys(cases, keys), "cases": cases}


def check_reading(case, keys):
    if not vector_peer.same_items(vector_peer.decrypt(case, keys), case["plaintext"]):
        sys.exit("make_vectors: {}: the library does not read what it wrote".format(case["id"]))


def make_all():
    keys = vector_keys.make_all()
    damaged = vector_damage.cases(keys)
    return {
        "python-attributes.json": {"kind": "attributes", "cases": vector_bytes.attributes()},
        "python-strings-to-sign.json": {"kind": "strings_to_sign", "cases": vector_bytes.strings_to_sign()},
        "python-descriptions.json": {"kind": "descriptions", "cases": vector_bytes.descriptions()},
        "python-static.json": items(vector_items.static_cases(), keys),
        "python-wrapped-aes.json": items(vector_items.wrapped_aes_cases(), keys),
        "python-wrapped-rsa.json": items(vector_items.wrapped_rsa_cases(), keys),
        "python-kms.json": items(vector_items.kms_cases(), keys),
        "python-damaged.json": {"kind": "damaged_items", "keys": used_keys(damaged, keys), "cases": damaged},
    }


def write(files):
    for name, content in files.items():
        text = json.dumps({"format": FORMAT, "made_by": made_by(), **content}, indent=1, ensure_ascii=True) + "\n"
        if len(text) > MAX_BYTES:
            sys.exit("make_vectors: {} has {} bytes, more than {}".format(name, len(text), MAX_BYTES))
        (FOLDER / name).write_text(text, encoding="ascii")
        print("{:30} {:4} cases {:7} bytes".format(name, len(content["cases"]), len(text)))


def comparable(case):
    """Without what depends on OpenSSL's randomness: an OAEP ciphertext, and what the library makes of a damaged one."""
    if case.get("provider", {}).get("kind") == "wrapped_rsa":
        return {name: value for name, value in case.items() if name not in ("stored", "python")}
    return case


def check(files):
    found = {path.name for path in FOLDER.glob("python-*.json")}
    if found != set(files):
        sys.exit("make_vectors: files differ: {}".format(sorted(found ^ set(files))))
    for name, content in files.items():
        known = json.loads((FOLDER / name).read_text(encoding="ascii"))
        if known["kind"] != content["kind"] or known.get("keys") != content.get("keys"):
            sys.exit("make_vectors: {}: kind or keys differ".format(name))
        if list(map(comparable, known["cases"])) != list(map(comparable, content["cases"])):
            sys.exit("make_vectors: {}: cases differ".format(name))
        for case in known["cases"]:
            if "plaintext" in case:
                check_reading(case, known["keys"])
            elif "python" in case and vector_peer.outcome(case, known["keys"]) != case["python"]:
                sys.exit("make_vectors: {}: {}: another outcome".format(name, case["id"]))
        print("{:30} {:4} cases alike".format(name, len(known["cases"])))


def main(arguments):
    logging.disable(logging.CRITICAL)  # the library logs each failure that the damaged items are made for
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    if arguments == []:
        write(make_all())
    elif arguments == ["--check"]:
        check(make_all())
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
