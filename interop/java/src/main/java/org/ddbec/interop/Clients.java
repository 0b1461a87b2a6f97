package org.ddbec.interop;

import com.amazonaws.client.builder.AwsClientBuilder;
import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.services.dynamodbv2.AmazonDynamoDB;
import com.amazonaws.services.dynamodbv2.AmazonDynamoDBClientBuilder;
import com.amazonaws.services.kms.AWSKMS;
import com.amazonaws.services.kms.AWSKMSClientBuilder;

/** One client for each service. This generation of the SDK knows no endpoint variables, so they are read here. */
final class Clients {
    private static AWSKMS kms;
    private static AmazonDynamoDB dynamoDB;

    private Clients() {}

    static synchronized AWSKMS kms() {
        if (kms == null) {
            kms = configured(AWSKMSClientBuilder.standard(), "AWS_ENDPOINT_URL_KMS").build();
        }
        return kms;
    }

    static synchronized AmazonDynamoDB dynamoDB() {
        if (dynamoDB == null) {
            dynamoDB = configured(AmazonDynamoDBClientBuilder.standard(), "AWS_ENDPOINT_URL_DYNAMODB").build();
        }
        return dynamoDB;
    }

    private static <B extends AwsClientBuilder<B, ?>> B configured(B builder, String variable) {
        String url = System.getenv(variable);
        if (url == null) {
            url = System.getenv("AWS_ENDPOINT_URL");
        }
        if (url != null) {
            builder.setEndpointConfiguration(new EndpointConfiguration(url, System.getenv("AWS_REGION")));
        }
        return builder;
    }
}
