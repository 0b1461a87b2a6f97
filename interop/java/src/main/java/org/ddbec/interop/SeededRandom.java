package org.ddbec.interop;

import com.amazonaws.services.dynamodbv2.datamodeling.internal.Utils;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.Provider;
import java.security.SecureRandomSpi;
import java.security.Security;

/** Makes every SecureRandom of this process a stream that a label decides, so that vectors can be made again. */
public final class SeededRandom extends SecureRandomSpi {
    private static final long serialVersionUID = 1;
    private static String label = "";
    private static int drawn;

    /** A security provider with nothing in it but this. */
    private static final class Only extends Provider {
        private static final long serialVersionUID = 1;

        Only() {
            super("Seeded", "1", "randomness for test vectors");
            put("SecureRandom.Seeded", SeededRandom.class.getName());
        }
    }

    // The security framework calls it.
    public SeededRandom() {}

    static void install() {
        Security.insertProviderAt(new Only(), 1);
        // The library draws once when it makes its generator, which no case should see.
        Utils.getRng();
    }

    /** Starts the stream of a label. */
    static synchronized void restart(String newLabel) {
        label = newLabel;
        drawn = 0;
    }

    static synchronized byte[] draw(int count) {
        ByteBuffer stream = ByteBuffer.allocate((count + 31) / 32 * 32);
        try {
            MessageDigest hash = MessageDigest.getInstance("SHA-256");
            while (stream.hasRemaining()) {
                hash.update(ByteBuffer.allocate(4).putInt(0, drawn++));
                stream.put(hash.digest(("ddbec vectors: " + label).getBytes(StandardCharsets.UTF_8)));
            }
        } catch (NoSuchAlgorithmException impossible) {
            throw new AssertionError(impossible);
        }
        byte[] bytes = new byte[count];
        stream.get(0, bytes);
        return bytes;
    }

    @Override
    protected void engineNextBytes(byte[] bytes) {
        System.arraycopy(draw(bytes.length), 0, bytes, 0, bytes.length);
    }

    @Override
    protected byte[] engineGenerateSeed(int count) {
        return draw(count);
    }

    @Override
    protected void engineSetSeed(byte[] seed) {
        // The label alone decides.
    }
}
