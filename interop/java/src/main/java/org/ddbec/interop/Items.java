package org.ddbec.interop;

import com.amazonaws.services.dynamodbv2.datamodeling.encryption.DynamoDBEncryptor;
import com.amazonaws.services.dynamodbv2.datamodeling.encryption.EncryptionContext;
import com.amazonaws.services.dynamodbv2.datamodeling.encryption.EncryptionFlags;
import com.amazonaws.services.dynamodbv2.datamodeling.encryption.providers.EncryptionMaterialsProvider;
import com.amazonaws.services.dynamodbv2.model.AttributeValue;
import com.fasterxml.jackson.databind.JsonNode;
import java.security.GeneralSecurityException;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** The library's item encryptor under a configuration in JSON (../README.md). */
final class Items {
    static final String SIGNATURE = "*amzn-ddb-map-sig*";
    static final String DESCRIPTION = "*amzn-ddb-map-desc*";

    private Items() {}

    static Map<String, AttributeValue> encrypt(
            EncryptionMaterialsProvider provider, JsonNode config, Map<String, AttributeValue> item)
            throws GeneralSecurityException {
        return DynamoDBEncryptor.getInstance(provider)
                .encryptRecord(item, flags(config, item.keySet()), context(config));
    }

    static Map<String, AttributeValue> decrypt(
            EncryptionMaterialsProvider provider, JsonNode config, Map<String, AttributeValue> stored)
            throws GeneralSecurityException {
        return DynamoDBEncryptor.getInstance(provider)
                .decryptRecord(stored, flags(config, ruled(stored)), context(config));
    }

    /** Reserved attributes have no action, whatever the default is. */
    static Set<String> ruled(Map<String, AttributeValue> stored) {
        Set<String> names = new HashSet<>(stored.keySet());
        names.remove(SIGNATURE);
        names.remove(DESCRIPTION);
        return names;
    }

    /** A request without a table name or without keys makes a context without them. */
    static EncryptionContext context(JsonNode request) {
        EncryptionContext.Builder context = new EncryptionContext.Builder();
        if (request.hasNonNull("table")) {
            context.withTableName(request.get("table").textValue());
        }
        if (request.hasNonNull("partition_key")) {
            context.withHashKeyName(request.get("partition_key").textValue());
        }
        if (request.hasNonNull("sort_key")) {
            context.withRangeKeyName(request.get("sort_key").textValue());
        }
        return context.build();
    }

    /**
     * The library wants flags for each attribute by its name. An attribute that is DO_NOTHING by default is left out, as
     * one is that a Java program does not know; one whose override says so is listed without flags. To the library the two
     * differ if nothing else has flags. A key that no override names is signed, as the library's mapper has it.
     */
    static Map<String, Set<EncryptionFlags>> flags(JsonNode request, Iterable<String> names) {
        JsonNode actions = request.get("actions");
        Map<String, Set<EncryptionFlags>> flags = new HashMap<>();
        for (String name : names) {
            JsonNode override = actions.path("overrides").get(name);
            String action = override != null
                    ? override.textValue()
                    : isKey(request, name) ? "SIGN_ONLY" : actions.get("default").textValue();
            switch (action) {
                case "ENCRYPT_AND_SIGN" -> flags.put(name, EnumSet.of(EncryptionFlags.ENCRYPT, EncryptionFlags.SIGN));
                case "SIGN_ONLY" -> flags.put(name, EnumSet.of(EncryptionFlags.SIGN));
                case "DO_NOTHING" -> {
                    if (override != null) {
                        flags.put(name, EnumSet.noneOf(EncryptionFlags.class));
                    }
                }
                default -> throw new IllegalArgumentException("unknown action " + action);
            }
        }
        return flags;
    }

    private static boolean isKey(JsonNode request, String name) {
        return name.equals(request.path("partition_key").textValue())
                || name.equals(request.path("sort_key").textValue());
    }
}
