package actions_test

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ddbec/ddbec-go/actions"
)

// Actions in a configuration file, shared with programs in other languages: the
// words are those of Python and Java, and a word that is none of them is an error.
func ExampleAttributeActions_json() {
	config := []byte(`{
		"default": "ENCRYPT_AND_SIGN",
		"overrides": {"city": "SIGN_ONLY", "visits": "DO_NOTHING"}
	}`)
	var a actions.AttributeActions
	if err := json.Unmarshal(config, &a); err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"iban", "city", "visits"} {
		fmt.Println(name, a.Action(name))
	}

	err := json.Unmarshal([]byte(`{"overrides": {"city": "SIGN"}}`), &a)
	fmt.Println(errors.Is(err, actions.ErrUnknownAction))
	// Output:
	// iban ENCRYPT_AND_SIGN
	// city SIGN_ONLY
	// visits DO_NOTHING
	// true
}

// What the constructors of package encryptor do with a table's primary key. Call it
// yourself where you need the actions of all attributes, such as in a test that
// holds what is readable in a table.
func ExampleAttributeActions_WithKeys() {
	customers, err := actions.AttributeActions{
		Overrides: map[string]actions.CryptoAction{"visits": actions.DoNothing},
	}.WithKeys("id")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("id", customers.Action("id"))
	fmt.Println("iban", customers.Action("iban"))

	// A key that is to be encrypted is a contradiction.
	_, err = actions.AttributeActions{
		Overrides: map[string]actions.CryptoAction{"id": actions.EncryptAndSign},
	}.WithKeys("id")
	fmt.Println(errors.Is(err, actions.ErrKeyAction))
	// Output:
	// id SIGN_ONLY
	// iban ENCRYPT_AND_SIGN
	// true
}

// Fields that several structs share are embedded; inside an attribute there are no
// actions, since it is encrypted as a whole.
func ExampleFromStruct_embedded() {
	type Address struct {
		Street, City string
	}
	type Audit struct {
		Created int64  `dynamodbav:"created" ddbec:"SIGN_ONLY"`
		Comment string `dynamodbav:"comment,omitempty"`
	}
	type Customer struct {
		ID      string  `dynamodbav:"id"`
		Address Address `dynamodbav:"address"`
		Audit
	}
	a, err := actions.FromStruct[Customer]()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"address", "created", "comment"} {
		fmt.Println(name, a.Action(name))
	}
	// Output:
	// address ENCRYPT_AND_SIGN
	// created SIGN_ONLY
	// comment ENCRYPT_AND_SIGN
}
