package materials

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// errNoAnswer is for clients other than the SDK's, such as mocks.
var errNoAnswer = errors.New("the client returned neither an answer nor an error")

// countedClient counts the calls of a provider. An answer of nil comes with an error.
type countedClient struct {
	KMSClient
	counts *DirectKMSProvider
}

func (c countedClient) GenerateDataKey(ctx context.Context, params *kms.GenerateDataKeyInput, optFns ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error) {
	c.counts.generated.Add(1)
	out, err := c.KMSClient.GenerateDataKey(ctx, params, optFns...)
	if out == nil && err == nil {
		err = errNoAnswer
	}
	c.countFailure(err)
	return out, err
}

func (c countedClient) Decrypt(ctx context.Context, params *kms.DecryptInput, optFns ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	c.counts.decrypted.Add(1)
	out, err := c.KMSClient.Decrypt(ctx, params, optFns...)
	if out == nil && err == nil {
		err = errNoAnswer
	}
	c.countFailure(err)
	return out, err
}

// clear overwrites a data key once keys are derived from it. Only the SDK's client
// is known not to keep what it returned: another one may cache its answers, and
// would hand out zeros as the next item's key.
func (c countedClient) clear(dataKey []byte) {
	if _, ok := c.KMSClient.(*kms.Client); ok {
		clear(dataKey)
	}
}

func (c countedClient) countFailure(err error) {
	if err != nil {
		c.counts.failed.Add(1)
	}
}

// KMSStats counts the KMS calls of a [DirectKMSProvider] since it was made;
// retries within the SDK are not seen.
type KMSStats struct {
	GenerateDataKey, Decrypt uint64     // calls, the failed ones among them
	Failed                   uint64     // of both
	Cache                    CacheStats // of DirectKMSOptions.Cache
}

// Stats returns the counts.
func (p *DirectKMSProvider) Stats() KMSStats {
	s := KMSStats{GenerateDataKey: p.generated.Load(), Decrypt: p.decrypted.Load(), Failed: p.failed.Load()}
	if p.cache != nil {
		s.Cache = p.cache.stats()
	}
	return s
}
