package encryptor_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/wire"
)

// tamperChange is one step that somebody who may write to a table can take, and
// what reading the item comes to, by provider. Both the test and the document of
// the security model are made of it.
type tamperChange struct {
	what   string
	config tamperConfig
	// items yields every variant of the change.
	items func(t testing.TB, s *scene, yield func(encryptor.Item))
	// reader is the owner of the table if it is nil.
	reader func(s *scene) *encryptor.ItemEncryptor
	want   outcomes
}

// outcomes are by provider; several in one place for variants that differ. None
// means that the change is not possible.
type outcomes map[string][]string

func everywhere(outcome ...string) outcomes {
	all := make(outcomes)
	for _, provider := range tamperProviders {
		all[provider] = outcome
	}
	return all
}

// but are the outcomes with others for one provider.
func (o outcomes) but(provider string, outcome ...string) outcomes {
	changed := make(outcomes, len(o))
	for p, outcomes := range o {
		changed[p] = outcomes
	}
	changed[provider] = outcome
	return changed
}

func onlyKMS(outcome string) outcomes { return outcomes{tamperKMS: {outcome}} }

var tamperChanges = []tamperChange{
	{what: "Flip a bit of the IV of an encrypted attribute", items: flips((*scene).ivs), want: everywhere("ErrInvalidSignature")},
	{what: "Flip a bit of its ciphertext", items: flips((*scene).ciphertexts), want: everywhere("ErrInvalidSignature")},
	{what: "Cut or lengthen its ciphertext", items: resized, want: everywhere("ErrInvalidSignature")},
	{what: "Replace it by a plaintext value", items: unencrypted, want: everywhere("ErrInvalidSignature")},
	{what: "Change the value of a signed attribute", items: edited, want: everywhere("ErrInvalidSignature")},
	{what: "Change its type and keep its bytes", items: retyped, want: everywhere("ErrInvalidSignature")},
	{what: "Exchange the values of two encrypted attributes", items: swapped(func(s *scene) (a, b []string) { return s.encrypted, s.encrypted }), want: everywhere("ErrInvalidSignature")},
	{what: "Exchange those of two signed attributes", items: swapped(func(s *scene) (a, b []string) { return s.signed, s.signed }), want: everywhere("ErrInvalidSignature")},
	{what: "Exchange those of an encrypted and a signed one", items: swapped(func(s *scene) (a, b []string) { return s.encrypted, s.signed }), want: everywhere("ErrInvalidSignature")},
	{what: "Take one attribute from another item", items: taken(func(s *scene) encryptor.Item { return s.sibling }), want: everywhere("ErrInvalidSignature")},
	{what: "Take one attribute from an older version of the item", items: taken(func(s *scene) encryptor.Item { return s.older }), want: everywhere("ErrInvalidSignature")},
	{what: "Remove an encrypted or signed attribute", items: removed, want: everywhere("ErrInvalidSignature")},
	{what: "Rename one", items: renamedOne, want: everywhere("ErrInvalidSignature")},
	{what: "Add an attribute, under whatever name", items: added, want: everywhere("ErrInvalidSignature")},
	{what: "Add an attribute that no action names", config: tamperUnsignedDefault, items: one(func(s *scene) encryptor.Item { return itemWith(s.stored, "added", &itemS{Value: "x"}) }), want: everywhere(tamperAccepted)},
	{what: "Add one that has the name of a signed one but for its case", config: tamperUnsignedDefault, items: caseFolded, want: everywhere("ErrAmbiguousName")},
	{what: "Change, add or remove a `DO_NOTHING` attribute", items: unsignedChanged, want: everywhere(tamperAccepted)},

	{what: "Put the item under another key", items: rekeyed, want: everywhere("ErrInvalidSignature").but(tamperKMS, "ErrContextMismatch")},
	{what: "Put the item under another key", config: tamperUnsignedKeys, items: rekeyed, want: everywhere(tamperAccepted).but(tamperKMS, "ErrContextMismatch")},
	{what: "Remove a key attribute", items: keyRemoved, want: everywhere("ErrInvalidSignature").but(tamperKMS, "ErrContextMismatch")},
	{what: "Change the type of a key attribute and keep its bytes", items: keyRetyped, want: everywhere("ErrInvalidSignature").but(tamperKMS, "ErrContextMismatch", "ErrInvalidSignature")},
	{what: "Put the item into another table", items: unchanged, reader: func(s *scene) *encryptor.ItemEncryptor { return s.elsewhere },
		want: everywhere("ErrInvalidSignature").but(tamperKMS, "ErrContextMismatch")},
	{what: "Put it into a table that has the first in `AcceptTableNames`", items: unchanged, reader: func(s *scene) *encryptor.ItemEncryptor { return s.elsewhereToo }, want: everywhere(tamperAccepted)},
	{what: "Put an older version of the item back", items: one(func(s *scene) encryptor.Item { return s.older }), want: everywhere(tamperAccepted)},

	{what: "Flip a bit of the signature, cut or lengthen it", items: resigned, want: everywhere("ErrInvalidSignature")},
	{what: "Take the signature of another item or an older version", items: signatureTaken, want: everywhere("ErrInvalidSignature")},
	{what: "Remove signature and description", items: stripped(itemSignature, itemDescription), want: everywhere("ErrUnsigned")},
	{what: "Remove signature and description", config: tamperPlaintext, items: stripped(itemSignature, itemDescription), want: everywhere(tamperAccepted)},
	{what: "Remove the signature", items: stripped(itemSignature), want: everywhere("ErrUnsigned")},
	{what: "Remove the signature", config: tamperPlaintext, items: stripped(itemSignature), want: everywhere("ErrUnsigned")},
	{what: "Replace the signature by a value of another type", config: tamperPlaintext, items: retypedSignature, want: everywhere("ErrUnsigned")},
	{what: "Replace the item by plaintext", items: one(func(s *scene) encryptor.Item { return forgedPlaintext(s) }), want: everywhere("ErrUnsigned")},
	{what: "Replace the item by plaintext", config: tamperPlaintext, items: one(func(s *scene) encryptor.Item { return forgedPlaintext(s) }), want: everywhere(tamperAccepted)},
	{what: "Replace it by plaintext marked as the successor's", config: tamperPlaintext, items: one(func(s *scene) encryptor.Item {
		return itemWith(forgedPlaintext(s), "aws_dbe_head", &itemB{Value: []byte{1}})
	}), want: everywhere("ErrNewerFormat")},

	{what: "Flip a bit of the material description", items: descriptionFlips, want: outcomes{
		tamperStatic: {"ErrAlgorithm", "ErrDescription", tamperNothing},
		tamperAES:    {"ErrAlgorithm", "ErrDescription", "ErrUnwrap", tamperNothing},
		tamperRSA:    {"ErrAlgorithm", "ErrDescription", "ErrUnwrap", tamperNothing},
		tamperRecent: {"ErrAlgorithm", "ErrDescription", "ErrNoDecryptionMaterials", "ErrUnwrap", "ErrVersionNotFound", tamperNothing},
		tamperKMS:    {"ErrAlgorithm", "ErrContextMismatch", "ErrDescription", tamperNothing},
	}},
	{what: "Remove the description", items: stripped(itemDescription), want: everywhere("ErrDescription")},
	{what: "Replace the description by a value of another type", items: retypedDescription, want: everywhere("ErrDescription")},
	{what: "Take the description of another item", items: one(func(s *scene) encryptor.Item { return itemWith(s.stored, itemDescription, s.sibling[itemDescription]) }),
		want: outcomes{tamperAES: {"ErrDecrypt"}, tamperRSA: {"ErrDecrypt"}, tamperRecent: {"ErrDecrypt"}, tamperKMS: {"ErrContextMismatch"}}},
	{what: "Take that of an older version", items: one(func(s *scene) encryptor.Item { return itemWith(s.stored, itemDescription, s.older[itemDescription]) }),
		want: outcomes{tamperAES: {"ErrDecrypt"}, tamperRSA: {"ErrDecrypt"}, tamperRecent: {"ErrDecrypt"}, tamperKMS: {"ErrInvalidSignature"}}},
	{what: "Name another padding in the description", items: entryChanged(wire.EntrySymMode, "/CBC/NoPadding", "/GCM/NoPadding", ""), want: everywhere("ErrAlgorithm")},
	{what: "Name another signing algorithm", items: entryChanged(wire.EntrySigningAlg, "HmacSHA224", "SHA512withRSA", "none"),
		want: everywhere(tamperNothing).but(tamperRSA, "ErrAlgorithm")},
	{what: "Name another content key algorithm", items: entryChanged(wire.EntryEnvAlg, "DES", "AES/512", "AES/128"), want: outcomes{
		tamperStatic: {tamperNothing}, tamperAES: {"ErrAlgorithm", "ErrUnwrap"}, tamperRSA: {"ErrAlgorithm", "ErrUnwrap"}, tamperRecent: {"ErrAlgorithm", "ErrUnwrap"}, tamperKMS: {"ErrAlgorithm", "ErrContextMismatch"}}},
	{what: "Name another key wrapping", items: entryChanged(wire.EntryWrapAlg, "RSA/ECB/PKCS1Padding", "RSA", "none", ""), want: outcomes{
		tamperStatic: {tamperNothing}, tamperAES: {"ErrAlgorithm"}, tamperRSA: {"ErrAlgorithm"}, tamperRecent: {"ErrAlgorithm"}, tamperKMS: {tamperNothing}}},
	{what: "Name another version of the material", items: entryChanged(wire.EntryMetaID, "material#0"), want: outcomes{tamperRecent: {"ErrUnwrap"}}},
	{what: "Name a version that does not exist, or another material", items: entryChanged(wire.EntryMetaID, "material#2", "other#1"), want: outcomes{
		tamperRecent: {"ErrNoDecryptionMaterials", "ErrVersionNotFound"}}},

	{what: "Put a wrapped key of one's own into the description", items: ownWrappedKey, want: outcomes{
		tamperAES: {"ErrUnwrap"}, tamperRSA: {"ErrDecrypt"}, tamperRecent: {"ErrUnwrap"}, tamperKMS: {"ErrKeyNotAllowed"}}},
	{what: "Put a wrapped key of one's own into the description", config: tamperAnyKey, items: ownWrappedKey, want: onlyKMS("ErrInvalidSignature")},
	{what: "Replace the item by one of one's own, under one's own keys", items: one(func(s *scene) encryptor.Item { return s.forged }), want: outcomes{
		tamperStatic: {"ErrInvalidSignature"}, tamperAES: {"ErrUnwrap"}, tamperRSA: {"ErrInvalidSignature"}, tamperRecent: {"ErrUnwrap"}, tamperKMS: {"ErrKeyNotAllowed"}}},
	{what: "Replace the item by one of one's own, under one's own keys", config: tamperAnyKey, items: one(func(s *scene) encryptor.Item { return s.forged }), want: onlyKMS(tamperAccepted)},
}

