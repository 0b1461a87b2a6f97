package org.ddbec.interop;

import com.amazonaws.services.dynamodbv2.datamodeling.encryption.providers.EncryptionMaterialsProvider;
import com.amazonaws.services.dynamodbv2.datamodeling.encryption.providers.store.MetaStore;
import com.amazonaws.services.dynamodbv2.model.AttributeValue;
import com.amazonaws.services.dynamodbv2.model.GetItemRequest;
import com.amazonaws.services.dynamodbv2.model.KeySchemaElement;
import com.amazonaws.services.dynamodbv2.model.QueryRequest;
import com.amazonaws.services.dynamodbv2.model.ScanRequest;
import com.amazonaws.util.VersionInfoUtils;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;

/** The Java library behind the line protocol of ../README.md: a JSON request per line in, a JSON answer per line out. */
public final class Peer {
    static final ObjectMapper JSON = new ObjectMapper();

    // Kept between requests, as a program does: providers and mappers have caches.
    private final Map<JsonNode, EncryptionMaterialsProvider> providers = new HashMap<>();
    private final Map<JsonNode, Mapper> mappers = new HashMap<>();
    private final Map<String, List<KeySchemaElement>> tables = new HashMap<>();
    private final Bench bench = new Bench();

    private interface Operation {
        void answer(ObjectNode request, ObjectNode answer) throws Exception;
    }

    private final Map<String, Operation> operations = Map.ofEntries(
            Map.entry("versions", this::versions),
            Map.entry("encrypt", this::encrypt),
            Map.entry("decrypt", this::decrypt),
            Map.entry("put", this::put),
            Map.entry("get", this::get),
            Map.entry("query", this::query),
            Map.entry("scan", this::scan),
            Map.entry("delete", this::delete),
            Map.entry("rotate", this::rotate),
            Map.entry("refresh", this::refresh),
            Map.entry("replicate", this::replicate),
            Map.entry("mapper_save", this::mapperSave),
            Map.entry("mapper_load", this::mapperLoad),
            Map.entry("mapper_query", this::mapperQuery),
            Map.entry("mapper_scan", this::mapperScan),
            Map.entry("bench_prepare", (request, answer) -> bench.prepare(provider(request), request, answer)),
            Map.entry("bench", bench::run));

