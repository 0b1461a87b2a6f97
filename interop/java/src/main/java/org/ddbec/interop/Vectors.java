package org.ddbec.interop;

import com.amazonaws.services.dynamodbv2.datamodeling.encryption.Internals;
import com.amazonaws.services.dynamodbv2.datamodeling.encryption.providers.EncryptionMaterialsProvider;
import com.amazonaws.services.dynamodbv2.datamodeling.internal.AttributeValueMarshaller;
import com.amazonaws.services.dynamodbv2.model.AttributeValue;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * Writes java-*.json with the library; their format is in the README beside them.
 *
 * <pre>
 * Vectors FOLDER           writes the files
 * Vectors --check FOLDER   makes everything again and compares, writing nothing
 * </pre>
 *
 * Items, keys and configurations are those of the files python-*.json, and some more of vector_cases.json: that two
 * libraries wrote the same items shows where they differ. All randomness comes from fixed seeds, so a second run gives the
 * same bytes.
 */
public final class Vectors {
    private static final String FORMAT = "ddbec-vectors/1";
    private static final int MAX_BYTES = 300 * 1024;
    private static final Set<String> KEY_FIELDS = Set.of("encryption_key", "signing_key", "wrapping_key");

    private final Path folder;
    private final JsonNode more;
    private final Map<String, ObjectNode> made = new LinkedHashMap<>();

    private Vectors(Path folder) throws IOException {
        this.folder = folder;
        try (InputStream in = Vectors.class.getResourceAsStream("/vector_cases.json")) {
            more = Peer.JSON.readTree(in);
        }
    }

    public static void main(String[] arguments) throws Exception {
        boolean check = arguments.length == 2 && arguments[0].equals("--check");
        if (arguments.length != (check ? 2 : 1)) {
            throw new IllegalArgumentException("usage: Vectors [--check] FOLDER");
        }
        SeededRandom.install();
        Vectors vectors = new Vectors(Path.of(arguments[arguments.length - 1]));
        vectors.makeAll();
        if (check) {
            vectors.check();
        } else {
            vectors.write();
        }
    }

    private void makeAll() throws IOException, GeneralSecurityException {
        attributes();
        stringsToSign();
        descriptions();
        for (String name : List.of("static", "wrapped-aes", "wrapped-rsa", "kms")) {
            items(name);
        }
        damaged();
    }

    private ObjectNode read(String name) throws IOException {
        return (ObjectNode) Peer.JSON.readTree(folder.resolve(name).toFile());
    }

    private ArrayNode file(String name, String kind, JsonNode keys) {
        ObjectNode file = Peer.JSON.createObjectNode().put("kind", kind);
        if (keys != null) {
            file.set("keys", keys);
        }
        made.put("java-" + name + ".json", file);
        return file.putArray("cases");
    }

    /** Value and bytes. */
    private void attributes() throws IOException {
        ArrayNode cases = file("attributes", "attributes", null);
        ArrayNode values = Peer.JSON.createArrayNode();
        read("python-attributes.json").get("cases").forEach(known -> values.add(known.get("value")));
        more.get("attributes").forEach(values::add);
        for (JsonNode value : values) {
            ByteBuffer bytes = AttributeValueMarshaller.marshall(ItemJson.value(value));
            if (!canonical(value).equals(canonical(ItemJson.json(AttributeValueMarshaller.unmarshall(bytes))))) {
                throw new IllegalStateException("the library does not read its own bytes of " + value);
            }
            bytes.rewind();
            cases.addObject()
                    .put("id", value.fieldNames().next() + " " + cases.size())
                    .put("hex", hex(bytes))
                    .set("value", value);
        }
    }

    /** What the signature covers. */
    private void stringsToSign() throws IOException, GeneralSecurityException {
        ArrayNode cases = file("strings-to-sign", "strings_to_sign", null);
        for (JsonNode known : read("python-strings-to-sign.json").get("cases")) {
            ObjectNode made = known.deepCopy();
            Map<String, AttributeValue> stored = ItemJson.item(made.get("stored"));
            byte[] text = Internals.stringToSign(
                    stored, Items.flags(made, stored.keySet()), made.get("table").textValue());
            cases.add(made.put("hex", HexFormat.of().formatHex(text)));
        }
    }

