package com.amazonaws.services.dynamodbv2.datamodeling.encryption;

import com.amazonaws.services.dynamodbv2.model.AttributeValue;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.NoSuchAlgorithmException;
import java.util.Map;
import java.util.Set;
import javax.crypto.Mac;
import javax.crypto.SecretKey;

/** Byte layouts of the library. This class is in the library's package because they are open to that alone. */
public final class Internals {
    private Internals() {}

    public static byte[] stringToSign(
            Map<String, AttributeValue> stored, Map<String, Set<EncryptionFlags>> flags, String table)
            throws NoSuchAlgorithmException {
        byte[] bound = ("TABLE>" + table + "<TABLE").getBytes(StandardCharsets.UTF_8);
        return DynamoDBSigner.calculateStringToSign(stored, flags, bound);
    }

    public static ByteBuffer signature(
            Map<String, AttributeValue> stored, Map<String, Set<EncryptionFlags>> flags, String table, SecretKey key)
            throws GeneralSecurityException {
        Mac mac = Mac.getInstance(key.getAlgorithm());
        mac.init(key);
        return ByteBuffer.wrap(mac.doFinal(stringToSign(stored, flags, table)));
    }

    public static ByteBuffer description(Map<String, String> entries) {
        return DynamoDBEncryptor.marshallDescription(entries).getB();
    }

    public static Map<String, String> entries(AttributeValue description) {
        return DynamoDBEncryptor.unmarshallDescription(description);
    }
}
