// Package interop runs this library against the real libraries of other languages, in both directions: what they write is read
// here, what is written here is read there. It also runs every operation of the library on DynamoDB servers of other people. It
// has tests and nothing else, in a module of its own, so that nobody who uses the library depends on what they need. Start them
// with the script run beside this file; the README has the details.
package interop
