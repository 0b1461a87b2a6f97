"""A user's own program around the Python library's EncryptedTable, with nothing in it that knows about a test.

    table_story.py write TABLE KEY_ARN   puts the item, then looks at it raw and decrypted
    table_story.py read  TABLE KEY_ARN   looks at an item that somebody else has put

Endpoint, region and credentials come from the environment, as for every boto3 program. The exit status is 0
only if everything seen was as it must be.
"""

import sys
from decimal import Decimal

import boto3
from boto3.dynamodb.types import Binary
from dynamodb_encryption_sdk.encrypted.table import EncryptedTable
from dynamodb_encryption_sdk.identifiers import CryptoAction
from dynamodb_encryption_sdk.material_providers.aws_kms import AwsKmsCryptographicMaterialsProvider
from dynamodb_encryption_sdk.structures import AttributeActions

KEY = {"partition_attribute": "is this", "sort_attribute": 55}
ITEM = {
    **KEY,
    "example": "data",
    "some numbers": 99,
    "and some binary": Binary(b"\x00\x01\x02"),
    "leave me": "alone",
}
RESERVED = {"*amzn-ddb-map-desc*", "*amzn-ddb-map-sig*"}
UNTOUCHED = {"partition_attribute", "sort_attribute", "leave me"}


def check(truth, text):
    if not truth:
        sys.exit("table_story: " + text)


def show(title, item):
    print(title)
    for name in sorted(item):
        value = item[name]
        if isinstance(value, Binary):
            value = bytes(value).hex()
        elif isinstance(value, Decimal):
            value = str(value)
        print("  {:22} {}".format(name, value if len(str(value)) <= 48 else str(value)[:45] + "..."))


def main(mode, table_name, key_arn):
    table = boto3.resource("dynamodb").Table(table_name)
    encrypted_table = EncryptedTable(
        table=table,
        materials_provider=AwsKmsCryptographicMaterialsProvider(key_id=key_arn),
        attribute_actions=AttributeActions(
            default_action=CryptoAction.ENCRYPT_AND_SIGN,
            attribute_actions={"leave me": CryptoAction.DO_NOTHING},
        ),
    )
    if mode == "write":
        encrypted_table.put_item(Item=ITEM)

    raw = table.get_item(Key=KEY, ConsistentRead=True).get("Item", {})
    show("as stored", raw)
    check(set(raw) == set(ITEM) | RESERVED, "attribute names as stored")
    for name in UNTOUCHED:
        check(raw[name] == ITEM[name], name + " must be stored as it is")
    for name in set(ITEM) - UNTOUCHED:
        check(isinstance(raw[name], Binary) and raw[name] != ITEM[name], name + " must be stored encrypted")

    decrypted = encrypted_table.get_item(Key=KEY, ConsistentRead=True)["Item"]
    show("decrypted", decrypted)
    check(decrypted == ITEM, "the decrypted item must equal the one put")


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in ("write", "read"):
        sys.exit(__doc__)
    main(*sys.argv[1:])
