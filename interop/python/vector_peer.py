"""One vector case through the Python library: the same fields that the files have, with keys by name and a KMS that is a stub."""

import base64
import decimal

import boto3
import botocore.exceptions
import botocore.validate
from dynamodb_encryption_sdk.encrypted.item import decrypt_dynamodb_item, encrypt_dynamodb_item

import itemjson
import providers
import vector_keys

_KEY_FIELDS = ("encryption_key", "signing_key", "wrapping_key")


def _kms_provider(case, blob_label=None):
    """Answers for exactly one data key under exactly one encryption context, which it notes in the case."""
    client = boto3.client("kms", region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")

    def generate_data_key(KeyId, NumberOfBytes, EncryptionContext):
        numbers = vector_keys.stream(blob_label)
        key, blob = numbers.randbytes(NumberOfBytes), numbers.randbytes(96)
        case["kms"] = {
            "key_id": KeyId,
            "plaintext": base64.b64encode(key).decode("ascii"),
            "ciphertext_blob": base64.b64encode(blob).decode("ascii"),
            "encryption_context": dict(sorted(EncryptionContext.items())),
        }
        return {"KeyId": KeyId, "Plaintext": key, "CiphertextBlob": blob}

    def decrypt(CiphertextBlob, EncryptionContext):
        # botocore checks types before it sends anything, and so do we: the library may ask with None for a text.
        parameters = {"CiphertextBlob": CiphertextBlob, "EncryptionContext": EncryptionContext}
        botocore.validate.validate_parameters(
            parameters, client.meta.service_model.operation_model("Decrypt").input_shape
        )
        known = case["kms"]
        if (
            CiphertextBlob != base64.b64decode(known["ciphertext_blob"])
            or EncryptionContext != known["encryption_context"]
        ):
            raise botocore.exceptions.ClientError({"Error": {"Code": "InvalidCiphertextException"}}, "Decrypt")
        return {"KeyId": known["key_id"], "Plaintext": base64.b64decode(known["plaintext"])}

    client.generate_data_key = generate_data_key
    client.decrypt = decrypt
    return providers.kms(case["provider"], {"us-east-1": client})


def _provider(case, keys, blob_label=None):
    description = dict(case["provider"])
    if description["kind"] == "kms":
        return _kms_provider(case, blob_label)
    for field in _KEY_FIELDS:
        if field in description:
            description[field] = keys[description[field]]
    return providers.provider(description)


def encrypt(case, keys):
    """Adds "stored" to the case (and "kms", for a KMS provider)."""
    item = itemjson.item_from_json(case["plaintext"])
    label = case["provider"]["kind"] + "/" + case["id"]
    config = providers.crypto_config(case, _provider(case, keys, label + "/data key"), item)
    with vector_keys.seeded(label):
        case["stored"] = itemjson.item_to_json(encrypt_dynamodb_item(item, config))
    return case


def decrypt(case, keys):
    item = itemjson.item_from_json(case["stored"])
    config = providers.crypto_config(case, _provider(case, keys), item)
    return itemjson.item_to_json(decrypt_dynamodb_item(item, config))


def outcome(case, keys):
    """What the library makes of a stored item that it should refuse: the name of its exception, or "accepts"."""
    try:
        decrypt(case, keys)
    except Exception as error:  # pylint: disable=broad-except
        return type(error).__name__
    return "accepts"


def same_items(one, other):
    return {name: _canonical(value) for name, value in one.items()} == {
        name: _canonical(value) for name, value in other.items()
    }


def _number(text):
    with decimal.localcontext() as context:
        context.prec = 400
        return decimal.Decimal(text) + 0


def _canonical(value):
    ((tag, body),) = value.items()
    if tag == "N":
        return tag, _number(body)
    if tag == "NS":
        return tag, sorted(map(_number, body))
    if tag in ("SS", "BS"):
        return tag, sorted(body)
    if tag == "L":
        return tag, [_canonical(member) for member in body]
    if tag == "M":
        return tag, {name: _canonical(member) for name, member in body.items()}
    return tag, body