type variants = func(t testing.TB, s *scene, yield func(encryptor.Item))

func one(make func(s *scene) encryptor.Item) variants {
	return func(_ testing.TB, s *scene, yield func(encryptor.Item)) { yield(make(s)) }
}

func unchanged(_ testing.TB, s *scene, yield func(encryptor.Item)) { yield(s.stored) }

// span is part of a B attribute.
type span struct {
	name     string
	from, to int
}

func (s *scene) ivs() (spans []span) {
	for _, name := range s.encrypted {
		spans = append(spans, span{name, 0, 16})
	}
	return spans
}

func (s *scene) ciphertexts() (spans []span) {
	for _, name := range s.encrypted {
		spans = append(spans, span{name, 16, len(s.stored[name].(*itemB).Value)})
	}
	return spans
}

// flips flips one bit in each byte, not always the same.
func flips(spans func(s *scene) []span) variants {
	return func(_ testing.TB, s *scene, yield func(encryptor.Item)) {
		for _, part := range spans(s) {
			for i := part.from; i < part.to; i++ {
				yield(s.flipped(part.name, i, i%8))
			}
		}
	}
}

func (s *scene) flipped(name string, i, bit int) encryptor.Item {
	b := slices.Clone(s.stored[name].(*itemB).Value)
	b[i] ^= 1 << bit
	return itemWith(s.stored, name, &itemB{Value: b})
}

