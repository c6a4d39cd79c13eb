//go:build !race

package route

import (
	"compress/gzip"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/pay"
)

// nodeID is the key of the n-th node of a test: of no curve, and in the order of n.
func nodeID(n uint64) (id wire.NodeID) {
	id[0] = 2
	binary.BigEndian.PutUint64(id[1:], n)
	return id
}

// public is the network in the file that LEYDEN_GRAPH names: a csv.gz with a line
// a channel direction, whose columns are channel, node1, node2, capacity_sat,
// direction, enabled, cltv_expiry_delta, htlc_minimum_msat, htlc_maximum_msat,
// fee_base_msat and fee_proportional_millionths.
func public(b *testing.B) *graph.Graph {
	b.Helper()
	path := os.Getenv("LEYDEN_GRAPH")
	if path == "" {
		b.Skip("LEYDEN_GRAPH does not name a csv.gz of the public graph: nothing to search")
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
	g := graph.New(chainhash.Hash{})
	for r := csv.NewReader(unpacked); ; {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return g
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
		scid, one, two, direction := wire.ShortChannelID(v[0]+1), nodeID(v[1]), nodeID(v[2]), byte(v[4])
		if v[1] > v[2] {
			direction = 1 - direction
		}
		g.Local(scid, one, two, amount.Satoshi(v[3]))
		u := &wire.ChannelUpdate{
			ShortChannelID: scid, Timestamp: 1, ChannelFlags: direction | byte(1-v[5])<<1,
			CLTVExpiryDelta: uint16(v[6]), HTLCMinimumMsat: amount.MilliSatoshi(v[7]), HTLCMaximumMsat: amount.MilliSatoshi(v[8]),
			FeeBaseMsat: uint32(v[9]), FeeProportionalMillionths: uint32(v[10]),
		}
		if err := g.Load(graph.UpdateRow{SCID: scid, Raw: wire.Encode(u)}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPublic measures searches over the public graph: from a node of ours with
// channels to four well connected nodes, to nodes at the end of channels that are
// taken at random, for fees up to 5 %.
func BenchmarkPublic(b *testing.B) {
	g := public(b)
	us := nodeID(1 << 40)
	var own []Own
	order := make([]int, len(g.Nodes()))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(x, y int) int { return len(g.Nodes()[y].Channels) - len(g.Nodes()[x].Channels) })
	for i, n := range []int{order[3], order[20], order[100], order[400]} {
		own = append(own, Own{
			SCID: wire.ShortChannelID(1<<60 + i), Peer: g.Nodes()[n].ID, Spendable: 20_000_000_000, Maximum: 20_000_000_000,
		})
	}
	for _, bench := range []struct {
		name  string
		amt   msat
		parts int
	}{
		{"10sat", 10_000, 1}, {"10000sat", 10_000_000, 1}, {"1000000sat", 1_000_000_000, 16}, {"20000000sat", 20_000_000_000, 16},
	} {
		b.Run(bench.name, func(b *testing.B) {
			random := rand.New(rand.NewPCG(1, 2))
			var took []time.Duration
			var missed int
			for b.Loop() {
				last := g.Channels()[random.IntN(len(g.Channels()))]
				f := &pay.Find{
					Destination: g.Nodes()[last.Nodes[random.IntN(2)]].ID, Amount: bench.amt,
					MaxFee: max(bench.amt/20, 5000), MaxDelay: 2016, FinalDelta: 21, MaxParts: bench.parts,
				}
				start := time.Now()
				if _, err := Find(g, Query{Us: us, Height: 900_000, Find: f, Own: own, Memory: &Memory{}, Now: 1}); err != nil {
					missed++
				}
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(100*float64(missed)/float64(len(took)), "%missed")
		})
	}
}