    public static void main(String[] arguments) throws IOException {
        Peer peer = new Peer();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.print(JSON.writeValueAsString(peer.answer((ObjectNode) JSON.readTree(line))));
            out.print('\n');
            out.flush();
        }
    }

    private ObjectNode answer(ObjectNode request) {
        ObjectNode answer = JSON.createObjectNode();
        try {
            operations.get(request.get("op").textValue()).answer(request, answer);
        } catch (Exception | OutOfMemoryError refusal) {
            // The library allocates whatever length a stored item declares: running out of memory is one of its answers.
            answer.removeAll();
            answer.put("error", refusal.getClass().getSimpleName());
            answer.put("message", String.valueOf(refusal.getMessage()));
        }
        return answer;
    }

    static ObjectNode madeBy() throws IOException {
        ObjectNode versions = JSON.createObjectNode();
        Properties properties = new Properties();
        String name = "aws-dynamodb-encryption-java";
        try (InputStream in =
                Peer.class.getResourceAsStream("/META-INF/maven/com.amazonaws/" + name + "/pom.properties")) {
            properties.load(in);
        }
        return versions.put(name, properties.getProperty("version"))
                .put("aws-java-sdk", VersionInfoUtils.getVersion())
                .put("java", System.getProperty("java.version"));
    }

    private void versions(ObjectNode request, ObjectNode answer) throws IOException {
        answer.set("versions", madeBy());
    }

    private EncryptionMaterialsProvider provider(JsonNode request) throws GeneralSecurityException {
        EncryptionMaterialsProvider known = providers.get(request.get("provider"));
        if (known == null) {
            known = Providers.provider(request.get("provider"));
            providers.put(request.get("provider"), known);
        }
        return known;
    }

    private Map<String, AttributeValue> encrypted(ObjectNode request) throws GeneralSecurityException {
        return Items.encrypt(provider(request), request, ItemJson.item(request.get("item")));
    }

    private Map<String, AttributeValue> decrypted(ObjectNode request, Map<String, AttributeValue> stored)
            throws GeneralSecurityException {
        return Items.decrypt(provider(request), request, stored);
    }

    private void encrypt(ObjectNode request, ObjectNode answer) throws GeneralSecurityException {
        answer.set("item", ItemJson.json(encrypted(request)));
    }

    private void decrypt(ObjectNode request, ObjectNode answer) throws GeneralSecurityException {
        answer.set("item", ItemJson.json(decrypted(request, ItemJson.item(request.get("item")))));
    }

    /**
     * The name of the table, whose keys are then known too. The library has no client of its own for items of any shape: its
     * users put a DynamoDBEncryptor beside the SDK's.
     */
    private String table(ObjectNode request) {
        String name = request.get("table").textValue();
        List<KeySchemaElement> schema =
                tables.computeIfAbsent(name, n -> Clients.dynamoDB().describeTable(n).getTable().getKeySchema());
        request.put("partition_key", schema.get(0).getAttributeName());
        if (schema.size() > 1) {
            request.put("sort_key", schema.get(1).getAttributeName());
        }
        return name;
    }

    private void put(ObjectNode request, ObjectNode answer) throws GeneralSecurityException {
        Clients.dynamoDB().putItem(table(request), encrypted(request));
    }

    private void get(ObjectNode request, ObjectNode answer) throws GeneralSecurityException {
        Map<String, AttributeValue> found = Clients.dynamoDB()
                .getItem(new GetItemRequest(table(request), ItemJson.item(request.get("key")), true))
                .getItem();
        answer.set("item", found == null ? null : ItemJson.json(decrypted(request, found)));
    }

    private void query(ObjectNode request, ObjectNode answer) throws GeneralSecurityException {
        Map.Entry<String, AttributeValue> key =
                ItemJson.item(request.get("key")).entrySet().iterator().next();
        items(request, answer, Clients.dynamoDB()
                .query(new QueryRequest(table(request))
                        .withConsistentRead(true)
                        .withKeyConditionExpression("#k = :k")
                        .addExpressionAttributeNamesEntry("#k", key.getKey())
                        .addExpressionAttributeValuesEntry(":k", key.getValue()))
                .getItems());
    }

    private void scan(ObjectNode request, ObjectNode answer) throws GeneralSecurityException {
        items(request, answer, Clients.dynamoDB()
                .scan(new ScanRequest(table(request)).withConsistentRead(true))
                .getItems());
    }

    private void items(ObjectNode request, ObjectNode answer, List<Map<String, AttributeValue>> stored)
            throws GeneralSecurityException {
        ArrayNode items = answer.putArray("items");
        for (Map<String, AttributeValue> item : stored) {
            items.add(ItemJson.json(decrypted(request, item)));
        }
    }

    private void delete(ObjectNode request, ObjectNode answer) {
        Clients.dynamoDB().deleteItem(table(request), ItemJson.item(request.get("key")));
    }

    private void rotate(ObjectNode request, ObjectNode answer) throws GeneralSecurityException {
        JsonNode spec = request.get("provider");
        Providers.metaStore(spec).newProvider(spec.get("material_name").textValue());
        refresh(request, answer);
    }

    private void refresh(ObjectNode request, ObjectNode answer) throws GeneralSecurityException {
        provider(request).refresh();
    }

    private void replicate(ObjectNode request, ObjectNode answer) throws GeneralSecurityException {
        ObjectNode spec = (ObjectNode) request.get("provider");
        MetaStore target = Providers.metaStore(spec.deepCopy().set("meta_table", request.get("target")));
        Providers.metaStore(spec)
                .replicate(spec.get("material_name").textValue(), request.get("version").longValue(), target);
    }

    private Mapper mapper(ObjectNode request) throws GeneralSecurityException {
        JsonNode key = JSON.createArrayNode().add(request.get("provider")).add(request.get("table"));
        Mapper known = mappers.get(key);
        if (known == null) {
            known = new Mapper(request.get("table").textValue(), provider(request));
            mappers.put(key, known);
        }
        return known;
    }

    private void mapperSave(ObjectNode request, ObjectNode answer) throws GeneralSecurityException {
        answer.set("item", mapper(request).save(request.get("item")));
    }

    private void mapperLoad(ObjectNode request, ObjectNode answer) throws GeneralSecurityException {
        answer.set("item", mapper(request).load(request.get("key")));
    }

    private void mapperQuery(ObjectNode request, ObjectNode answer) throws GeneralSecurityException {
        answer.set("items", mapper(request).query(request.get("key")));
    }

    private void mapperScan(ObjectNode request, ObjectNode answer) throws GeneralSecurityException {
        answer.set("items", mapper(request).scan());
    }
}