// descriptionFlips flips each bit, since what comes of it depends on where it is,
// but for the wrapped key, which is long and everywhere alike.
func descriptionFlips(t testing.TB, s *scene, yield func(encryptor.Item)) {
	description := s.stored[itemDescription].(*itemB).Value
	entries, err := wire.ParseDescription(description)
	require.NoError(t, err)
	wrapped := entries[wire.EntryEnvKey]
	start := strings.Index(string(description), wrapped)
	for i := range description {
		if wrapped != "" && i >= start && i < start+len(wrapped) {
			yield(s.flipped(itemDescription, i, i%8))
			continue
		}
		for bit := range 8 {
			yield(s.flipped(itemDescription, i, bit))
		}
	}
}

func resized(_ testing.TB, s *scene, yield func(encryptor.Item)) {
	for _, name := range s.encrypted {
		yieldResized(s, name, yield)
	}
}

func yieldResized(s *scene, name string, yield func(encryptor.Item)) {
	b := s.stored[name].(*itemB).Value
	for n := range b {
		yield(itemWith(s.stored, name, &itemB{Value: b[:n]}))
	}
	for _, n := range []int{1, 16} {
		yield(itemWith(s.stored, name, &itemB{Value: append(slices.Clone(b), make([]byte, n)...)}))
		yield(itemWith(s.stored, name, &itemB{Value: append(make([]byte, n), b...)}))
	}
}

