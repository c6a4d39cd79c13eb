// Package route finds paths for payments over the graph. It is pure: the graph,
// our own channels with their exact balances, what was learnt, and the question
// go in; routes, or the reason why there is none, come out. The same question gets
// the same answer.
//
// The search goes backwards from the payee, since fees are paid on the amount that
// each hop passes on (BOLT 7, "HTLC Fees"): what it computes for a node is the
// HTLC that must arrive there. It is Dijkstra's, over a cost in millisatoshi that
// adds to the fees the price of locked time and of the chance to fail. It keeps one
// way for each node, and so may run into a limit that another way would have kept:
// then the same is done with care, for all ways that are better in some respect.
//
//	routes, err := route.Find(g, route.Query{Us: id, Height: h, Find: f, Own: channels})
//
// When no single path carries the amount, it is split: the largest part that finds
// a way is taken first, its channels are charged with it, and the rest is searched
// again.
//
// What payments learn goes two ways. A [Memory] holds for an hour, and for all of
// them, what did not carry how much. The terms that came with a failure hold for
// the retries of that payment only (BOLT 4): they are part of its query.
package route
