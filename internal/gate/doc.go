// Package gate is where runes are made, judged and revoked:
//
//	g, err := gate.Open(ctx, gate.Config{Store: store, Random: rand.Reader, Now: time.Now})
//	made, id, err := g.Make(ctx, restrictions...)
//	r, err := g.Admit(ctx, text, &runes.Call{Method: &method, Params: params})
//	err = g.Revoke(ctx, runes.Range{First: id, Last: id})
//
// The secret under which runes are made is 32 random bytes in the database, not derived
// from the seed: whoever begins anew from the 24 words, without the database, has
// forgotten which runes were revoked, and so every rune of before is of no use.
//
// The last use of a rune with a rate is on disk before it is admitted. Of others the
// uses are written once a minute: should a crash lose the last, then only a rune that
// was restricted since, and by a rate, could come early.
package gate