func resigned(_ testing.TB, s *scene, yield func(encryptor.Item)) {
	for i := range s.stored[itemSignature].(*itemB).Value {
		yield(s.flipped(itemSignature, i, i%8))
	}
	yieldResized(s, itemSignature, yield)
}

func unencrypted(_ testing.TB, s *scene, yield func(encryptor.Item)) {
	for _, name := range s.encrypted {
		for _, v := range []types.AttributeValue{s.plain[name], &itemS{Value: "x"}, &itemNull{Value: true}, &itemB{}} {
			yield(itemWith(s.stored, name, v))
		}
	}
}

// edited makes small changes of values, wherever in a value they are.
func edited(_ testing.TB, s *scene, yield func(encryptor.Item)) {
	for _, name := range s.signed {
		for _, v := range editsOf(s.stored[name]) {
			yield(itemWith(s.stored, name, v))
		}
		yield(itemWith(s.stored, name, &itemNull{Value: true}))
		yield(itemWith(s.stored, name, &itemL{Value: []types.AttributeValue{s.stored[name]}}))
	}
}

// editsOf are values next to v.
func editsOf(v types.AttributeValue) []types.AttributeValue {
	switch v := v.(type) {
	case *itemS:
		return []types.AttributeValue{&itemS{Value: v.Value + " "}, &itemS{Value: v.Value + "\x00"}, &itemS{}}
	case *itemN:
		return []types.AttributeValue{&itemN{Value: "1" + strings.TrimPrefix(v.Value, "-")}, &itemN{Value: strings.TrimPrefix("-"+v.Value, "--")}, &itemN{Value: "0.5"}}
	case *itemB:
		return []types.AttributeValue{&itemB{Value: append(slices.Clone(v.Value), 0)}, &itemB{}}
	case *itemBool:
		return []types.AttributeValue{&itemBool{Value: !v.Value}}
	case *itemSS:
		return []types.AttributeValue{&itemSS{Value: v.Value[1:]}, &itemSS{Value: append(slices.Clone(v.Value), "more")}}
	case *itemNS:
		return []types.AttributeValue{&itemNS{Value: v.Value[1:]}, &itemNS{Value: append(slices.Clone(v.Value), "1")}}
	case *itemBS:
		return []types.AttributeValue{&itemBS{Value: v.Value[1:]}, &itemBS{Value: append(slices.Clone(v.Value), []byte{1})}}
	case *itemL:
		edits := []types.AttributeValue{&itemL{Value: append(slices.Clone(v.Value), &itemNull{Value: true})}}
		for i := range v.Value {
			edits = append(edits, &itemL{Value: slices.Delete(slices.Clone(v.Value), i, i+1)})
		}
		return edits
	case *itemM:
		edits := []types.AttributeValue{&itemM{Value: itemWith(v.Value, "more", &itemNull{Value: true})}}
		for name, inner := range v.Value {
			edits = append(edits, &itemM{Value: itemWith(v.Value, name, nil)}, &itemM{Value: itemWith(itemWith(v.Value, name, nil), name+"'", inner)})
			for _, edit := range editsOf(inner) {
				edits = append(edits, &itemM{Value: itemWith(v.Value, name, edit)})
			}
		}
		return edits
	default:
		return nil
	}
}

