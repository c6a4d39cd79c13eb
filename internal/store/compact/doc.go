// Package compact is the forms in which the store keeps what SQL has no type for, those
// of which there are millions as short as can be: routes of attempts, and entries of the
// log; failures, paths, what belongs to a channel. Each reads what it wrote, to the byte.
// The texts of invoices have theirs in bolt11.Pack.
//
//	b := compact.Route(nil, sent, hops, ref)
//	hops, err := compact.Hops(b, sent, node)
package compact
