//go:build !race

package graph_test

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/graph"
)

// publicRows are the rows of the network in the file that LEYDEN_GRAPH names: a
// csv.gz with a line a channel direction, whose columns are channel, node1, node2,
// capacity_sat, direction, enabled, cltv_expiry_delta, htlc_minimum_msat,
// htlc_maximum_msat, fee_base_msat and fee_proportional_millionths. Nodes are
// numbers there; they get keys here. Nothing is signed, which loading does not ask.
func publicRows(b *testing.B) []durable.Row {
	b.Helper()
	path := os.Getenv("LEYDEN_GRAPH")
	if path == "" {
		b.Skip("LEYDEN_GRAPH does not name a csv.gz of the public graph: nothing to measure")
	}
	file, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		b.Fatal(err)
	}
	var announcements, updates, nodes []durable.Row
	ids := map[uint64]wire.NodeID{}
	id := func(n uint64) wire.NodeID {
		if _, ok := ids[n]; !ok {
			ids[n] = publicKey(n + 1)
			a := &wire.NodeAnnouncement{
				NodeID: ids[n], Timestamp: 1, Features: wire.NewFeatures(wire.VarOnion), Addresses: []byte{1, 127, 0, 0, 1, 38, 7},
			}
			nodes = append(nodes, graph.NodeRow{Node: ids[n], Raw: wire.Encode(a)})
		}
		return ids[n]
	}
	for r := csv.NewReader(unpacked); ; {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			b.Fatal(err)
		}
		if record[0] == "channel" {
			continue
		}
		var v [11]uint64
		for i := range v {
			if v[i], err = strconv.ParseUint(record[i], 10, 64); err != nil {
				b.Fatal(err)
			}
		}
		scid, one, two, direction := wire.ShortChannelID(v[0]+1), id(v[1]), id(v[2]), v[4]
		if string(one[:]) > string(two[:]) {
			one, two, direction = two, one, 1-direction
		}
		if v[4] == 0 {
			a := &wire.ChannelAnnouncement{
				ShortChannelID: scid, NodeID1: one, NodeID2: two, BitcoinKey1: one, BitcoinKey2: two,
			}
			announcements = append(announcements, graph.AnnouncementRow{SCID: scid, Capacity: amount.Satoshi(v[3]), Raw: wire.Encode(a)})
		}
		u := &wire.ChannelUpdate{
			ShortChannelID: scid, Timestamp: 1, MessageFlags: 1, ChannelFlags: byte(direction | (1-v[5])<<1),
			CLTVExpiryDelta: uint16(v[6]), HTLCMinimumMsat: amount.MilliSatoshi(v[7]), HTLCMaximumMsat: amount.MilliSatoshi(v[8]),
			FeeBaseMsat: uint32(v[9]), FeeProportionalMillionths: uint32(v[10]),
		}
		updates = append(updates, graph.UpdateRow{SCID: scid, Direction: byte(direction), Raw: wire.Encode(u)})
	}
	return append(append(announcements, updates...), nodes...)
}

func publicKey(n uint64) wire.NodeID {
	var scalar [32]byte
	for i := range 8 {
		scalar[31-i] = byte(n >> (8 * i))
	}
	_, key := btcec.PrivKeyFromBytes(scalar[:])
	return wire.PointOf(key)
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkLoad measures how long the public graph takes to load, and the memory
// that it takes once the rows are no longer held.
func BenchmarkLoad(b *testing.B) {
	rows := publicRows(b)
	var g *graph.Graph
	for b.Loop() {
		g = graph.New(chainhash.Hash{})
		for _, r := range rows {
			if err := g.Load(r); err != nil {
				b.Fatal(err)
			}
		}
	}
	clear(rows)
	with := heap()
	runtime.KeepAlive(g)
	without := heap()
	b.ReportMetric((with-without)/(1<<20), "MiB")
	b.ReportMetric(float64(len(rows)), "rows")
}
