package org.ddbec.interop;

import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBAttribute;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBDocument;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBHashKey;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBMapperFieldModel.DynamoDBAttributeType;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBRangeKey;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBTable;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBTyped;
import com.amazonaws.services.dynamodbv2.datamodeling.DynamoDBVersionAttribute;
import com.amazonaws.services.dynamodbv2.datamodeling.encryption.DoNotEncrypt;
import com.amazonaws.services.dynamodbv2.datamodeling.encryption.DoNotTouch;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A class as a user of the mapper has it. Its Go counterpart is the struct of the same name in mapper_test.go. */
@DynamoDBTable(tableName = "replaced by the request")
public class Customer {
    private String id;
    private Long since;
    private Long version;
    private String name;
    private Integer age;
    private BigDecimal balance;
    private Boolean active;
    private ByteBuffer photo;
    private Set<String> tags;
    private Set<Long> scores;
    private Set<ByteBuffer> fingerprints;
    private Address home;
    private List<Address> deliveries;
    private Map<String, String> notes;
    private String country;
    private Set<ByteBuffer> badges;
    private Long visits;

    /** A nested document is encrypted as a whole, with the attribute it is in. */
    @DynamoDBDocument
    public static class Address {
        private String street;
        private Integer number;

        @DynamoDBAttribute(attributeName = "street")
        public String getStreet() {
            return street;
        }

        public void setStreet(String street) {
            this.street = street;
        }

        @DynamoDBAttribute(attributeName = "number")
        public Integer getNumber() {
            return number;
        }

        public void setNumber(Integer number) {
            this.number = number;
        }
    }

    @DynamoDBHashKey(attributeName = "id")
    public String getId() {
        return id;
    }

    public void setId(String id) {
        this.id = id;
    }

    @DynamoDBRangeKey(attributeName = "since")
    public Long getSince() {
        return since;
    }

    public void setSince(Long since) {
        this.since = since;
    }

    @DynamoDBVersionAttribute(attributeName = "version")
    public Long getVersion() {
        return version;
    }

    public void setVersion(Long version) {
        this.version = version;
    }

    @DynamoDBAttribute(attributeName = "name")
    public String getName() {
        return name;
    }

    public void setName(String name) {
        this.name = name;
    }

    @DynamoDBAttribute(attributeName = "age")
    public Integer getAge() {
        return age;
    }

    public void setAge(Integer age) {
        this.age = age;
    }

    @DynamoDBAttribute(attributeName = "balance")
    public BigDecimal getBalance() {
        return balance;
    }

    public void setBalance(BigDecimal balance) {
        this.balance = balance;
    }

    // Without the type a Boolean is the number 0 or 1 to the mapper.
    @DynamoDBTyped(DynamoDBAttributeType.BOOL)
    @DynamoDBAttribute(attributeName = "active")
    public Boolean getActive() {
        return active;
    }

    public void setActive(Boolean active) {
        this.active = active;
    }

    @DynamoDBAttribute(attributeName = "photo")
    public ByteBuffer getPhoto() {
        return photo;
    }

    public void setPhoto(ByteBuffer photo) {
        this.photo = photo;
    }

    @DynamoDBAttribute(attributeName = "tags")
    public Set<String> getTags() {
        return tags;
    }

    public void setTags(Set<String> tags) {
        this.tags = tags;
    }

    @DynamoDBAttribute(attributeName = "scores")
    public Set<Long> getScores() {
        return scores;
    }

    public void setScores(Set<Long> scores) {
        this.scores = scores;
    }

    @DynamoDBAttribute(attributeName = "fingerprints")
    public Set<ByteBuffer> getFingerprints() {
        return fingerprints;
    }

    public void setFingerprints(Set<ByteBuffer> fingerprints) {
        this.fingerprints = fingerprints;
    }

    @DynamoDBAttribute(attributeName = "home")
    public Address getHome() {
        return home;
    }

    public void setHome(Address home) {
        this.home = home;
    }

    @DynamoDBAttribute(attributeName = "deliveries")
    public List<Address> getDeliveries() {
        return deliveries;
    }

    public void setDeliveries(List<Address> deliveries) {
        this.deliveries = deliveries;
    }

    @DynamoDBAttribute(attributeName = "notes")
    public Map<String, String> getNotes() {
        return notes;
    }

    public void setNotes(Map<String, String> notes) {
        this.notes = notes;
    }

    @DoNotEncrypt
    @DynamoDBAttribute(attributeName = "country")
    public String getCountry() {
        return country;
    }

    public void setCountry(String country) {
        this.country = country;
    }

    @DoNotEncrypt
    @DynamoDBAttribute(attributeName = "badges")
    public Set<ByteBuffer> getBadges() {
        return badges;
    }

    public void setBadges(Set<ByteBuffer> badges) {
        this.badges = badges;
    }

    @DoNotTouch
    @DynamoDBAttribute(attributeName = "visits")
    public Long getVisits() {
        return visits;
    }

    public void setVisits(Long visits) {
        this.visits = visits;
    }
}
