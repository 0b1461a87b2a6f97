"""DynamoDB JSON as text, and the form of it that boto3's client and the encryption library use.

The only difference is binary data: base64 text in JSON, bytes in Python.
"""

import base64


def _b64(data):
    return base64.b64encode(bytes(data)).decode("ascii")


def value_from_json(value):
    ((tag, body),) = value.items()
    if tag == "B":
        return {"B": base64.b64decode(body, validate=True)}
    if tag == "BS":
        return {"BS": [base64.b64decode(member, validate=True) for member in body]}
    if tag == "L":
        return {"L": [value_from_json(member) for member in body]}
    if tag == "M":
        return {"M": {name: value_from_json(member) for name, member in body.items()}}
    return {tag: body}


def value_to_json(value):
    ((tag, body),) = value.items()
    if tag == "B":
        return {"B": _b64(body)}
    if tag == "BS":
        return {"BS": [_b64(member) for member in body]}
    if tag == "L":
        return {"L": [value_to_json(member) for member in body]}
    if tag == "M":
        return {"M": {name: value_to_json(member) for name, member in body.items()}}
    return {tag: list(body) if tag in ("SS", "NS") else body}


def item_from_json(item):
    return {name: value_from_json(value) for name, value in item.items()}


def item_to_json(item):
    return {name: value_to_json(value) for name, value in item.items()}
