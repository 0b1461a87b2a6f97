package org.ddbec.interop;

import com.amazonaws.services.dynamodbv2.model.AttributeValue;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;

/** DynamoDB JSON, with binary data in base64, and the SDK's own form of an item. */
final class ItemJson {
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    private ItemJson() {}

    static Map<String, AttributeValue> item(JsonNode json) {
        Map<String, AttributeValue> item = new HashMap<>();
        json.fields().forEachRemaining(field -> item.put(field.getKey(), value(field.getValue())));
        return item;
    }

    static AttributeValue value(JsonNode json) {
        String tag = json.fieldNames().next();
        JsonNode body = json.get(tag);
        AttributeValue value = new AttributeValue();
        return switch (tag) {
            case "NULL" -> value.withNULL(body.booleanValue());
            case "BOOL" -> value.withBOOL(body.booleanValue());
            case "S" -> value.withS(body.textValue());
            case "N" -> value.withN(body.textValue());
            case "B" -> value.withB(bytes(body));
            case "SS" -> value.withSS(members(body, JsonNode::textValue));
            case "NS" -> value.withNS(members(body, JsonNode::textValue));
            case "BS" -> value.withBS(members(body, ItemJson::bytes));
            case "L" -> value.withL(members(body, ItemJson::value));
            case "M" -> value.withM(item(body));
            default -> throw new IllegalArgumentException("unknown type " + tag);
        };
    }

    static ByteBuffer bytes(JsonNode base64) {
        return ByteBuffer.wrap(Base64.getDecoder().decode(base64.textValue()));
    }

    private static <T> List<T> members(JsonNode array, Function<JsonNode, T> read) {
        List<T> members = new ArrayList<>();
        array.forEach(member -> members.add(read.apply(member)));
        return members;
    }

    /** Names are sorted, so that an item always gives the same text. */
    static ObjectNode json(Map<String, AttributeValue> item) {
        ObjectNode json = NODES.objectNode();
        new TreeMap<>(item).forEach((name, value) -> json.set(name, json(value)));
        return json;
    }

    static ObjectNode json(AttributeValue value) {
        ObjectNode json = NODES.objectNode();
        if (value.getNULL() != null) {
            return json.put("NULL", value.getNULL());
        } else if (value.getBOOL() != null) {
            return json.put("BOOL", value.getBOOL());
        } else if (value.getS() != null) {
            return json.put("S", value.getS());
        } else if (value.getN() != null) {
            return json.put("N", value.getN());
        } else if (value.getB() != null) {
            return json.put("B", base64(value.getB()));
        } else if (value.getSS() != null) {
            return json.set("SS", array(value.getSS(), NODES::textNode));
        } else if (value.getNS() != null) {
            return json.set("NS", array(value.getNS(), NODES::textNode));
        } else if (value.getBS() != null) {
            return json.set("BS", array(value.getBS(), member -> NODES.textNode(base64(member))));
        } else if (value.getL() != null) {
            return json.set("L", array(value.getL(), ItemJson::json));
        } else if (value.getM() != null) {
            return json.set("M", json(value.getM()));
        }
        throw new IllegalArgumentException("a value of no type");
    }

    static String base64(ByteBuffer data) {
        ByteBuffer view = data.duplicate();
        view.rewind();
        byte[] bytes = new byte[view.remaining()];
        view.get(bytes);
        return Base64.getEncoder().encodeToString(bytes);
    }

    private static <T> ArrayNode array(Collection<T> members, Function<T, JsonNode> write) {
        ArrayNode array = NODES.arrayNode();
        members.forEach(member -> array.add(write.apply(member)));
        return array;
    }
}
