package org.ddbec.interop;

import com.amazonaws.services.dynamodbv2.datamodeling.AttributeEncryptor;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBMapper;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBMapperConfig;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBMapperConfig.ConsistentReads;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBMapperConfig.SaveBehavior;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBMapperConfig.TableNameOverride;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBMapperTableModel;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBQueryExpression;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBScanExpression;
import com.amazonaws.services.dynamodbv2.datamodeling.encryption.providers.EncryptionMaterialsProvider;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import java.util.List;

/** A DynamoDBMapper with the library's AttributeEncryptor, for {@link Customer}, whose annotations say what is encrypted. */
final class Mapper {
    private final DynamoDBMapper mapper;
    private final DynamoDBMapperTableModel<Customer> model;

    Mapper(String table, EncryptionMaterialsProvider provider) {
        DynamoDBMapperConfig config = DynamoDBMapperConfig.builder()
                .withTableNameOverride(TableNameOverride.withTableNameReplacement(table))
                // The encryptor refuses the default, which would write and sign changed attributes alone.
                .withSaveBehavior(SaveBehavior.PUT)
                .withConsistentReads(ConsistentReads.CONSISTENT)
                .build();
        mapper = new DynamoDBMapper(Clients.dynamoDB(), config, new AttributeEncryptor(provider));
        model = mapper.getTableModel(Customer.class);
    }

    /** Returns the customer as saved: with the next version. */
    JsonNode save(JsonNode item) {
        Customer customer = model.unconvert(ItemJson.item(item));
        mapper.save(customer);
        return json(customer);
    }

    JsonNode load(JsonNode key) {
        Customer found = mapper.load(model.unconvert(ItemJson.item(key)));
        return found == null ? null : json(found);
    }

    JsonNode query(JsonNode key) {
        return json(mapper.query(
                Customer.class,
                new DynamoDBQueryExpression<Customer>().withHashKeyValues(model.unconvert(ItemJson.item(key)))));
    }

    JsonNode scan() {
        return json(mapper.scan(Customer.class, new DynamoDBScanExpression()));
    }

    private JsonNode json(Customer customer) {
        return ItemJson.json(model.convert(customer));
    }

    private JsonNode json(List<Customer> customers) {
        ArrayNode items = Peer.JSON.createArrayNode();
        customers.forEach(customer -> items.add(json(customer)));
        return items;
    }
}
