package materials

import (
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
)

// regionalPolicy says which keys are accepted in one Region, where a data key is
// decrypted if it is under one of them. An empty Region is that of the provider's
// own client, whichever it is.
type regionalPolicy struct {
	region string
	policy decryptKeyPolicy
}

// newRegionalPolicies sorts the accepted keys by Region, that of own first. If
// there is but one client, it is asked about all of them.
func newRegionalPolicies(own kmsKeyID, further []kmsKeyID, anyKey, clientsByRegion bool) ([]regionalPolicy, error) {
	if own.isZero() && len(further) == 0 && !anyKey {
		return nil, errors.New("no key id, no DecryptKeyIDs and not AnyDecryptKey: nothing could be decrypted")
	}
	if !clientsByRegion {
		return []regionalPolicy{{policy: newDecryptKeyPolicy(own, further, anyKey)}}, nil
	}
	var regions []string
	if !own.isZero() || len(further) == 0 {
		regions = append(regions, own.arn.Region)
	}
	inRegion := make(map[string][]kmsKeyID)
	for _, id := range further {
		if own.isKeyARN() && own.matches(id.arn) {
			continue // a replica of a multi-Region key: its own Region has it too
		}
		if !slices.Contains(regions, id.arn.Region) {
			regions = append(regions, id.arn.Region)
		}
		inRegion[id.arn.Region] = append(inRegion[id.arn.Region], id)
	}
	policies := make([]regionalPolicy, len(regions))
	for i, region := range regions {
		accepted := kmsKeyID{}
		if region == own.arn.Region {
			accepted = own
		}
		policies[i] = regionalPolicy{region, newDecryptKeyPolicy(accepted, inRegion[region], anyKey)}
	}
	return policies, nil
}

// mayBeOfAnotherRegion tells the answers that KMS gives for a data key of another
// Region: it does not know that key, or does not say so to this caller.
func mayBeOfAnotherRegion(err error) bool {
	var (
		incorrect *types.IncorrectKeyException
		invalid   *types.InvalidCiphertextException
		notFound  *types.NotFoundException
		api       smithy.APIError
	)
	return errors.As(err, &incorrect) || errors.As(err, &invalid) || errors.As(err, &notFound) ||
		errors.As(err, &api) && api.ErrorCode() == "AccessDeniedException"
}
