package command

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/peer"
	"github.com/leyden-ln/leyden/node"
)

// LightningPort is where nodes listen that do not say otherwise.
const LightningPort uint16 = 9735

// NodeAt reads a node id, or id@host:port; without an address it is empty.
func NodeAt(text string) (id wire.NodeID, addr string, err error) {
	text, addr, at := strings.Cut(text, "@")
	if err := id.UnmarshalText([]byte(text)); err != nil {
		return id, "", err
	}
	if at {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			addr = net.JoinHostPort(strings.Trim(addr, "[]"), strconv.Itoa(int(LightningPort)))
		}
	}
	return id, addr, nil
}

// Connect connects to a node, without an address to one that is known. Errors:
// ConnectNoKnownAddress, ConnectAllFailed,
// ConnectDisconnected.
func Connect(ctx context.Context, n *node.Node, id wire.NodeID, addr string) (*peer.Peer, error) {
	p, err := n.Connect(ctx, id, addr)
	switch {
	case errors.Is(err, node.ErrNoAddress):
		return nil, Refuse(ConnectNoKnownAddress, "%v", err)
	case errors.Is(err, peer.ErrHungUp):
		return nil, Refuse(ConnectDisconnected, "%v", err)
	case err != nil:
		return nil, Refuse(ConnectAllFailed, "cannot connect to %s: %v", addr, err)
	}
	return p, nil
}
