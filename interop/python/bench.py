"""The operations bench_prepare and bench of the protocol in ../README.md."""

import gc
import threading
import time

import boto3
from dynamodb_encryption_sdk.encrypted.client import EncryptedClient
from dynamodb_encryption_sdk.encrypted.item import decrypt_dynamodb_item, encrypt_dynamodb_item

import itemjson
import providers


class Bench:
    """Does the work that was prepared last, over and over."""

    def __init__(self):
        self._work = None
        self._threads = 0

    def prepare(self, request, materials_provider):
        items = [itemjson.item_from_json(item) for item in request["items"]]
        if request["work"] == "scan":
            self._work = _scan(request, materials_provider, items)
        else:
            config = providers.crypto_config(request, materials_provider, items[0])
            self._work = {"encrypt": _encrypt, "decrypt": _decrypt}[request["work"]](items[0], config)
        self._threads = request["threads"]
        answer = {"items": [itemjson.item_to_json(item) for item in self._work()]}
        gc.collect()  # here, not while something is measured
        return answer

    def run(self, request):
        """In more than one thread the interpreter's lock lets one of them run at a time, but for what OpenSSL does."""
        counts = [0] * self._threads
        errors = []
        start = time.perf_counter_ns()
        end = start + int(request["seconds"] * 1e9)
        work = self._work

        def repeat(index):
            done = 0
            try:
                while True:
                    work()
                    done += 1
                    if time.perf_counter_ns() >= end:
                        break
            except Exception as error:  # pylint: disable=broad-except
                errors.append(error)
            counts[index] = done

        if len(counts) == 1:
            repeat(0)
        else:
            threads = [threading.Thread(target=repeat, args=(index,)) for index in range(len(counts))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        elapsed = time.perf_counter_ns() - start
        if errors:
            raise errors[0]
        return {"iterations": sum(counts), "nanoseconds": elapsed}


def _encrypt(item, config):
    return lambda: [encrypt_dynamodb_item(item, config)]


def _decrypt(item, config):
    # The library takes the reserved attributes out of what it is given.
    return lambda: [decrypt_dynamodb_item(item.copy(), config)]


def _scan(request, materials_provider, items):
    """The library's client over one of boto3's that has all answers ready."""
    client = boto3.client("dynamodb")
    client.describe_table = lambda TableName: {
        "Table": {"KeySchema": [{"AttributeName": request["partition_key"], "KeyType": "HASH"}]}
    }
    client.scan = lambda TableName: {"Items": [item.copy() for item in items]}
    encrypted = EncryptedClient(
        client=client,
        materials_provider=materials_provider,
        attribute_actions=providers.actions(request["actions"]),
    )
    return lambda: encrypted.scan(TableName=request["table"])["Items"]
