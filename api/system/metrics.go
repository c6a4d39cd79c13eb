package system

import (
	"context"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/wallet"
	"github.com/leyden-ln/leyden/node"
)

// Metric is a number of the node.
type Metric struct {
	Name   string `json:"name" doc:"such as leyden_peers"`
	Kind   string `json:"type" doc:"gauge; or counter, which never falls while the node runs"`
	Help   string `json:"help" doc:"what it is"`
	Number uint64 `json:"number" doc:"how much"`
}

// Metrics are the node's numbers.
type Metrics struct {
	Metrics []Metric `json:"metrics" doc:"one row a number"`
}

// Exposition is the numbers as monitors read them: Prometheus' text format 0.0.4.
func (m Metrics) Exposition() []byte {
	var b strings.Builder
	for _, x := range m.Metrics {
		b.WriteString("# HELP " + x.Name + " " + x.Help + "\n# TYPE " + x.Name + " " + x.Kind + "\n" + x.Name + " " + strconv.FormatUint(x.Number, 10) + "\n")
	}
	return []byte(b.String())
}

// started is when the program began.
var started = uint64(max(time.Now().Unix(), 0)) //nolint:gosec // not negative

func listMetrics(ctx context.Context, n *node.Node, _ command.None) (Metrics, error) {
	out := Metrics{Metrics: []Metric{}}
	add := func(name, kind, help string, number uint64) {
		out.Metrics = append(out.Metrics, Metric{"leyden_" + name, kind, help, number})
	}
	info, err := getInfo(ctx, n, command.None{})
	if err != nil {
		return out, err
	}
	count := func(i int) uint64 { return uint64(max(i, 0)) } //nolint:gosec // not negative
	add("block_height", "gauge", "Height of the chain as this node knows it.", uint64(info.BlockHeight))
	add("peers", "gauge", "Connected peers.", count(info.NumPeers))
	add("channels_active", "gauge", "Channels that can carry payments now.", count(info.NumActive))
	add("channels_inactive", "gauge", "Channels whose peer is away, or that close.", count(info.NumInactive))
	add("channels_pending", "gauge", "Channels that wait for blocks.", count(info.NumPending))
	if err := addChannels(ctx, n, add); err != nil {
		return out, err
	}
	var confirmed, waiting uint64
	for _, c := range n.Wallet().Coins() {
		switch {
		case c.Status == wallet.Spent:
		case c.Height > 0:
			confirmed += uint64(c.Value.Msat()) // no more than there are bitcoins
		default:
			waiting += uint64(c.Value.Msat())
		}
	}
	add("wallet_confirmed_msat", "gauge", "Coins on-chain that are in a block, in millisatoshi.", confirmed)
	add("wallet_unconfirmed_msat", "gauge", "Coins on-chain that wait for a block, in millisatoshi.", waiting)
	add("fees_collected_msat", "counter", "Fees of forwards, in millisatoshi.", info.FeesCollected)
	for _, list := range [][2]string{{"invoices", "Invoices that were made."}, {"sendpays", "HTLCs that were sent for payments of ours."}, {"forwards", "HTLCs that were forwarded, or were to be."}} {
		created, _, _, err := indexes(ctx, n, list[0])
		if err != nil {
			return out, err
		}
		add(list[0]+"_total", "counter", list[1], created)
	}
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/sched/goroutines:goroutines"}}
	metrics.Read(samples)
	add("memory_bytes", "gauge", "Memory that the program has of the system.", samples[0].Value.Uint64())
	add("goroutines", "gauge", "Goroutines of the program.", samples[1].Value.Uint64())
	add("started_seconds", "gauge", "When the program began, in unix seconds.", started)
	return out, nil
}

// addChannels adds what is in the channels that are not closed.
func addChannels(ctx context.Context, n *node.Node, add func(name, kind, help string, number uint64)) error {
	rows, err := n.Store().Channels(ctx)
	if err != nil {
		return err
	}
	var ours, capacity, spendable, receivable, flight uint64
	for _, c := range rows {
		if c.Status.Status >= channel.Closed {
			continue
		}
		ch, err := channel.Load(c)
		if err != nil {
			return err
		}
		v := ch.View()
		ours += uint64(v.ToLocal) // no more than there are bitcoins
		capacity += uint64(c.Params.Capacity.Msat())
		flight += uint64(len(v.HTLCs))
		if _, connected := n.Peers().Get(c.Params.Peer); connected {
			spendable += uint64(v.Spendable)
			receivable += uint64(v.Receivable)
		}
	}
	add("channels_ours_msat", "gauge", "What is ours in channels, in millisatoshi.", ours)
	add("channels_capacity_msat", "gauge", "What channels hold on both sides, in millisatoshi.", capacity)
	add("channels_spendable_msat", "gauge", "What can be sent now, in millisatoshi.", spendable)
	add("channels_receivable_msat", "gauge", "What can be received now, in millisatoshi.", receivable)
	add("htlcs", "gauge", "HTLCs in flight in all channels.", flight)
	return nil
}

var metricsCommand = command.Define(command.Spec{
	Name: "listmetrics", Group: "node", Short: "show the node's numbers for monitors",
	Long: "Lists what monitors watch: peers, channels, balances, how much was done, memory. REST gives the same at GET /metrics in the text " +
		"format of Prometheus, to a rune that permits this command.",
	Errors: []command.Code{command.Failed}, Examples: []string{"listmetrics"},
}, listMetrics)
