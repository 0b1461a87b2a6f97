package examples_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/materials/materialstest"
)

// Accounts is the code under test: a service that knows an encrypted table.
type Accounts struct{ table *encryptor.EncryptedTable }

func (a Accounts) Open(ctx context.Context, id string) error {
	_, err := a.table.PutItem(ctx, &dynamodb.PutItemInput{Item: encryptor.Item{
		"id":      &types.AttributeValueMemberS{Value: id},
		"balance": &types.AttributeValueMemberN{Value: "0"},
	}})
	return err
}

func (a Accounts) Pay(ctx context.Context, id string, amount int) (balance int, err error) {
	_, err = a.table.Modify(ctx, accountKey(id), func(item encryptor.Item) error {
		number, ok := item["balance"].(*types.AttributeValueMemberN)
		if !ok {
			return errors.New("no such account")
		}
		if balance, err = strconv.Atoi(number.Value); err != nil {
			return errors.New("the balance is no whole number")
		}
		balance += amount
		item["balance"] = &types.AttributeValueMemberN{Value: strconv.Itoa(balance)}
		return nil
	})
	return balance, err
}

func accountKey(id string) encryptor.Item {
	return encryptor.Item{"id": &types.AttributeValueMemberS{Value: id}}
}

// accountsTest is what each test of Accounts starts from.
type accountsTest struct {
	Accounts
	kms *kmstest.KMS
	key string
	db  *ddbtest.Server
}

func newAccountsTest(t *testing.T) accountsTest {
	t.Helper()
	k, server := kmstest.New(), ddbtest.NewServer()
	t.Cleanup(server.Close)
	db := server.Client()
	_, err := db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:            aws.String("accounts"),
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
	})
	require.NoError(t, err)
	key := k.CreateKey()
	provider, err := materials.NewDirectKMSProvider(k, key)
	require.NoError(t, err)
	table, err := encryptor.NewEncryptedTable(t.Context(), db, "accounts", provider)
	require.NoError(t, err)
	return accountsTest{Accounts{table}, k, key, server}
}

func TestBalanceIsEncrypted(t *testing.T) {
	accounts := newAccountsTest(t)
	require.NoError(t, accounts.Open(t.Context(), "a-1"))

	stored, err := accounts.db.Client().GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("accounts"), Key: accountKey("a-1")})
	require.NoError(t, err)
	require.IsType(t, &types.AttributeValueMemberB{}, stored.Item["balance"])
	require.Equal(t, "accounts", accounts.kms.Calls()[0].EncryptionContext["*aws-kms-table*"])
}

func TestNothingIsWrittenWithoutKMS(t *testing.T) {
	accounts := newAccountsTest(t)
	accounts.kms.DisableKey(accounts.key)

	require.ErrorIs(t, accounts.Open(t.Context(), "a-1"), materials.ErrKMS)
	require.NotContains(t, accounts.db.Calls(), "PutItem")
}

func TestThrottlingIsRetried(t *testing.T) {
	accounts := newAccountsTest(t)
	accounts.db.FailNext("PutItem", &types.ProvisionedThroughputExceededException{})

	require.NoError(t, accounts.Open(t.Context(), "a-1")) // the SDK tried again
	puts := slices.DeleteFunc(accounts.db.Calls(), func(op string) bool { return op != "PutItem" })
	require.Len(t, puts, 2)
	require.Len(t, accounts.kms.Calls(), 1)
}

func TestPaymentIsMadeOnce(t *testing.T) {
	accounts := newAccountsTest(t)
	require.NoError(t, accounts.Open(t.Context(), "a-1"))
	accounts.db.LoseNext("UpdateItem", errors.New("connection reset")) // it is written, and nobody hears of it

	balance, err := accounts.Pay(t.Context(), "a-1", 10)
	require.NoError(t, err)
	require.Equal(t, 10, balance)
	balance, err = accounts.Pay(t.Context(), "a-1", 0)
	require.NoError(t, err)
	require.Equal(t, 10, balance)
}

