package faults_test

import (
	"bytes"
	"encoding/base64"
)

// What is encrypted has one of these in it: as text, in binary, as a number, as the
// name of a map's entry.
const (
	canaryText   = "canary-of-text"
	canaryBytes  = "canary-of-bytes"
	canaryName   = "canary-of-name"
	canaryNumber = "7733112299"
)

// canaries are all forms in which a secret would appear in JSON: as it is, and in
// base64 at each of the three alignments.
var canaries = func() (all [][]byte) {
	for _, secret := range []string{canaryText, canaryBytes, canaryName, canaryNumber} {
		all = append(all, []byte(secret))
		for shift := range 3 {
			encoded := base64.StdEncoding.EncodeToString(append(make([]byte, shift), secret...))
			// The first and last characters depend on the neighbours.
			first, last := (shift*8+5)/6, (shift+len(secret))*8/6
			all = append(all, []byte(encoded[first:last]))
		}
	}
	return all
}()

// secretIn returns the secret that some text has in it, nil if there is none.
func secretIn(text []byte) []byte {
	for _, secret := range canaries {
		if bytes.Contains(text, secret) {
			return secret
		}
	}
	return nil
}
