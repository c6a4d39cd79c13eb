package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// socket is a node that takes Core Lightning's commands on a unix socket: Core
// Lightning itself, and Leyden.
type socket struct {
	process
	path    string // of the socket
	id      string
	listen  string
	invoice int // number of invoices so far, for their labels
}

// rpcError is what a node refused.
type rpcError struct {
	Code    int
	Message string
	Data    json.RawMessage
}

func (e *rpcError) Error() string { return fmt.Sprintf("%s (code %d)", e.Message, e.Code) }

// Call gives a command. Those parameters that are nil are left out.
func (s *socket) Call(ctx context.Context, result any, method string, params map[string]any) error {
	given := map[string]any{}
	for name, value := range params {
		if value != nil {
			given[name] = value
		}
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", s.path)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	request := map[string]any{"jsonrpc": "2.0", "id": "interop", "method": method, "params": given}
	if err := json.NewEncoder(c).Encode(request); err != nil {
		return err
	}
	var answer struct {
		Result json.RawMessage
		Error  *rpcError
	}
	if err := json.NewDecoder(c).Decode(&answer); err != nil {
		return fmt.Errorf("%s: %s: no answer: %w", s.name, method, errors.Join(err, ctx.Err()))
	}
	switch {
	case answer.Error != nil:
		return fmt.Errorf("%s: %s: %w", s.name, method, answer.Error)
	case result == nil:
		return nil
	}
	return json.Unmarshal(answer.Result, result)
}

// start runs the process until it answers.
func (s *socket) Start(ctx context.Context) error {
	if err := s.run(); err != nil {
		return err
	}
	return await(ctx, s.name+" to answer", func(ctx context.Context) error {
		var info struct{ ID string }
		err := s.Call(ctx, &info, "getinfo", nil)
		s.id = info.ID
		return err
	}, s.alive)
}

func (s *socket) ID() string { return s.id }

func (s *socket) Addr() string { return s.listen }

func (s *socket) Height(ctx context.Context) (uint32, error) {
	var info struct{ Blockheight uint32 }
	err := s.Call(ctx, &info, "getinfo", nil)
	return info.Blockheight, err
}

func (s *socket) NewAddress(ctx context.Context) (string, error) {
	var out struct{ Bech32 string }
	err := s.Call(ctx, &out, "newaddr", nil)
	return out.Bech32, err
}

func (s *socket) OnChain(ctx context.Context) (sat uint64, err error) {
	var funds struct {
		Outputs []struct {
			Amount   uint64 `json:"amount_msat"`
			Status   string
			Reserved bool
		}
	}
	err = s.Call(ctx, &funds, "listfunds", nil)
	for _, o := range funds.Outputs {
		if o.Status == "confirmed" && !o.Reserved {
			sat += o.Amount / 1000
		}
	}
	return sat, err
}

func (s *socket) Connect(ctx context.Context, to Peer) error {
	return s.Call(ctx, nil, "connect", map[string]any{"id": to.ID() + "@" + to.Addr()})
}

func (s *socket) Disconnect(ctx context.Context, from Peer) error {
	return s.Call(ctx, nil, "disconnect", map[string]any{"id": from.ID(), "force": true})
}

func (s *socket) Connected(ctx context.Context) (ids []string, err error) {
	var out struct {
		Peers []struct {
			ID        string
			Connected bool
		}
	}
	err = s.Call(ctx, &out, "listpeers", nil)
	for _, p := range out.Peers {
		if p.Connected {
			ids = append(ids, p.ID)
		}
	}
	return ids, err
}

func (s *socket) Open(ctx context.Context, to Peer, o Open) error {
	params := map[string]any{"id": to.ID(), "amount": fmt.Sprintf("%dsat", o.Sat), "announce": !o.Private}
	if o.Push > 0 {
		params["push_msat"] = o.Push * 1000
	}
	if o.ZeroConf {
		params["mindepth"] = 0
	}
	return s.Call(ctx, nil, "fundchannel", params)
}

func (s *socket) Channels(ctx context.Context) ([]Channel, error) {
	var list struct {
		Channels []struct {
			PeerID    string `json:"peer_id"`
			Connected bool   `json:"peer_connected"`
			State     string
			Txid      string `json:"funding_txid"`
			Outnum    uint32 `json:"funding_outnum"`
			SCID      string `json:"short_channel_id"`
			Private   bool
			ToUs      uint64 `json:"to_us_msat"`
			Total     uint64 `json:"total_msat"`
			HTLCs     []json.RawMessage
		}
	}
	if err := s.Call(ctx, &list, "listpeerchannels", nil); err != nil {
		return nil, err
	}
	var out []Channel
	for _, c := range list.Channels {
		out = append(out, Channel{
			Point: fmt.Sprintf("%s:%d", c.Txid, c.Outnum), SCID: c.SCID, Peer: c.PeerID, Capacity: c.Total / 1000, ToUs: c.ToUs,
			HTLCs: len(c.HTLCs), Ready: c.Connected && c.State == "CHANNELD_NORMAL", Private: c.Private, State: c.State,
		})
	}
	return out, nil
}

// channelID is BOLT 2's name of a channel.
func (s *socket) channelID(ctx context.Context, point string) (string, error) {
	var list struct {
		Channels []struct {
			Txid   string `json:"funding_txid"`
			Outnum uint32 `json:"funding_outnum"`
			ID     string `json:"channel_id"`
		}
	}
	if err := s.Call(ctx, &list, "listpeerchannels", nil); err != nil {
		return "", err
	}
	for _, c := range list.Channels {
		if fmt.Sprintf("%s:%d", c.Txid, c.Outnum) == point {
			return c.ID, nil
		}
	}
	return "", fmt.Errorf("%s has no channel %s", s.name, point)
}

// feerate is that of a channel's commitment, in satoshi for 1000 units of weight.
func (s *socket) feerate(ctx context.Context, c Channel) (perKw int64, err error) {
	var list struct {
		Channels []struct {
			Txid    string `json:"funding_txid"`
			Outnum  uint32 `json:"funding_outnum"`
			Feerate struct {
				PerKw int64 `json:"perkw"`
			}
		}
	}
	if err := s.Call(ctx, &list, "listpeerchannels", nil); err != nil {
		return 0, err
	}
	for _, x := range list.Channels {
		if fmt.Sprintf("%s:%d", x.Txid, x.Outnum) == c.Point {
			return x.Feerate.PerKw, nil
		}
	}
	return 0, fmt.Errorf("%s has no channel %s", s.name, c.Point)
}

func (s *socket) Close(ctx context.Context, c Channel, force bool) (string, error) {
	id, err := s.channelID(ctx, c.Point)
	if err != nil {
		return "", err
	}
	params := map[string]any{"id": id}
	if force {
		params["unilateraltimeout"] = 1
	}
	var out struct{ Txid string }
	err = s.Call(ctx, &out, "close", params)
	return out.Txid, err
}

func (s *socket) Invoice(ctx context.Context, i Ask) (Invoice, error) {
	s.mu.Lock()
	s.invoice++
	label := fmt.Sprintf("%s-%d", s.name, s.invoice)
	s.mu.Unlock()
	params := map[string]any{"amount_msat": "any", "label": label, "description": label}
	if i.Msat > 0 {
		params["amount_msat"] = i.Msat
	}
	if i.Expiry > 0 {
		params["expiry"] = i.Expiry
	}
	if i.Private {
		params["exposeprivatechannels"] = true
	}
	var out struct {
		Bolt11 string
		Hash   string `json:"payment_hash"`
		Secret string `json:"payment_secret"`
	}
	err := s.Call(ctx, &out, "invoice", params)
	return Invoice{out.Bolt11, out.Hash, out.Secret, label}, err
}

func (s *socket) Forget(ctx context.Context, i Invoice) error {
	return s.Call(ctx, nil, "delinvoice", map[string]any{"label": i.label, "status": "unpaid"})
}

func (s *socket) Paid(ctx context.Context, hash string) (uint64, error) {
	var out struct {
		Invoices []struct {
			Received uint64 `json:"amount_received_msat"`
		}
	}
	err := s.Call(ctx, &out, "listinvoices", map[string]any{"payment_hash": hash})
	if err == nil && len(out.Invoices) != 1 {
		err = fmt.Errorf("%s has %d invoices of the hash %s", s.name, len(out.Invoices), hash)
	}
	if err != nil {
		return 0, err
	}
	return out.Invoices[0].Received, nil
}

// Codes of refusals that are the end of a payment.
const (
	payFirst = 201
	payLast  = 210
)

func (s *socket) Pay(ctx context.Context, p Pay) (Receipt, error) {
	params := map[string]any{"bolt11": p.Bolt11, "retry_for": 30}
	if p.Seconds > 0 {
		params["retry_for"] = p.Seconds
	}
	if p.Msat > 0 {
		params["amount_msat"] = p.Msat
	}
	params["maxfeepercent"] = "5"
	if p.MaxFee > 0 {
		delete(params, "maxfeepercent")
		params["maxfee"] = p.MaxFee
	}
	var out struct {
		Preimage string `json:"payment_preimage"`
		Amount   uint64 `json:"amount_msat"`
		Sent     uint64 `json:"amount_sent_msat"`
		Parts    int
	}
	err := s.Call(ctx, &out, "pay", params)
	return Receipt{out.Preimage, out.Sent - out.Amount, out.Parts}, refusal(err)
}

// refusal is the error of a payment that has failed for good, as all nodes have it.
func refusal(err error) error {
	var refused *rpcError
	if errors.As(err, &refused) && refused.Code >= payFirst && refused.Code <= payLast {
		why := &Refused{Why: refused.Message}
		var data struct {
			FailCode    uint16 `json:"failcode"`
			ErringIndex int    `json:"erring_index"`
		}
		if len(refused.Data) > 0 && json.Unmarshal(refused.Data, &data) == nil {
			why.Code, why.From = data.FailCode, data.ErringIndex
		}
		return why
	}
	return err
}

var errPending = errors.New("the payment is pending")

func (s *socket) Outcome(ctx context.Context, hash string) (Receipt, error) {
	var list struct {
		Pays []struct {
			Status, Preimage string
			Amount           uint64 `json:"amount_msat"`
			Sent             uint64 `json:"amount_sent_msat"`
			Parts            int    `json:"number_of_parts"`
			Error            string
		}
	}
	if err := s.Call(ctx, &list, "listpays", map[string]any{"payment_hash": hash}); err != nil {
		return Receipt{}, err
	}
	why := &Refused{Why: "unknown"}
	for _, p := range list.Pays {
		switch p.Status {
		case "complete":
			return Receipt{p.Preimage, p.Sent - p.Amount, p.Parts}, nil
		case "failed":
			why.Why = p.Error
		default:
			return Receipt{}, errPending
		}
	}
	return Receipt{}, why
}

func (s *socket) PayAnyway(ctx context.Context, to Peer, i Invoice, a Anyway) (Receipt, error) {
	var found struct {
		Route []map[string]json.RawMessage
	}
	params := map[string]any{"id": to.ID(), "amount_msat": a.Msat, "riskfactor": 1, "cltv": 100}
	if err := s.Call(ctx, &found, "getroute", params); err != nil {
		return Receipt{}, err
	}
	for name, less := range map[string]uint64{"amount_msat": a.LessFee, "delay": uint64(a.FewerBlocks)} {
		var given uint64
		if err := json.Unmarshal(found.Route[0][name], &given); err != nil {
			return Receipt{}, err
		}
		found.Route[0][name] = json.RawMessage(strconv.FormatUint(given-less, 10))
	}
	params = map[string]any{"route": found.Route, "payment_hash": i.Hash, "payment_secret": i.Secret, "amount_msat": a.Msat}
	if err := s.Call(ctx, nil, "sendpay", params); err != nil {
		return Receipt{}, refusal(err)
	}
	var out struct {
		Preimage string `json:"payment_preimage"`
		Amount   uint64 `json:"amount_msat"`
		Sent     uint64 `json:"amount_sent_msat"`
	}
	err := s.Call(ctx, &out, "waitsendpay", map[string]any{"payment_hash": i.Hash, "timeout": 60})
	return Receipt{out.Preimage, out.Sent - out.Amount, 1}, refusal(err)
}

func (s *socket) Graph(ctx context.Context) (Graph, error) {
	g := Graph{map[string]Policy{}, map[string]string{}}
	var channels struct {
		Channels []struct {
			SCID      string `json:"short_channel_id"`
			Direction int
			Public    bool
			Active    bool
			FeeBase   uint64 `json:"base_fee_millisatoshi"`
			FeePPM    uint64 `json:"fee_per_millionth"`
			Delay     uint32
			HTLCMin   uint64 `json:"htlc_minimum_msat"`
			HTLCMax   uint64 `json:"htlc_maximum_msat"`
		}
	}
	var nodes struct {
		Nodes []struct {
			ID    string `json:"nodeid"`
			Alias *string
		}
	}
	if err := errors.Join(s.Call(ctx, &channels, "listchannels", nil), s.Call(ctx, &nodes, "listnodes", nil)); err != nil {
		return g, err
	}
	for _, c := range channels.Channels {
		if c.Public {
			g.Channels[fmt.Sprintf("%s/%d", c.SCID, c.Direction)] = Policy{c.FeeBase, c.FeePPM, c.Delay, c.HTLCMin, c.HTLCMax, !c.Active}
		}
	}
	for _, n := range nodes.Nodes {
		if n.Alias != nil {
			g.Nodes[n.ID] = strings.TrimRight(*n.Alias, "\x00")
		}
	}
	return g, nil
}
