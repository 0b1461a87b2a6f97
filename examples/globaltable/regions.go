package main

import (
	"context"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/kmstest"
)

var regionNames = []string{"us-east-1", "eu-west-1"}

// standIns are Regions in this process.
func standIns() ([]*region, func(), error) {
	k := kmstest.New()
	replicas := k.CreateMultiRegionKey(regionNames...)
	var regions []*region
	var servers []*ddbtest.Server
	for i, name := range regionNames {
		server := ddbtest.NewServer()
		servers = append(servers, server)
		inRegion := k.InRegion(name)
		regions = append(regions, &region{name: name, db: server.Client(), kms: inRegion, replica: replicas[i], singleKey: inRegion.CreateKey()})
	}
	return regions, func() {
		for _, server := range servers {
			server.Close()
		}
	}, nil
}

// serverAt are the Regions of a server that stands in for AWS.
func serverAt(ctx context.Context, endpoint string) ([]*region, func(), error) {
	credentials := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "testing", SecretAccessKey: "testing"}, nil
	})
	var regions []*region
	var clients []*kms.Client
	for _, name := range regionNames {
		cfg := aws.Config{Region: name, BaseEndpoint: &endpoint, Credentials: credentials, HTTPClient: plainBodies{}}
		client := kms.NewFromConfig(cfg)
		clients = append(clients, client)
		single, err := client.CreateKey(ctx, &kms.CreateKeyInput{})
		if err != nil {
			return nil, nil, err
		}
		regions = append(regions, &region{name: name, db: dynamodb.NewFromConfig(cfg), kms: client, singleKey: *single.KeyMetadata.Arn})
	}
	primary, err := clients[0].CreateKey(ctx, &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
	if err != nil {
		return nil, nil, err
	}
	replica, err := clients[0].ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: primary.KeyMetadata.Arn, ReplicaRegion: aws.String(regions[1].name)})
	if err != nil {
		return nil, nil, err
	}
	regions[0].replica, regions[1].replica = *primary.KeyMetadata.Arn, *replica.ReplicaKeyMetadata.Arn
	return regions, func() {}, nil
}

// plainBodies hides the WriteTo of the SDK's request bodies, which returns io.EOF
// where it should return nil. With a server that is as quick as one on the same
// machine, net/http then takes a request for unsent and the SDK sends it twice.
type plainBodies struct{}

func (plainBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return http.DefaultClient.Do(r)
}
