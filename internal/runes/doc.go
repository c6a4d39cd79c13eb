// Package runes is the form of runes: tokens that allow their bearer to give a node
// commands, and that anyone can restrict further but nobody less.
//
//	r := runes.New(secret, 7)                 // may do everything
//	r.Restrict(runes.Restriction{{Field: "method", Op: '^', Value: "list"}})
//	text := r.Encode()                        // for whoever is to use it
//
//	r, err := runes.Decode(text)
//	ours := r.AuthorizedBy(secret)
//	err = r.Check(&runes.Call{Method: &method, Now: now, …})
//
// A rune is an authentication code and restrictions, each of which is alternatives.
// The code is SHA256 of the secret and the restrictions, each padded as SHA256 pads an
// end: so whoever has a rune can go on from its code and add a restriction, and nobody
// can take one away. The format is Core Lightning's, as
// https://github.com/rustyrussell/runes describes it. The first restriction is "=ID", which
// is no condition but the rune's number: by it runes are revoked, and their rates counted.
package runes