// sameBytes are values of other types that have v's bytes.
func sameBytes(v types.AttributeValue) []types.AttributeValue {
	switch v := v.(type) {
	case *itemS:
		return []types.AttributeValue{&itemB{Value: []byte(v.Value)}, &itemSS{Value: []string{v.Value}}}
	case *itemN:
		return []types.AttributeValue{&itemS{Value: v.Value}, &itemNS{Value: []string{v.Value}}}
	case *itemB:
		return []types.AttributeValue{&itemBS{Value: [][]byte{v.Value}}, &itemS{Value: strings.ToValidUTF8(string(v.Value), "?")}}
	case *itemSS:
		var members [][]byte
		for _, member := range v.Value {
			members = append(members, []byte(member))
		}
		return []types.AttributeValue{&itemBS{Value: members}}
	case *itemNS:
		return []types.AttributeValue{&itemSS{Value: v.Value}}
	case *itemBool:
		return []types.AttributeValue{&itemNull{Value: true}}
	default:
		return nil
	}
}

func retyped(_ testing.TB, s *scene, yield func(encryptor.Item)) {
	for _, name := range slices.Concat(s.signed, s.encrypted) {
		for _, v := range sameBytes(s.stored[name]) {
			yield(itemWith(s.stored, name, v))
		}
	}
}

func keyRetyped(_ testing.TB, s *scene, yield func(encryptor.Item)) {
	for _, name := range []string{"id", "at"} {
		yield(itemWith(s.stored, name, sameBytes(s.stored[name])[0]))
	}
}

func keyRemoved(_ testing.TB, s *scene, yield func(encryptor.Item)) {
	for _, name := range []string{"id", "at"} {
		yield(itemWith(s.stored, name, nil))
	}
}

func rekeyed(_ testing.TB, s *scene, yield func(encryptor.Item)) {
	yield(itemWith(s.stored, "id", s.sibling["id"]))
	yield(itemWith(s.stored, "id", &itemS{Value: "hush-customer "}))
	yield(itemWith(s.stored, "at", &itemN{Value: "1700000002"}))
}

func swapped(pairs func(s *scene) (a, b []string)) variants {
	return func(_ testing.TB, s *scene, yield func(encryptor.Item)) {
		first, second := pairs(s)
		for _, a := range first {
			for _, b := range second {
				if a != b {
					yield(itemWith(itemWith(s.stored, a, s.stored[b]), b, s.stored[a]))
				}
			}
		}
	}
}

