"""Materials providers and item configurations of dynamodb-encryption-sdk, from their JSON descriptions (../README.md)."""

import base64

import boto3
import botocore.session
from dynamodb_encryption_sdk.delegated_keys.jce import JceNameLocalDelegatedKey
from dynamodb_encryption_sdk.encrypted import CryptoConfig
from dynamodb_encryption_sdk.identifiers import CryptoAction, EncryptionKeyType, KeyEncodingType
from dynamodb_encryption_sdk.material_providers.aws_kms import AwsKmsCryptographicMaterialsProvider
from dynamodb_encryption_sdk.material_providers.most_recent import CachingMostRecentProvider
from dynamodb_encryption_sdk.material_providers.static import StaticCryptographicMaterialsProvider
from dynamodb_encryption_sdk.material_providers.store.meta import MetaStore
from dynamodb_encryption_sdk.material_providers.wrapped import WrappedCryptographicMaterialsProvider
from dynamodb_encryption_sdk.materials.raw import RawDecryptionMaterials, RawEncryptionMaterials
from dynamodb_encryption_sdk.structures import AttributeActions, EncryptionContext


def _key(algorithm, text):
    """A delegated key: raw bytes for AES and HMAC, a PKCS #8 private key for RSA."""
    private = "RSA" in algorithm
    return JceNameLocalDelegatedKey(
        key=base64.b64decode(text, validate=True),
        algorithm=algorithm,
        key_type=EncryptionKeyType.PRIVATE if private else EncryptionKeyType.SYMMETRIC,
        key_encoding=KeyEncodingType.DER if private else KeyEncodingType.RAW,
    )


def static(description):
    signing = _key(description["signing_algorithm"], description["signing_key"])
    encryption = {}
    decryption = {}
    if description.get("encryption_key"):
        content = _key("AES", description["encryption_key"])
        encryption["encryption_key"] = content
        decryption["decryption_key"] = content
    more = description.get("description") or {}
    return StaticCryptographicMaterialsProvider(
        encryption_materials=RawEncryptionMaterials(signing_key=signing, material_description=dict(more), **encryption),
        decryption_materials=RawDecryptionMaterials(verification_key=signing, **decryption),
    )


def wrapped(description, algorithm):
    wrapping = _key(algorithm, description["wrapping_key"])
    return WrappedCryptographicMaterialsProvider(
        signing_key=_key(description["signing_algorithm"], description["signing_key"]),
        wrapping_key=wrapping,
        unwrapping_key=wrapping,
        material_description=dict(description.get("description") or {}),
    )


def kms(description, regional_clients=None):
    return AwsKmsCryptographicMaterialsProvider(
        key_id=description["key_id"],
        botocore_session=botocore.session.Session(),
        material_description=dict(description.get("description") or {}),
        regional_clients=regional_clients,
    )


def meta_store(description):
    return MetaStore(
        table=boto3.resource("dynamodb").Table(description["meta_table"]),
        materials_provider=provider(description["provider"]),
    )


def most_recent(description):
    return CachingMostRecentProvider(
        provider_store=meta_store(description), material_name=description["material_name"], version_ttl=60.0
    )


def provider(description):
    kind = description["kind"]
    if kind == "static":
        return static(description)
    if kind == "wrapped_aes":
        return wrapped(description, "AES")
    if kind == "wrapped_rsa":
        return wrapped(description, "RSA")
    if kind == "kms":
        return kms(description)
    if kind == "most_recent":
        return most_recent(description)
    raise ValueError("unknown provider kind " + kind)


def actions(description):
    return AttributeActions(
        default_action=CryptoAction[description["default"]],
        attribute_actions={name: CryptoAction[action] for name, action in (description.get("overrides") or {}).items()},
    )


def crypto_config(request, materials_provider, item):
    """What encrypt_dynamodb_item and decrypt_dynamodb_item take, with keys ruled as EncryptedTable rules them."""
    rules = actions(request["actions"])
    keys = [name for name in (request.get("partition_key"), request.get("sort_key")) if name]
    rules.set_index_keys(*keys)
    context = EncryptionContext(
        table_name=request.get("table"),
        partition_key_name=request.get("partition_key"),
        sort_key_name=request.get("sort_key"),
        attributes=item,
    )
    return CryptoConfig(materials_provider=materials_provider, encryption_context=context, attribute_actions=rules)
