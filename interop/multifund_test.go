package interop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// opened is what multifundchannel answers.
type opened struct {
	Channels []struct {
		ID     string
		Outnum uint32
	} `json:"channel_ids"`
	Txid   string
	Failed []struct{ ID, Method string }
}

// opened are the channels of an answer as the opener lists them, by their peers' ids.
func (n *network) opened(by Peer, o opened) map[string]Channel {
	n.Helper()
	n.must(n.chain.AwaitTx(n.context(), 1))
	n.mine(6)
	out := map[string]Channel{}
	n.eventually("the channels to be listed", func(ctx context.Context) error {
		all, err := by.Channels(ctx)
		for _, c := range o.Channels {
			point := fmt.Sprintf("%s:%d", o.Txid, c.Outnum)
			i := slices.IndexFunc(all, func(x Channel) bool { return x.Point == point })
			if i < 0 {
				return errors.Join(err, errNoChannel)
			}
			out[c.ID] = all[i]
		}
		return err
	})
	return out
}

// One transaction opens a channel with each of several nodes, of which one may refuse.
func TestSeveralChannelsAreOpenedByOneTransaction(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	ours, first, second := n.leyden("leyden"), n.lnd("first"), n.lnd("second")
	n.fund(ours, 3_000_000)
	at := func(p Peer) string { return p.ID() + "@" + p.Addr() }

	// lnd takes no channel of less than 20,000 satoshi.
	var some opened
	n.must(ours.Call(n.context(), &some, "multifundchannel", map[string]any{
		"destinations": []any{
			map[string]any{"id": at(first), "amount": 500_000, "push_msat": 100_000_000},
			map[string]any{"id": at(second), "amount": 15_000},
		},
		"minchannels": 1,
	}))
	if len(some.Channels) != 1 || len(some.Failed) != 1 || some.Failed[0].ID != second.ID() || some.Failed[0].Method != "fundchannel_start" {
		t.Fatalf("%+v", some)
	}
	alone := n.opened(ours, some)[first.ID()]
	n.ready(alone, ours, first)
	if left, err := second.Channels(n.context()); err != nil || len(left) > 0 {
		t.Errorf("who refused has %+v, %v", left, err)
	}

	var both opened
	n.must(ours.Call(n.context(), &both, "multifundchannel", map[string]any{"destinations": []any{
		map[string]any{"id": first.ID(), "amount": 600_000},
		map[string]any{"id": second.ID(), "amount": 700_000, "push_msat": 200_000_000, "announce": false},
	}}))
	if len(both.Channels) != 2 || len(both.Failed) != 0 {
		t.Fatalf("%+v", both)
	}
	channels := n.opened(ours, both)
	for _, p := range []Peer{first, second} {
		c := channels[p.ID()]
		n.ready(c, ours, p)
		if c.Private != (p == second) {
			t.Errorf("the channel with %s is %+v", p.Name(), c)
		}
		n.transfer(ours, p, 10_000_000)
		n.transfer(p, ours, 5_000_000)
		n.quiet(c, ours, p)
	}
	n.quiet(alone, ours, first)
	if got := n.look(second, channels[second.ID()]).ToUs; got != 205_000_000 {
		t.Errorf("%s has %d msat", second.Name(), got)
	}
}
