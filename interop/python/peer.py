"""The Python library behind the line protocol of ../README.md: one JSON request per line in, one JSON answer per line out."""

import json
import logging
import platform
import sys
from importlib.metadata import version

import boto3
from boto3.dynamodb.conditions import Key
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from dynamodb_encryption_sdk.encrypted.item import decrypt_dynamodb_item, encrypt_dynamodb_item
from dynamodb_encryption_sdk.encrypted.table import EncryptedTable

import bench
import itemjson
import providers

# Kept between requests: making a KMS client takes longer than everything else that a request does.
_PROVIDERS = {}
_TABLES = {}
_BENCH = bench.Bench()


def _provider(request):
    cache_key = json.dumps(request["provider"], sort_keys=True)
    if cache_key not in _PROVIDERS:
        _PROVIDERS[cache_key] = providers.provider(request["provider"])
    return _PROVIDERS[cache_key]


def versions(_request):
    packages = ("dynamodb-encryption-sdk", "boto3", "cryptography", "moto")
    answer = {name: version(name) for name in packages}
    answer["python"] = platform.python_version()
    return {"versions": answer}


def encrypt(request):
    item = itemjson.item_from_json(request["item"])
    config = providers.crypto_config(request, _provider(request), item)
    return {"item": itemjson.item_to_json(encrypt_dynamodb_item(item, config))}


def decrypt(request):
    item = itemjson.item_from_json(request["item"])
    config = providers.crypto_config(request, _provider(request), item)
    return {"item": itemjson.item_to_json(decrypt_dynamodb_item(item, config))}


def _native(item):
    read = TypeDeserializer()
    return {name: read.deserialize(value) for name, value in itemjson.item_from_json(item).items()}


def _typed(item):
    write = TypeSerializer()
    return itemjson.item_to_json({name: write.serialize(value) for name, value in item.items()})


def _table(request):
    cache_key = json.dumps([request["provider"], request["table"], request["actions"]], sort_keys=True)
    if cache_key not in _TABLES:
        _TABLES[cache_key] = EncryptedTable(
            table=boto3.resource("dynamodb").Table(request["table"]),
            materials_provider=_provider(request),
            attribute_actions=providers.actions(request["actions"]),
        )
    return _TABLES[cache_key]


def put(request):
    _table(request).put_item(Item=_native(request["item"]))
    return {}


def get(request):
    answer = _table(request).get_item(Key=_native(request["key"]), ConsistentRead=True)
    return {"item": _typed(answer["Item"]) if "Item" in answer else None}


def query(request):
    ((name, value),) = _native(request["key"]).items()
    answer = _table(request).query(KeyConditionExpression=Key(name).eq(value), ConsistentRead=True)
    return {"items": [_typed(item) for item in answer["Items"]]}


def scan(request):
    answer = _table(request).scan(ConsistentRead=True)
    return {"items": [_typed(item) for item in answer["Items"]]}


def delete(request):
    _table(request).delete_item(Key=_native(request["key"]))
    return {}


def rotate(request):
    description = request["provider"]
    providers.meta_store(description).new_provider(description["material_name"])
    return refresh(request)


def refresh(request):
    _provider(request).refresh()
    return {}


def bench_prepare(request):
    return _BENCH.prepare(request, _provider(request))


_OPERATIONS = {
    operation.__name__: operation
    for operation in (versions, encrypt, decrypt, put, get, query, scan, delete, rotate, refresh, bench_prepare)
}
_OPERATIONS["bench"] = _BENCH.run


def main():
    # The library logs every failure with a traceback, and failures are part of what is tried here: the answer has them.
    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = _OPERATIONS[request["op"]](request)
        except Exception as error:  # pylint: disable=broad-except
            answer = {"error": type(error).__name__, "message": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
