// Package route finds paths for payments over the graph. It is pure: the graph,
// our own channels with their exact balances, what was learnt, and the question
// go in; routes, or the reason why there is none, come out. The same question gets
// the same answer.
//
// The search goes backwards from the payee, since fees are paid on the amount that
// each hop passes on (BOLT 7, "HTLC Fees"): what it computes for a node is the
// HTLC that must arrive there. It is Dijkstra's, over a cost in millisatoshi that
// adds to the fees the price of locked time and of the chance to fail.
//
//	routes, err := route.Find(g, route.Query{Us: id, Height: h, Find: f, Own: channels})
//
// When no single path carries the amount, it is split: the largest part that finds
// a way is taken first, its channels are charged with it, and the rest is searched
// again.
package route
