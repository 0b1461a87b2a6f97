package org.ddbec.interop;

import com.amazonaws.services.dynamodbv2.datamodeling.encryption.DynamoDBEncryptor;
import com.amazonaws.services.dynamodbv2.datamodeling.encryption.providers.CachingMostRecentProvider;
import com.amazonaws.services.dynamodbv2.datamodeling.encryption.providers.DirectKmsMaterialProvider;
import com.amazonaws.services.dynamodbv2.datamodeling.encryption.providers.EncryptionMaterialsProvider;
import com.amazonaws.services.dynamodbv2.datamodeling.encryption.providers.SymmetricStaticProvider;
import com.amazonaws.services.dynamodbv2.datamodeling.encryption.providers.WrappedMaterialsProvider;
import com.amazonaws.services.dynamodbv2.datamodeling.encryption.providers.store.MetaStore;
import com.amazonaws.services.dynamodbv2.model.AttributeValue;
import com.amazonaws.services.kms.AWSKMS;
import com.fasterxml.jackson.databind.JsonNode;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.RSAPublicKeySpec;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;

/** Materials providers of the Java library, from their JSON descriptions (../README.md). */
final class Providers {
    /** What the library signs with under an RSA key if nothing else is said. */
    private static final String DEFAULT_SIGNATURE = "SHA256withRSA";

    private static final long TTL_MILLIS = 60_000;

    private Providers() {}

    static EncryptionMaterialsProvider provider(JsonNode spec) throws GeneralSecurityException {
        return switch (spec.get("kind").textValue()) {
            case "static" -> staticKeys(spec);
            case "wrapped_aes" -> {
                Key wrapping = secret(spec, "wrapping_key", "AES");
                yield wrapped(spec, wrapping, wrapping);
            }
            case "wrapped_rsa" -> {
                KeyPair wrapping = keyPair(spec, "wrapping_key");
                yield wrapped(spec, wrapping.getPublic(), wrapping.getPrivate());
            }
            case "kms" -> kms(spec, Clients.kms());
            case "most_recent" -> new CachingMostRecentProvider(
                    metaStore(spec), spec.get("material_name").textValue(), TTL_MILLIS);
            default -> throw new IllegalArgumentException("unknown provider kind " + spec.get("kind"));
        };
    }

    static EncryptionMaterialsProvider kms(JsonNode spec, AWSKMS client) {
        return new DirectKmsMaterialProvider(client, spec.get("key_id").textValue(), description(spec));
    }

    static MetaStore metaStore(JsonNode spec) throws GeneralSecurityException {
        return new MetaStore(
                Clients.dynamoDB(),
                spec.get("meta_table").textValue(),
                DynamoDBEncryptor.getInstance(provider(spec.get("provider"))),
                new ExtraData(spec));
    }

    /** Attributes that each row of a store has besides those of the format. */
    private record ExtraData(JsonNode spec) implements MetaStore.ExtraDataSupplier {
        @Override
        public Map<String, AttributeValue> getAttributes(String materialName, long version) {
            return ItemJson.item(spec.path("extra"));
        }

        @Override
        public Set<String> getSignedOnlyFieldNames() {
            Set<String> names = new HashSet<>();
            spec.path("extra_signed_only").forEach(name -> names.add(name.textValue()));
            return names;
        }
    }

    private static EncryptionMaterialsProvider staticKeys(JsonNode spec) throws GeneralSecurityException {
        SecretKey content = spec.hasNonNull("encryption_key") ? secret(spec, "encryption_key", "AES") : null;
        if (signsByRSA(spec)) {
            return new SymmetricStaticProvider(content, keyPair(spec, "signing_key"), description(spec));
        }
        return new SymmetricStaticProvider(content, mac(spec), description(spec));
    }

    private static EncryptionMaterialsProvider wrapped(JsonNode spec, Key wrap, Key unwrap)
            throws GeneralSecurityException {
        if (signsByRSA(spec)) {
            return new WrappedMaterialsProvider(wrap, unwrap, keyPair(spec, "signing_key"), description(spec));
        }
        return new WrappedMaterialsProvider(wrap, unwrap, mac(spec), description(spec));
    }

    private static boolean signsByRSA(JsonNode spec) {
        return spec.path("signing_algorithm").asText().endsWith("withRSA");
    }

    private static SecretKey mac(JsonNode spec) {
        return secret(spec, "signing_key", spec.get("signing_algorithm").textValue());
    }

    private static SecretKey secret(JsonNode spec, String field, String algorithm) {
        return new SecretKeySpec(Base64.getDecoder().decode(spec.get(field).textValue()), algorithm);
    }

    private static KeyPair keyPair(JsonNode spec, String field) throws GeneralSecurityException {
        byte[] pkcs8 = Base64.getDecoder().decode(spec.get(field).textValue());
        KeyFactory rsa = KeyFactory.getInstance("RSA");
        RSAPrivateCrtKey key = (RSAPrivateCrtKey) rsa.generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
        return new KeyPair(rsa.generatePublic(new RSAPublicKeySpec(key.getModulus(), key.getPublicExponent())), key);
    }

    private static Map<String, String> description(JsonNode spec) {
        Map<String, String> entries = new HashMap<>();
        spec.path("description").fields().forEachRemaining(e -> entries.put(e.getKey(), e.getValue().textValue()));
        if (signsByRSA(spec) && !spec.get("signing_algorithm").textValue().equals(DEFAULT_SIGNATURE)) {
            // The one way to choose another: an entry of the user's own.
            entries.put(DynamoDBEncryptor.DEFAULT_SIGNING_ALGORITHM_HEADER, spec.get("signing_algorithm").textValue());
        }
        return entries;
    }
}
