"""The byte layouts by themselves: serialized attributes, strings to sign and material descriptions."""

import itemjson
import vector_items
import vector_keys
from dynamodb_encryption_sdk.internal.formatting.deserialize.attribute import deserialize_attribute
from dynamodb_encryption_sdk.internal.formatting.material_description import deserialize, serialize
from dynamodb_encryption_sdk.internal.formatting.serialize.attribute import serialize_attribute
from dynamodb_encryption_sdk.internal.crypto.authentication import _string_to_sign
from vector_items import D, E, S, b64

import providers
import vector_peer

_NUMBERS = (
    "0 -1 1.0 0.00 0E+5 100 1E2 1E+2 1e-5 1.5E2 +5 5. .5 -.5 00042 55.34000 1.70206220242E+12 -7E-30 123456789012345678e19 "
    "1234567890123456789012345678 0.1234567890123456789012345678"
).split()


def attributes():
    """Value and bytes. Reading the bytes must give the value again, writing the value must give the bytes."""
    values = [{"N": text} for text in _NUMBERS] + list(vector_items.EVERY_TYPE.values())
    values += [{"SS": []}, {"NS": []}, {"BS": []}, {"L": []}, {"M": {}}, {"S": "\u0000"}, {"S": "x" * 300}]
    numbers = vector_keys.stream("serialized attributes")
    values += [vector_items.value(numbers) for _ in range(24)]
    made, seen = [], set()
    for value in values:
        data = serialize_attribute(itemjson.value_from_json(value))
        if repr(value) in seen:
            continue
        seen.add(repr(value))
        back = itemjson.value_to_json(deserialize_attribute(data))
        if not vector_peer.same_items({"v": value}, {"v": back}):
            raise ValueError("the library does not read its own bytes of {}".format(value))
        made.append({"id": "{} {}".format(next(iter(value)), len(made)), "value": value, "hex": data.hex()})
    return made


def strings_to_sign():
    """What the signature covers, for items as they are stored: encrypted attributes are binary already."""
    stored = {
        "id": {"S": "customer#1"},
        "at": {"N": "55.0"},
        "secret": {"B": b64(bytes(range(32)))},
        "seen": {"BS": [b64(b"\xff"), b64(b"\x01")]},
        "skipped": {"S": "x"},
        "\uff5e": {"S": "full width"},
        "\U0001f600": {"SS": ["\U0001f600", "\uff5e"]},
    }
    rules = {"secret": E, "seen": S, "skipped": D, "\uff5e": S, "\U0001f600": S}
    keys_only = {"id": {"S": "customer#1"}, "at": {"N": "55.0"}}
    cases = {
        "mixed actions": ("vectors-table", stored, E, rules),
        "everything signed": ("vectors-table", {**stored, "secret": {"S": "open"}}, S, {}),
        "keys alone": ("vectors-table", keys_only, E, {}),
        "table name of other letters": ("Tabelle_1.x-Y", keys_only, E, {}),
    }
    made = []
    for name, (table, item, default, overrides) in cases.items():
        case = {
            "id": name,
            "table": table,
            "partition_key": "id",
            "sort_key": "at",
            "actions": {"default": default, "overrides": overrides},
            "stored": item,
        }
        rules_with_keys = providers.actions(case["actions"])
        rules_with_keys.set_index_keys("id", "at")
        text = _string_to_sign(itemjson.item_from_json(item), table, rules_with_keys)
        made.append({**case, "hex": bytes(text).hex()})
    return made


def descriptions():
    """Written by the library, or by hand and read by it; either way the entries are what it reads."""

    def read(name, data):
        return {"id": name, "hex": data.hex(), "entries": deserialize({"B": data})}

    def entry(text):
        data = text.encode("utf-8")
        return len(data).to_bytes(4, "big") + data

    made = []
    for name, entries in {
        "empty": {},
        "two entries": {"b": "2", "a": "1"},
        "as a static item has it": {
            "amzn-ddb-map-sym-mode": "/CBC/PKCS5Padding",
            "amzn-ddb-map-signingAlg": "HmacSHA256",
        },
        "unicode": {"\uff5e": "\U0001f600", "\U0001f600": "\uff5e", "": "empty name", "empty value": ""},
    }.items():
        made.append(read(name, serialize(entries)["B"]))
    pair = entry("b") + entry("2") + entry("a") + entry("1")
    made.append(read("not sorted", bytes(4) + pair))
    made.append(read("name twice, the last one counts", bytes(4) + pair + entry("b") + entry("3")))
    return made