    private void descriptions() throws IOException {
        ArrayNode cases = file("descriptions", "descriptions", null);
        for (JsonNode known : read("python-descriptions.json").get("cases")) {
            Map<String, String> entries = new TreeMap<>();
            known.get("entries").fields().forEachRemaining(e -> entries.put(e.getKey(), e.getValue().textValue()));
            ByteBuffer bytes = Internals.description(entries);
            if (!Internals.entries(new AttributeValue().withB(bytes.duplicate())).equals(entries)) {
                throw new IllegalStateException("the library does not read its own description " + entries);
            }
            ObjectNode made = cases.addObject().put("id", known.get("id").textValue()).put("hex", hex(bytes));
            made.set("entries", known.get("entries"));
        }
    }

    private void items(String name) throws IOException, GeneralSecurityException {
        ObjectNode known = read("python-" + name + ".json");
        ArrayNode cases = file(name, "items", known.get("keys"));
        ArrayNode all = Peer.JSON.createArrayNode();
        known.get("cases").forEach(all::add);
        more.get("items").path(name).forEach(all::add);
        for (JsonNode one : all) {
            // Keys that are left unsigned by default are the Python library's own, and "None" is a name like any other here.
            if (one.path("unsigned_keys").booleanValue() || "None".equals(one.path("table").textValue())) {
                continue;
            }
            ObjectNode made = one.deepCopy();
            made.remove(List.of("stored", "kms"));
            encrypt(made, known.get("keys"));
            checkReading(made, known.get("keys"));
            cases.add(made);
        }
    }