func taken(from func(s *scene) encryptor.Item) variants {
	return func(_ testing.TB, s *scene, yield func(encryptor.Item)) {
		for _, name := range slices.Concat(s.encrypted, s.signed) {
			yield(itemWith(s.stored, name, from(s)[name]))
		}
	}
}

func removed(_ testing.TB, s *scene, yield func(encryptor.Item)) {
	for _, name := range slices.Concat(s.encrypted, s.signed) {
		yield(itemWith(s.stored, name, nil))
	}
}

func renamedOne(_ testing.TB, s *scene, yield func(encryptor.Item)) {
	for _, name := range slices.Concat(s.encrypted, s.signed) {
		without := itemWith(s.stored, name, nil)
		for _, to := range append([]string{name + " ", strings.ToUpper(name), ""}, s.others...) {
			yield(itemWith(without, to, s.stored[name]))
		}
	}
}

func added(_ testing.TB, s *scene, yield func(encryptor.Item)) {
	for _, v := range []types.AttributeValue{&itemS{Value: "x"}, &itemNull{Value: true}, &itemB{Value: make([]byte, 32)}, s.stored[s.encrypted[0]]} {
		for _, name := range []string{"added", strings.ToUpper(s.encrypted[0]), strings.ToUpper(s.signed[0]), " ", "aws_dbe_head"} {
			yield(itemWith(s.stored, name, v))
		}
	}
}

func caseFolded(_ testing.TB, s *scene, yield func(encryptor.Item)) {
	for _, name := range slices.Concat(s.encrypted, s.signed, []string{"id", "at"}) {
		yield(itemWith(s.stored, strings.ToUpper(name), &itemS{Value: "x"}))
	}
}

func unsignedChanged(_ testing.TB, s *scene, yield func(encryptor.Item)) {
	for _, name := range s.others {
		yield(itemWith(s.stored, name, &itemS{Value: "changed"}))
		yield(itemWith(s.stored, name, nil))
	}
}

func signatureTaken(_ testing.TB, s *scene, yield func(encryptor.Item)) {
	for _, from := range []encryptor.Item{s.sibling, s.older, s.forged} {
		yield(itemWith(s.stored, itemSignature, from[itemSignature]))
	}
}

func stripped(names ...string) variants {
	return func(_ testing.TB, s *scene, yield func(encryptor.Item)) {
		item := s.stored
		for _, name := range names {
			item = itemWith(item, name, nil)
		}
		yield(item)
	}
}

func retypedSignature(_ testing.TB, s *scene, yield func(encryptor.Item)) {
	for _, v := range append(sameBytes(s.stored[itemSignature]), &itemNull{Value: true}) {
		yield(itemWith(s.stored, itemSignature, v))
	}
}

func retypedDescription(_ testing.TB, s *scene, yield func(encryptor.Item)) {
	for _, v := range append(sameBytes(s.stored[itemDescription]), &itemNull{Value: true}, &itemB{}) {
		yield(itemWith(s.stored, itemDescription, v))
	}
}

func forgedPlaintext(s *scene) encryptor.Item {
	return itemWith(s.plain, "string", &itemS{Value: "hush-forged"})
}

func entryChanged(entry string, values ...string) variants {
	return func(t testing.TB, s *scene, yield func(encryptor.Item)) {
		for _, value := range values {
			yield(itemWith(s.stored, itemDescription, s.entries(t, map[string]string{entry: value})))
		}
	}
}

func ownWrappedKey(t testing.TB, s *scene, yield func(encryptor.Item)) {
	forged, err := wire.ParseDescription(s.forged[itemDescription].(*itemB).Value)
	require.NoError(t, err)
	yield(itemWith(s.stored, itemDescription, s.entries(t, map[string]string{wire.EntryEnvKey: forged[wire.EntryEnvKey]})))
}