func TestConcurrentPayment(t *testing.T) {
	accounts := newAccountsTest(t)
	require.NoError(t, accounts.Open(t.Context(), "a-1"))
	accounts.db.BeforeNext("UpdateItem", func() { // another instance of the service comes first
		_, err := accounts.Pay(t.Context(), "a-1", 5)
		require.NoError(t, err)
	})

	balance, err := accounts.Pay(t.Context(), "a-1", 10)
	require.NoError(t, err)
	require.Equal(t, 15, balance)
}

func TestForgedBalanceIsRefused(t *testing.T) {
	accounts := newAccountsTest(t)
	require.NoError(t, accounts.Open(t.Context(), "a-1"))
	accounts.db.Tamper("accounts", accountKey("a-1"), func(item map[string]types.AttributeValue) {
		item["balance"] = &types.AttributeValueMemberN{Value: "1000000"}
	})

	_, err := accounts.Pay(t.Context(), "a-1", 1)
	require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
}

func TestPageWaitsForKMSEightAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts := newAccountsTest(t)
		for i := range 100 {
			require.NoError(t, accounts.Open(t.Context(), strconv.Itoa(i)))
		}
		accounts.kms.SetLatency(10 * time.Millisecond)

		start := time.Now()
		page, err := accounts.table.Scan(t.Context(), &dynamodb.ScanInput{})
		require.NoError(t, err)
		require.Len(t, page.Items, 100)
		require.Equal(t, 130*time.Millisecond, time.Since(start)) // 13 times 8; no real time has passed
	})
}

func TestOverHTTP(t *testing.T) {
	k, db := kmstest.New(), ddbtest.NewServer()
	defer db.Close()
	kmsServer := kmstest.NewServer(k)
	defer kmsServer.Close()
	endpoints := []string{kmsServer.URL(), db.URL()} // for AWS_ENDPOINT_URL_KMS and AWS_ENDPOINT_URL_DYNAMODB

	credentials := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}, nil
	})
	kmsClient := kms.New(kms.Options{Region: "us-east-1", Credentials: credentials, BaseEndpoint: &endpoints[0]})
	dbClient := dynamodb.New(dynamodb.Options{Region: "us-east-1", Credentials: credentials, BaseEndpoint: &endpoints[1]})

	_, err := dbClient.ListTables(t.Context(), &dynamodb.ListTablesInput{})
	require.NoError(t, err)
	_, err = kmsClient.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: aws.String(k.CreateKey()), NumberOfBytes: aws.Int32(32)})
	require.NoError(t, err)
}

// vaultProvider is a provider of one's own: it leaves the cryptography to a wrapped
// provider and says where the keys come from.
type vaultProvider struct {
	keysOf func(ctx context.Context, table string) (*materials.WrappedProvider, error)
}

func (p vaultProvider) EncryptionMaterials(ctx context.Context, ec materials.EncryptionContext) (*materials.EncryptionMaterials, error) {
	keys, err := p.keysOf(ctx, ec.TableName)
	if err != nil {
		return nil, err
	}
	return keys.EncryptionMaterials(ctx, ec)
}

func (p vaultProvider) DecryptionMaterials(ctx context.Context, ec materials.EncryptionContext) (*materials.DecryptionMaterials, error) {
	keys, err := p.keysOf(ctx, ec.TableName)
	if err != nil {
		return nil, err
	}
	return keys.DecryptionMaterials(ctx, ec)
}

func TestVaultProvider(t *testing.T) {
	secret := []byte("0123456789abcdef0123456789abcdef")
	wrap, err := materials.NewAESKey(secret)
	require.NoError(t, err)
	sign, err := materials.NewHMACKey(secret)
	require.NoError(t, err)
	keys, err := materials.NewWrappedProvider(materials.WrappedKeys{Wrap: wrap, Unwrap: wrap, Sign: sign, Verify: sign}, nil)
	require.NoError(t, err)
	provider := vaultProvider{func(context.Context, string) (*materials.WrappedProvider, error) { return keys, nil }}

	materialstest.TestProvider(t, provider, func(o *materialstest.Options) {
		o.Secrets = [][]byte{secret}
	})
}
