// Package rings is the network as the pages show it: which nodes there are, how far
// away each is, and a picture with this node in its middle.
//
//	n := rings.Build(us, nodes, channels)
//	some, all := n.Find("acinq", 0, 50) // the nearest first
//	picture := n.Picture()              // for the canvas
//
// Each node stands on the ring of its distance in hops, in the sector of the neighbour
// by which it is reached. To build it takes a time that grows with the number of
// channels, and no more.
//
// A picture holds the nodes in the order of their channels, the most first, and the
// lines between them in that order too: a line is as important as the lesser of its two
// ends. So whoever draws only the beginning of both draws what matters, and the lines
// between what is drawn. Its size is bounded; what is too much is the least important.
package rings
