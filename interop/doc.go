// Package interop runs Leyden beside other Lightning nodes: real processes on
// 127.0.0.1, a real bitcoind under them, driven only through what each of them
// offers to its users. It is a module of its own, so that Leyden itself never
// depends on another node.
//
// A [Peer] is a node of any kind; [Leyden], [LND] and [CLightning] are the
// drivers. The table of cases is in the tests.
package interop
