package org.ddbec.interop;

import com.amazonaws.services.kms.AbstractAWSKMS;
import com.amazonaws.services.kms.model.DecryptRequest;
import com.amazonaws.services.kms.model.DecryptResult;
import com.amazonaws.services.kms.model.GenerateDataKeyRequest;
import com.amazonaws.services.kms.model.GenerateDataKeyResult;
import com.amazonaws.services.kms.model.InvalidCiphertextException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.TreeMap;

/** Answers for exactly one data key under exactly one encryption context, which it notes in the case that it is for. */
final class OneKeyKms extends AbstractAWSKMS {
    private static final int BLOB_BYTES = 96;
    private final ObjectNode made;

    OneKeyKms(ObjectNode made) {
        this.made = made;
    }

    @Override
    public GenerateDataKeyResult generateDataKey(GenerateDataKeyRequest request) {
        ByteBuffer key = ByteBuffer.wrap(SeededRandom.draw(request.getNumberOfBytes()));
        ByteBuffer blob = ByteBuffer.wrap(SeededRandom.draw(BLOB_BYTES));
        ObjectNode known = made.putObject("kms");
        known.put("key_id", request.getKeyId());
        known.put("plaintext", ItemJson.base64(key));
        known.put("ciphertext_blob", ItemJson.base64(blob));
        known.set("encryption_context", context(new TreeMap<>(request.getEncryptionContext())));
        return new GenerateDataKeyResult().withKeyId(request.getKeyId()).withPlaintext(key).withCiphertextBlob(blob);
    }

    @Override
    public DecryptResult decrypt(DecryptRequest request) {
        JsonNode known = made.get("kms");
        if (!ItemJson.bytes(known.get("ciphertext_blob")).equals(request.getCiphertextBlob())
                || !known.get("encryption_context").equals(context(request.getEncryptionContext()))) {
            throw new InvalidCiphertextException("another blob or context");
        }
        return new DecryptResult()
                .withKeyId(known.get("key_id").textValue())
                .withPlaintext(ItemJson.bytes(known.get("plaintext")));
    }

    private static JsonNode context(Map<String, String> pairs) {
        return Peer.JSON.valueToTree(pairs);
    }
}