    /** Items that this library wrote, changed in one way each. */
    private void damaged() throws IOException, GeneralSecurityException {
        JsonNode keys = read("python-damaged.json").get("keys");
        ArrayNode cases = file("damaged", "damaged_items", keys);
        Map<String, ObjectNode> bases = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> provider : more.get("damage").get("providers").properties()) {
            ObjectNode base = more.get("damage").get("base").deepCopy();
            base.put("id", "base of negative cases").set("provider", provider.getValue());
            encrypt(base, keys);
            base.remove("plaintext");
            bases.put(provider.getKey(), base);
        }
        for (JsonNode group : more.get("damage").get("groups")) {
            for (Map.Entry<String, JsonNode> change : group.get("changes").properties()) {
                ObjectNode made = bases.get(group.get("provider").textValue()).deepCopy();
                made.put("id", change.getKey()).put("error", group.get("error").textValue());
                Damage.apply(made, keys, change.getValue());
                made.put("java", outcome(made, keys));
                cases.add(made);
            }
        }
    }

    static EncryptionMaterialsProvider provider(ObjectNode made, JsonNode keys) throws GeneralSecurityException {
        ObjectNode spec = made.get("provider").deepCopy();
        if (spec.get("kind").textValue().equals("kms")) {
            return Providers.kms(spec, new OneKeyKms(made));
        }
        KEY_FIELDS.stream().filter(spec::has).forEach(field -> spec.set(field, keys.get(spec.get(field).textValue())));
        return Providers.provider(spec);
    }

    private static void encrypt(ObjectNode made, JsonNode keys) throws GeneralSecurityException {
        SeededRandom.restart(made.get("provider").get("kind").textValue() + "/" + made.get("id").textValue());
        Map<String, AttributeValue> item = ItemJson.item(made.get("plaintext"));
        made.set("stored", ItemJson.json(Items.encrypt(provider(made, keys), made, item)));
    }

    private static void checkReading(ObjectNode made, JsonNode keys) throws GeneralSecurityException {
        JsonNode read = ItemJson.json(Items.decrypt(provider(made, keys), made, ItemJson.item(made.get("stored"))));
        if (!canonicalItem(read).equals(canonicalItem(made.get("plaintext")))) {
            throw new IllegalStateException(made.get("id") + ": the library does not read what it wrote");
        }
    }

    /** What the library makes of a stored item that it should refuse: the name of its exception, or "accepts". */
    private static String outcome(ObjectNode made, JsonNode keys) {
        try {
            Items.decrypt(provider(made, keys), made, ItemJson.item(made.get("stored")));
            return "accepts";
        } catch (Exception | OutOfMemoryError refusal) {
            return refusal.getClass().getSimpleName();
        }
    }

    private void write() throws IOException {
        DefaultPrettyPrinter printer = new DefaultPrettyPrinter(Separators.createDefaultInstance()
                .withObjectFieldValueSpacing(Separators.Spacing.AFTER));
        DefaultIndenter indenter = new DefaultIndenter(" ", "\n");
        printer.indentArraysWith(indenter);
        printer.indentObjectsWith(indenter);
        ObjectWriter writer = Peer.JSON.writer(printer).with(JsonWriteFeature.ESCAPE_NON_ASCII);
        for (Map.Entry<String, ObjectNode> file : made.entrySet()) {
            ObjectNode whole = Peer.JSON.createObjectNode().put("format", FORMAT);
            whole.set("made_by", Peer.madeBy());
            whole.setAll(file.getValue());
            String text = writer.writeValueAsString(whole) + "\n";
            if (text.length() > MAX_BYTES) {
                throw new IllegalStateException(file.getKey() + " has " + text.length() + " bytes");
            }
            Files.writeString(folder.resolve(file.getKey()), text);
            report(file.getKey(), whole, "written");
        }
    }

    private void check() throws IOException, GeneralSecurityException {
        Set<String> found = new TreeSet<>();
        try (DirectoryStream<Path> paths = Files.newDirectoryStream(folder, "java-*.json")) {
            paths.forEach(path -> found.add(path.getFileName().toString()));
        }
        require(found.equals(made.keySet()), "files differ: " + found);
        for (Map.Entry<String, ObjectNode> file : made.entrySet()) {
            ObjectNode known = read(file.getKey());
            ObjectNode again = file.getValue();
            require(known.get("kind").equals(again.get("kind")), file.getKey() + ": kind differs");
            require(known.path("keys").equals(again.path("keys")), file.getKey() + ": keys differ");
            JsonNode cases = known.get("cases");
            require(cases.size() == again.get("cases").size(), file.getKey() + ": number of cases differs");
            for (int i = 0; i < cases.size(); i++) {
                ObjectNode one = (ObjectNode) cases.get(i);
                String id = file.getKey() + ": " + one.get("id");
                require(comparable(one).equals(comparable((ObjectNode) again.get("cases").get(i))), id + " differs");
                if (one.has("plaintext")) {
                    checkReading(one, known.get("keys"));
                } else if (one.has("java")) {
                    String outcome = outcome(one, known.get("keys"));
                    require(one.get("java").textValue().equals(outcome), id + ": another outcome: " + outcome);
                }
            }
            report(file.getKey(), known, "alike");
        }
    }

    /** Without what depends on the JDK: the size of a wrapped content key for which no size was asked. */
    private static JsonNode comparable(ObjectNode one) {
        JsonNode provider = one.path("provider");
        boolean wrapped = provider.path("kind").asText().startsWith("wrapped_");
        if (wrapped && !provider.path("description").has("amzn-ddb-env-alg")) {
            return one.deepCopy().without(List.of("stored", "java"));
        }
        return one;
    }

    private static void report(String name, JsonNode file, String what) {
        System.out.printf("%-30s %4d cases %s%n", name, file.get("cases").size(), what);
    }

    private static void require(boolean truth, String otherwise) {
        if (!truth) {
            throw new IllegalStateException(otherwise);
        }
    }

    private static String hex(ByteBuffer bytes) {
        byte[] copy = new byte[bytes.remaining()];
        bytes.duplicate().get(copy);
        return HexFormat.of().formatHex(copy);
    }

    private static String canonicalItem(JsonNode item) {
        Map<String, String> values = new TreeMap<>();
        item.fields().forEachRemaining(field -> values.put(field.getKey(), canonical(field.getValue())));
        return values.toString();
    }

    /** A text that two values share if they are equal: numbers by value, sets without order. */
    private static String canonical(JsonNode value) {
        String tag = value.fieldNames().next();
        JsonNode body = value.get(tag);
        return tag + switch (tag) {
            case "N" -> number(body);
            case "NS" -> members(body).map(Vectors::number).sorted().collect(Collectors.toList());
            case "SS", "BS" -> members(body).map(JsonNode::toString).sorted().collect(Collectors.toList());
            case "L" -> members(body).map(Vectors::canonical).collect(Collectors.toList());
            case "M" -> canonicalItem(body);
            default -> body;
        };
    }

    private static Stream<JsonNode> members(JsonNode array) {
        return StreamSupport.stream(array.spliterator(), false);
    }

    private static String number(JsonNode text) {
        BigDecimal number = new BigDecimal(text.textValue());
        return number.signum() == 0 ? "0" : number.stripTrailingZeros().toPlainString();
    }
}
