package org.ddbec.interop;

import com.amazonaws.services.dynamodbv2.datamodeling.encryption.Internals;
import com.amazonaws.services.dynamodbv2.model.AttributeValue;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import javax.crypto.Cipher;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/** Carries out the changes of vector_cases.json on a stored item, or on how it is read. */
final class Damage {
    private static final String WRAPPED_KEY = "amzn-ddb-env-key";

    private Damage() {}

    static void apply(ObjectNode made, JsonNode keys, JsonNode changes) throws GeneralSecurityException {
        for (JsonNode change : changes) {
            apply(made, keys, change.get(0).textValue(), change);
        }
    }

    private static void apply(ObjectNode made, JsonNode keys, String what, JsonNode change)
            throws GeneralSecurityException {
        ObjectNode stored = (ObjectNode) made.get("stored");
        String name = change.path(1).asText();
        switch (what) {
            case "flip" -> {
                byte[] data = bytes(stored, name);
                data[change.get(2).intValue()] ^= (byte) change.path(3).asInt(1);
                set(stored, name, data);
            }
            case "cut" -> set(stored, name, Arrays.copyOf(bytes(stored, name), change.get(2).intValue()));
            case "append" -> {
                byte[] more = HexFormat.of().parseHex(change.get(2).textValue());
                byte[] data = bytes(stored, name);
                byte[] whole = Arrays.copyOf(data, data.length + more.length);
                System.arraycopy(more, 0, whole, data.length, more.length);
                set(stored, name, whole);
            }
            case "bytes" -> set(stored, name, HexFormat.of().parseHex(change.get(2).textValue()));
            case "set" -> stored.set(name, change.get(2));
            case "remove" -> stored.remove(name);
            case "swap" -> {
                JsonNode one = stored.get(name);
                stored.set(name, stored.get(change.get(2).textValue()));
                stored.set(change.get(2).textValue(), one);
            }
            case "rename" -> stored.set(change.get(2).textValue(), stored.remove(name));
            case "describe" -> describe(stored, name, change.get(2).textValue());
            case "wrapped key flipped" -> {
                byte[] wrapped = Base64.getDecoder().decode(entries(stored).get(WRAPPED_KEY));
                wrapped[wrapped.length / 2] ^= 1;
                describe(stored, WRAPPED_KEY, Base64.getEncoder().encodeToString(wrapped));
            }
            case "wrapped key cut" -> {
                byte[] wrapped = Base64.getDecoder().decode(entries(stored).get(WRAPPED_KEY));
                byte[] less = Arrays.copyOf(wrapped, wrapped.length - change.get(1).intValue());
                describe(stored, WRAPPED_KEY, Base64.getEncoder().encodeToString(less));
            }
            case "table" -> made.put("table", name);
            case "provider" -> ((ObjectNode) made.get("provider")).set(name, change.get(2));
            case "action" -> ((ObjectNode) made.get("actions").get("overrides")).set(name, change.get(2));
            case "default action" -> ((ObjectNode) made.get("actions").get("overrides")).remove(name);
            case "seal" -> {
                set(stored, name, sealed(made, keys, change));
                sign(made, keys);
            }
            case "sign" -> sign(made, keys);
            default -> throw new IllegalArgumentException("unknown damage " + what);
        }
    }

    private static byte[] bytes(ObjectNode stored, String name) {
        return Base64.getDecoder().decode(stored.get(name).get("B").textValue());
    }

    private static void set(ObjectNode stored, String name, byte[] data) {
        stored.set(name, ItemJson.json(new AttributeValue().withB(ByteBuffer.wrap(data))));
    }

    private static Map<String, String> entries(ObjectNode stored) {
        return Internals.entries(ItemJson.value(stored.get(Items.DESCRIPTION)));
    }

    /** Changes an entry of the description, which no signature covers; null removes it. */
    private static void describe(ObjectNode stored, String name, String value) {
        Map<String, String> entries = new TreeMap<>(entries(stored));
        if (value == null) {
            entries.remove(name);
        } else {
            entries.put(name, value);
        }
        stored.set(Items.DESCRIPTION, ItemJson.json(new AttributeValue().withB(Internals.description(entries))));
    }

    /** AES-CBC under the static content key and an IV of zeros, around bytes that no honest writer produces. */
    private static byte[] sealed(ObjectNode made, JsonNode keys, JsonNode change) throws GeneralSecurityException {
        boolean padded = change.path(3).asBoolean(true);
        JsonNode name = made.get("provider").get("encryption_key");
        byte[] key = Base64.getDecoder().decode(keys.get(name.textValue()).textValue());
        Cipher cipher = Cipher.getInstance(padded ? "AES/CBC/PKCS5Padding" : "AES/CBC/NoPadding");
        cipher.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(key, "AES"), new IvParameterSpec(new byte[16]));
        byte[] body = cipher.doFinal(HexFormat.of().parseHex(change.get(2).textValue()));
        byte[] whole = new byte[16 + body.length];
        System.arraycopy(body, 0, whole, 16, body.length);
        return whole;
    }

    /** Signs anew, with the item's own key: a fault that only decryption can meet must get past the signature. */
    private static void sign(ObjectNode made, JsonNode keys) throws GeneralSecurityException {
        ObjectNode stored = (ObjectNode) made.get("stored");
        Map<String, AttributeValue> item = ItemJson.item(stored);
        item.keySet().retainAll(Items.ruled(item));
        JsonNode provider = made.get("provider");
        byte[] key = Base64.getDecoder().decode(keys.get(provider.get("signing_key").textValue()).textValue());
        ByteBuffer signature = Internals.signature(
                item,
                Items.flags(made, item.keySet()),
                made.get("table").textValue(),
                new SecretKeySpec(key, provider.get("signing_algorithm").textValue()));
        stored.set(Items.SIGNATURE, ItemJson.json(new AttributeValue().withB(signature)));
    }
}
