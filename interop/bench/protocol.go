package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// request is one line to a process: the part of the protocol in ../README.md that this command needs.
type request struct {
	Op string `json:"op"`
	*Configuration
	Item    vectors.Item   `json:"item,omitempty"`
	Items   []vectors.Item `json:"items,omitempty"`
	Work    work           `json:"work,omitempty"`
	Seconds float64        `json:"seconds,omitempty"`
	Threads int            `json:"threads,omitempty"`
}

// Configuration of an item is part of most requests. encoding/json needs the capital.
type Configuration struct {
	Table        string            `json:"table"`
	PartitionKey string            `json:"partition_key"`
	Actions      map[string]string `json:"actions"`
	Provider     provider          `json:"provider"`
}

// provider describes a materials provider; every process makes its own from it.
type provider struct {
	Kind             string `json:"kind"`
	EncryptionKey    []byte `json:"encryption_key,omitempty"`
	WrappingKey      []byte `json:"wrapping_key,omitempty"`
	SigningKey       []byte `json:"signing_key,omitempty"`
	SigningAlgorithm string `json:"signing_algorithm,omitempty"`
	KeyID            string `json:"key_id,omitempty"`
}

// work is what is done over and over in a measurement.
type work string

const (
	encryptItem work = "encrypt"
	decryptItem work = "decrypt"
	readPage    work = "scan" // all items, as the library reads a page of a table; the table itself takes no time
)

type answer struct {
	Item        vectors.Item      `json:"item,omitempty"`
	Items       []vectors.Item    `json:"items,omitempty"`
	Versions    map[string]string `json:"versions,omitempty"`
	Iterations  int64             `json:"iterations,omitempty"`
	Nanoseconds int64             `json:"nanoseconds,omitempty"`
	// Of the Go process alone: allocations and allocated bytes during the measurement.
	Allocations uint64 `json:"allocations,omitempty"`
	Bytes       uint64 `json:"bytes,omitempty"`
	Error       string `json:"error,omitempty"`
	Message     string `json:"message,omitempty"`
}

func newConfiguration(p provider) *Configuration {
	return &Configuration{tableName, partitionKey, map[string]string{"default": "ENCRYPT_AND_SIGN"}, p}
}

// encryptor does not look at the actions: there is one set of them, and it is the default.
func (c *Configuration) encryptor(ctx context.Context) (*encryptor.ItemEncryptor, error) {
	p, err := c.Provider.provider(ctx)
	if err != nil {
		return nil, err
	}
	return encryptor.New(p, tableinfo.TableInfo{Name: c.Table, Primary: tableinfo.Index{PartitionKey: c.PartitionKey}})
}

func (p provider) provider(ctx context.Context) (materials.CryptographicMaterialsProvider, error) {
	switch p.Kind {
	case "static", "wrapped_aes":
		return p.local()
	case "kms":
		// A user's client: the environment names the endpoint.
		cfg, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			return nil, err
		}
		return materials.NewDirectKMSProvider(kms.NewFromConfig(cfg), p.KeyID)
	}
	return nil, fmt.Errorf("unknown provider %q", p.Kind)
}

func (p provider) local() (materials.CryptographicMaterialsProvider, error) {
	signing, err := materials.NewHMACKeyFor(p.SigningAlgorithm, p.SigningKey)
	if err != nil {
		return nil, err
	}
	if p.Kind == "wrapped_aes" {
		wrapping, err := materials.NewAESKey(p.WrappingKey)
		if err != nil {
			return nil, err
		}
		return materials.NewWrappedProvider(
			materials.WrappedKeys{Wrap: wrapping, Unwrap: wrapping, Sign: signing, Verify: signing}, nil)
	}
	content, err := materials.NewAESKey(p.EncryptionKey)
	if err != nil {
		return nil, err
	}
	return materials.NewStaticProvider(
		&materials.EncryptionMaterials{EncryptionKey: content, SigningKey: signing},
		&materials.DecryptionMaterials{DecryptionKey: content, VerificationKey: signing})
}
