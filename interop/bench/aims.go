package main

import (
	"fmt"
	"slices"
	"strings"
)

// aim is what the library is to reach beside the others, and what it did in a run.
type aim struct {
	text, found string
	met         bool
}

func (a aim) verdict() string {
	if a.met {
		return "met"
	}
	return "missed"
}

func (a aim) String() string { return fmt.Sprintf("%s: %s (%s)", a.text, a.verdict(), a.found) }

func aims(r report) []aim {
	return []aim{
		smallItems(r, python, 25),
		smallItems(r, java, 3),
		neverSlower(r, python, false),
		neverSlower(r, java, false),
		neverSlower(r, python, true),
		neverSlower(r, java, true),
		steadyAllocations(r.growth),
	}
}

// smallItems is about items of which the cryptography takes the least part.
func smallItems(r report, l library, times float64) aim {
	small := shapes[0].name
	a := aim{text: fmt.Sprintf("%s, static keys, one thread: at least %g times as fast as %s", small, times, l), met: true}
	var found []string
	for _, w := range []work{encryptItem, decryptItem} {
		c, ok := find(r.results, static, small, w, 1)
		if !ok {
			return aim{text: a.text, found: "not measured"}
		}
		a.met = a.met && c.ratio(l) >= times
		found = append(found, fmt.Sprintf("%s × %s", w, factor(c.ratio(l))))
	}
	a.found = strings.Join(found, ", ")
	return a
}

// large is the item that is almost nothing but AES and SHA-256, which Python leaves to OpenSSL.
const large = "1×100 KB"

// neverSlower is about everything that was measured, with a KMS or without: to ask one is mostly the work of the SDKs.
func neverSlower(r report, l library, withKMS bool) aim {
	a := aim{text: fmt.Sprintf("static keys and wrapped AES: %s is nowhere faster", l), met: true}
	if withKMS {
		a.text = fmt.Sprintf("Direct KMS: %s is nowhere faster", l)
	}
	if l == python && !withKMS {
		a.text += fmt.Sprintf(" (at %s, by 5 %% at most)", large)
	}
	var missed []string
	results := slices.DeleteFunc(slices.Clone(r.results), func(c result) bool { return (c.kind == "kms") != withKMS })
	if len(results) == 0 {
		return aim{text: a.text, found: "not measured"}
	}
	for _, c := range results {
		least := 1.0
		if l == python && !withKMS && c.shape.name == large {
			least = 0.95
		}
		if c.ratio(l) < least {
			missed = append(missed, fmt.Sprintf("%s: × %.3f", c.cell, c.ratio(l)))
		}
	}
	if len(missed) > 0 {
		a.met, a.found = false, strings.Join(missed, "; ")
		return a
	}
	least := worst(results, l)
	a.found = fmt.Sprintf("at least × %s, at %s", factor(least.ratio(l)), least.cell)
	return a
}

func steadyAllocations(sizes []growth) aim {
	a := aim{text: "allocations grow with the number of attributes alone", met: true}
	var found []string
	for _, g := range sizes {
		a.met = a.met && g.encrypt == sizes[0].encrypt && g.decrypt == sizes[0].decrypt
		found = append(found, fmt.Sprintf("%g and %g at %d B", g.encrypt, g.decrypt, g.bytes))
	}
	a.found = strings.Join(found, ", ")
	return a
}
