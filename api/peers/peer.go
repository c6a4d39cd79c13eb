package peers

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"slices"
	"strconv"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/peer"
	"github.com/leyden-ln/leyden/node"
)

type connectRequest struct {
	ID   string  `json:"id" doc:"the node id, or id@host:port"`
	Host *string `json:"host" doc:"a name or address"`
	Port *uint16 `json:"port" doc:"9735 when not given"`
}

// Address is where a node is.
type Address struct {
	Type    string `json:"type" doc:"ipv4, ipv6, dns or torv3"`
	Address string `json:"address" doc:"the host"`
	Port    int    `json:"port" doc:"the port"`
}

type connectResponse struct {
	ID        wire.NodeID `json:"id" doc:"the node"`
	Features  string      `json:"features" doc:"its feature bits in hexadecimal"`
	Direction string      `json:"direction" doc:"out: we called; in: it did"`
	Address   Address     `json:"address" doc:"where it is"`
}

func connect(ctx context.Context, n *node.Node, r connectRequest) (out connectResponse, err error) {
	id, addr, err := command.NodeAt(r.ID)
	if err != nil {
		return out, command.Refuse(command.InvalidParams, "id: %v", err)
	}
	if r.Host != nil {
		if addr != "" {
			return out, command.Refuse(command.InvalidParams, "host is given twice")
		}
		addr = net.JoinHostPort(*r.Host, strconv.Itoa(int(command.Or(r.Port, command.LightningPort))))
	}
	p, err := command.Connect(ctx, n, id, addr)
	if err != nil {
		return out, err
	}
	out.ID = id
	out.Features, out.Direction, out.Address = hex.EncodeToString(p.Features()), direction(p.Outbound()), AddressOf(p.Addr())
	return out, nil
}

func direction(outbound bool) string {
	if outbound {
		return "out"
	}
	return "in"
}

// AddressOf reads host:port; what is not of that form is a local socket.
func AddressOf(hostport string) Address {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return Address{Type: "local socket", Address: hostport}
	}
	a := Address{Type: "dns", Address: host}
	a.Port, _ = strconv.Atoi(port)
	if ip := net.ParseIP(host); ip != nil {
		a.Type = "ipv6"
		if ip.To4() != nil {
			a.Type = "ipv4"
		}
	}
	return a
}

type peerRow struct {
	ID        wire.NodeID `json:"id" doc:"the node"`
	Connected bool        `json:"connected" doc:"whether it is connected now"`
	Channels  int         `json:"num_channels" doc:"how many channels we have with it"`
	Netaddr   []string    `json:"netaddr" doc:"where it is"`
	Features  string      `json:"features,omitempty" doc:"its feature bits in hexadecimal"`
}

type listPeersRequest struct {
	ID *wire.NodeID `json:"id" doc:"only of this peer"`
}

type listPeersResponse struct {
	Peers []peerRow `json:"peers" doc:"those that are connected, and those with channels"`
}

func listPeers(ctx context.Context, n *node.Node, r listPeersRequest) (listPeersResponse, error) {
	out := listPeersResponse{Peers: []peerRow{}}
	rows, err := n.Store().Channels(ctx)
	if err != nil {
		return out, err
	}
	index := map[wire.NodeID]int{}
	add := func(id wire.NodeID) *peerRow {
		i, ok := index[id]
		if !ok {
			i = len(out.Peers)
			index[id] = i
			out.Peers = append(out.Peers, peerRow{ID: id, Netaddr: []string{}})
		}
		return &out.Peers[i]
	}
	for _, c := range rows {
		if r.ID == nil || *r.ID == c.Params.Peer {
			add(c.Params.Peer).Channels++
		}
	}
	for _, p := range n.Peers().All() {
		if r.ID == nil || *r.ID == p.ID() {
			row := add(p.ID())
			row.Connected, row.Netaddr, row.Features = true, []string{p.Addr()}, hex.EncodeToString(p.Features())
		}
	}
	return out, nil
}

type disconnectRequest struct {
	ID    wire.NodeID `json:"id" doc:"the peer"`
	Force *bool       `json:"force" doc:"also when there are channels with it; false when not given"`
}

var errByUser = errors.New("disconnected by its owner")

func disconnect(_ context.Context, n *node.Node, r disconnectRequest) (command.None, error) {
	p, ok := n.Peers().Get(r.ID)
	if !ok {
		return command.None{}, command.Refuse(command.Failed, "the peer is not connected")
	}
	for _, l := range n.Links().All() {
		if l.Params().Peer == r.ID && (r.Force == nil || !*r.Force) {
			return command.None{}, command.Refuse(command.Failed, "there is a channel with this peer, which is connected again at once: say force")
		}
	}
	p.Disconnect(errByUser)
	return command.None{}, nil
}

type pingRequest struct {
	ID    wire.NodeID `json:"id" doc:"the peer"`
	Len   *uint16     `json:"len" doc:"how long the ping is, in bytes; 128 when not given"`
	Bytes *uint16     `json:"pongbytes" doc:"how long the answer is to be; 128 when not given; from 65532 on no answer is asked for"`
}

type pingResponse struct {
	Total uint16 `json:"totlen" doc:"how long the answer was, with its header; 0: none was asked for"`
}

// Sizes of pings.
const (
	pingSize    = 128
	longestPing = 65535 - 2 - 2 - 2
	longestPong = 65535 - 2 - 2
	pongHeader  = 4
)

func ping(ctx context.Context, n *node.Node, r pingRequest) (pingResponse, error) {
	length, bytes := command.Or(r.Len, pingSize), command.Or(r.Bytes, pingSize)
	if length > longestPing {
		return pingResponse{}, command.Refuse(command.InvalidParams, "len: %d bytes are the most", longestPing)
	}
	p, ok := n.Peers().Get(r.ID)
	if !ok {
		return pingResponse{}, command.Refuse(command.Failed, "the peer is not connected")
	}
	err := p.Ping(ctx, length, bytes)
	switch {
	case errors.Is(err, peer.ErrPinging):
		return pingResponse{}, command.Refuse(command.InvalidParams, "%v", err)
	case err != nil:
		return pingResponse{}, err
	case bytes > longestPong:
		return pingResponse{}, nil
	}
	return pingResponse{bytes + pongHeader}, nil
}

// Commands are those of connections and of the network.
var Commands = slices.Concat([]command.Command{
	command.Define(command.Spec{
		Name: "connect", Group: "network", Short: "connect to a node",
		Long:   "Connects to a node, or says that it is connected already.",
		Errors: []command.Code{command.ConnectNoKnownAddress, command.ConnectAllFailed, command.ConnectDisconnected, command.Failed},
		Examples: []string{
			"connect 02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619@127.0.0.1:9735",
		},
	}, connect),
	command.Define(command.Spec{
		Name: "disconnect", Group: "network", Short: "end a connection",
		Long: "Ends the connection with a peer.", Errors: []command.Code{command.Failed},
		Examples: []string{"disconnect 02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619"},
	}, disconnect),
	command.Define(command.Spec{
		Name: "ping", Group: "network", Short: "ask whether a peer is there",
		Long: "Sends a ping and waits for the answer.", Errors: []command.Code{command.Failed},
		Examples: []string{"ping 02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619"},
	}, ping),
	command.Define(command.Spec{
		Name: "listpeers", Group: "network", Short: "list peers",
		Long: "Lists the nodes that are connected or have channels with us.", Errors: []command.Code{command.Failed}, Examples: []string{"listpeers"},
	}, listPeers),
	uptimeCommand,
}, graphCommands)
