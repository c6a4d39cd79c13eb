package node

import (
	"context"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/btcsuite/btcd/chaincfg/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/keeper"
	"github.com/leyden-ln/leyden/internal/store"
)

// How long an address is tried before the next one of the peer's.
const (
	firstPatience = time.Minute
	lastPatience  = 30 * time.Minute
)

// lookAfter is how often peers and feerates are looked after.
func (n *Node) lookAfter() time.Duration {
	if n.cfg.Network.Name == chaincfg.RegressionNetParams.Name {
		return 500 * time.Millisecond
	}
	return 5 * time.Second
}

// calls are the peers that are called because a channel waits for them. They belong
// to one goroutine.
type calls map[wire.NodeID]*call

// call is how one peer is being called.
type call struct {
	addr     string
	tried    int // addresses so far
	until    time.Time
	patience time.Duration
}

// keepCompany keeps the peers of our channels connected, and our channels' feerates
// as they should be, until the node stops.
func (n *Node) keepCompany() {
	tick := time.NewTicker(n.lookAfter())
	defer tick.Stop()
	calling := calls{}
	var fees time.Time
	for now := time.Now(); ; {
		if err := n.callPeers(calling, now); err != nil && n.ctx.Err() == nil {
			n.fatal(err)
		}
		if now.Sub(fees) >= feesEvery {
			fees = now
			n.SetFees(n.ctx)
		}
		select {
		case <-n.ctx.Done():
			return
		case now = <-tick.C:
		}
	}
}

// callPeers calls every peer with a channel that is not connected, at the address
// where we reached it last or at those that it announces, one after the other. Its
// error is the disk's.
func (n *Node) callPeers(calling calls, now time.Time) error {
	waiting := map[wire.NodeID]bool{}
	for _, l := range n.links.All() {
		if l.Status().Status < channel.Closed {
			waiting[l.Params().Peer] = true
		}
	}
	err := n.roll.Count(n.ctx, now, waiting, func(id wire.NodeID) bool {
		_, up := n.peers.Get(id)
		return up
	})
	if err != nil {
		return err
	}
	for id := range calling {
		if !waiting[id] {
			n.peers.Unkeep(id)
			delete(calling, id)
		}
	}
	for id := range waiting {
		c := calling[id]
		if p, up := n.peers.Get(id); up {
			if c == nil || c.patience != 0 || p.Outbound() && c.addr != p.Addr() {
				if err := n.reached(n.ctx, id, p.Outbound(), p.Addr()); err != nil {
					return err
				}
				calling[id] = &call{addr: p.Addr()}
			}
			continue
		}
		if c == nil {
			c = &call{}
			calling[id] = c
		}
		if now.Before(c.until) {
			continue
		}
		addrs, err := n.addresses(n.ctx, id)
		if err != nil {
			return err
		}
		if len(addrs) == 0 {
			continue // it knows where we are
		}
		c.patience = min(max(2*c.patience, firstPatience), lastPatience)
		c.addr, c.until = addrs[c.tried%len(addrs)], now.Add(c.patience)
		c.tried++
		n.peers.Keep(id, c.addr)
	}
	return nil
}

// reached remembers where a peer was reached, when it was we who called.
func (n *Node) reached(ctx context.Context, id wire.NodeID, outbound bool, addr string) error {
	if !outbound {
		return nil
	}
	stored, err := n.store.PeerAddress(ctx, id)
	if err != nil || stored == addr {
		return err
	}
	if err := n.store.Write(ctx, store.PeerRow{ID: id, Address: addr}); err != nil {
		return err
	}
	n.changed()
	return nil
}

// addresses are where a node may be reached: where it was last, then what it
// announces.
func (n *Node) addresses(ctx context.Context, id wire.NodeID) (list []string, err error) {
	add := func(addr string) {
		if addr != "" && !slices.Contains(list, addr) {
			list = append(list, addr)
		}
	}
	stored, err := n.store.PeerAddress(ctx, id)
	if err != nil {
		return nil, err
	}
	add(stored)
	backedUp, err := keeper.Addresses(ctx, n.store, id)
	if err != nil {
		return nil, err
	}
	for _, addr := range backedUp {
		add(addr)
	}
	if m := n.book.Node(ctx, id); m != nil {
		known, _ := wire.ParseAddresses(m.Addresses) // what is left after one of an unknown kind cannot be read
		for _, a := range known {
			switch a.Kind {
			case wire.AddressIPv4, wire.AddressIPv6, wire.AddressDNS:
				add(net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port))))
			}
		}
	}
	return list, nil
}
