package org.ddbec.interop;

import com.amazonaws.services.dynamodbv2.datamodeling.encryption.DynamoDBEncryptor;
import com.amazonaws.services.dynamodbv2.datamodeling.encryption.EncryptionContext;
import com.amazonaws.services.dynamodbv2.datamodeling.encryption.EncryptionFlags;
import com.amazonaws.services.dynamodbv2.datamodeling.encryption.providers.EncryptionMaterialsProvider;
import com.amazonaws.services.dynamodbv2.model.AttributeValue;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** The operations bench_prepare and bench of the protocol in ../README.md: does the work that was prepared last, over and over. */
final class Bench {
    /** One for each thread. */
    private final List<Callable<List<Map<String, AttributeValue>>>> work = new ArrayList<>();

    // Results go where the compiler cannot prove them unused.
    private volatile Object sink;

    /** What does not depend on the content of an item is made once, as a program would that cares. */
    void prepare(EncryptionMaterialsProvider provider, ObjectNode request, ObjectNode answer) throws Exception {
        DynamoDBEncryptor encryptor = DynamoDBEncryptor.getInstance(provider);
        EncryptionContext context = Items.context(request);
        Map<String, Set<EncryptionFlags>> flags =
                Items.flags(request, Items.ruled(ItemJson.item(request.get("items").get(0))));
        work.clear();
        for (int i = 0; i < request.get("threads").intValue(); i++) {
            // Two threads cannot share an item: the library moves the positions of its ByteBuffers.
            List<Map<String, AttributeValue>> items = new ArrayList<>();
            request.get("items").forEach(item -> items.add(ItemJson.item(item)));
            work.add(work(request.get("work").textValue(), items, encryptor, flags, context));
        }
        ArrayNode done = answer.putArray("items");
        for (Map<String, AttributeValue> item : work.get(0).call()) {
            done.add(ItemJson.json(item));
        }
        System.gc(); // here, rather than while something is measured
    }

    private static Callable<List<Map<String, AttributeValue>>> work(
            String name,
            List<Map<String, AttributeValue>> items,
            DynamoDBEncryptor encryptor,
            Map<String, Set<EncryptionFlags>> flags,
            EncryptionContext context) {
        Map<String, AttributeValue> first = items.get(0);
        return switch (name) {
            case "encrypt" -> () -> List.of(encryptor.encryptRecord(first, flags, context));
            case "decrypt" -> () -> List.of(encryptor.decryptRecord(first, flags, context));
            // The library has no client for items of any shape; its users, and its mapper, go through a page in a loop.
            case "scan" -> () -> {
                List<Map<String, AttributeValue>> page = new ArrayList<>(items.size());
                for (Map<String, AttributeValue> item : items) {
                    page.add(encryptor.decryptRecord(item, flags, context));
                }
                return page;
            };
            default -> throw new IllegalArgumentException("unknown work " + name);
        };
    }

    void run(ObjectNode request, ObjectNode answer) throws Exception {
        ExecutorService workers = Executors.newFixedThreadPool(work.size());
        try {
            long start = System.nanoTime();
            long duration = (long) (request.get("seconds").doubleValue() * 1e9);
            List<Future<Long>> running = new ArrayList<>();
            for (Callable<?> one : work) {
                running.add(workers.submit(() -> repeat(one, start, duration)));
            }
            long iterations = 0;
            for (Future<Long> worker : running) {
                iterations += worker.get();
            }
            answer.put("iterations", iterations);
            answer.put("nanoseconds", System.nanoTime() - start);
        } finally {
            workers.shutdown();
        }
    }

    private long repeat(Callable<?> one, long start, long duration) throws Exception {
        long done = 0;
        do {
            sink = one.call();
            done++;
        } while (System.nanoTime() - start < duration);
        return done;
    }
}
