package api_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"net"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/node"
)

// info is what the tests read of getinfo.
type info struct {
	ID, Alias, Network string
	Peers              int    `json:"num_peers"`
	Pending            int    `json:"num_pending_channels"`
	Active             int    `json:"num_active_channels"`
	Inactive           int    `json:"num_inactive_channels"`
	Height             uint32 `json:"blockheight"`
}

func TestAChannelFromItsPeerToItsClose(t *testing.T) {
	w := newNetwork(t)
	alice, bob := w.alice, w.bob

	t.Run("a node that is not there is refused", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		nobody := l.Addr().String()
		l.Close()
		id := bob.ID().String()
		for _, wrong := range []string{"", "bob", id[:64], id + "00", strings.Repeat("00", 33) + "@" + nobody} {
			refused(t, alice, command.InvalidParams, "connect", wrong)
		}
		refused(t, alice, command.InvalidParams, "connect", id+"@"+nobody, "127.0.0.1")
		refused(t, alice, command.InvalidParams, "connect", id, "127.0.0.1", 65_536)
		refused(t, alice, command.ConnectNoKnownAddress, "connect", id)
		refused(t, alice, command.ConnectAllFailed, "connect", id+"@"+nobody)
		refused(t, alice, command.ConnectAllFailed, "connect", w.carol.ID().String()+"@"+bob.Addr().String())
		refused(t, alice, command.FundPeerNotConnected, "fundchannel", id, 100_000)
	})

	t.Run("coins arrive", func(t *testing.T) {
		w.fund(t, alice, 2_000_000)
		funds := ask[fundsResult](t, alice, "listfunds")
		if len(funds.Outputs) != 1 || funds.Outputs[0].Amount != 2_000_000_000 || funds.Outputs[0].Status != "confirmed" || len(funds.Channels) != 0 {
			t.Errorf("listfunds gives %+v", funds)
		}
		all := ask[struct{ Bech32, P2TR string }](t, alice, "newaddr", "all")
		if !strings.HasPrefix(all.Bech32, "bcrt1q") || !strings.HasPrefix(all.P2TR, "bcrt1p") {
			t.Errorf("newaddr gives %+v", all)
		}
		refused(t, alice, command.InvalidParams, "newaddr", "p2sh")
	})

	t.Run("a peer is connected once", func(t *testing.T) {
		for range 2 {
			got := ask[struct{ ID, Direction string }](t, alice, "connect", at(bob))
			if got.ID != bob.ID().String() || got.Direction != "out" {
				t.Errorf("connect gives %+v", got)
			}
		}
		for _, peers := range []peersResult{ask[peersResult](t, alice, "listpeers"), ask[peersResult](t, alice, "listpeers", bob.ID())} {
			if len(peers.Peers) != 1 || peers.Peers[0].ID != bob.ID().String() || !peers.Peers[0].Connected || peers.Peers[0].Channels != 0 {
				t.Errorf("listpeers gives %+v", peers)
			}
		}
		equal(t, "another peer", len(ask[peersResult](t, alice, "listpeers", w.carol.ID()).Peers), 0)
	})

	t.Run("a channel that cannot be is refused", func(t *testing.T) {
		id := bob.ID()
		refused(t, alice, command.FundCannotAfford, "fundchannel", id, 2_000_000)
		for _, wrong := range []any{"1msat", -1, "", "much", "1000000.5sat"} {
			refused(t, alice, command.InvalidParams, "fundchannel", id, wrong)
		}
		refused(t, alice, command.InvalidParams, "fundchannel", "bob", 100_000)
		for _, wrong := range []any{1, "fast", "1.5perkb", -1, "252perkw"} {
			refused(t, alice, command.InvalidParams, "fundchannel", named{"id": id, "amount": 100_000, "feerate": wrong})
		}
		for _, params := range []named{
			{"id": id, "amount": 1000}, {"id": id, "amount": 100_000, "push_msat": 100_000_001},
		} {
			if e := refused(t, alice, command.Failed, "fundchannel", params); e.Message == "" {
				t.Errorf("%v: no reason", params)
			}
		}
	})

	t.Run("a channel opens", func(t *testing.T) {
		opened := ask[struct {
			Txid, Tx string
			ID       string `json:"channel_id"`
		}](t, alice, "fundchannel", named{"id": bob.ID(), "amount": "0.01btc", "push_msat": "1000sat"})
		pending := channels(t, alice)
		if len(pending) != 1 || pending[0].State != "CHANNELD_AWAITING_LOCKIN" || pending[0].ID != opened.ID || pending[0].FundingTxid != opened.Txid {
			t.Errorf("listpeerchannels gives %+v, fundchannel gave %+v", pending, opened)
		}
		equal(t, "channels of its id", channels(t, alice, named{"channel_id": opened.ID}), pending)
		equal(t, "channels of another id", len(channels(t, alice, named{"channel_id": hashOf(1)})), 0)
		equal(t, "pending", ask[info](t, alice, "getinfo").Pending, 1)
		w.mine(t, 6)
		until(t, "both see the channel announced", func() bool {
			for _, n := range []*node.Node{alice, bob} {
				for _, c := range ask[graphResult](t, n, "listchannels").Channels {
					if !c.Public {
						return false
					}
				}
			}
			return len(ask[graphResult](t, alice, "listchannels").Channels) == 2 && len(ask[graphResult](t, bob, "listchannels").Channels) == 2
		})
		got := channels(t, alice)[0]
		equal(t, "state", got.State, "CHANNELD_NORMAL")
		equal(t, "opener", got.Opener, "local")
		equal(t, "Bob's opener", channels(t, bob)[0].Opener, "remote")
		equal(t, "Alice's part", got.ToUs, amount.MilliSatoshi(999_000_000))
		equal(t, "Bob's part", channels(t, bob)[0].ToUs, amount.MilliSatoshi(1_000_000))
		who := ask[info](t, alice, "getinfo")
		equal(t, "getinfo", who, info{ID: alice.ID().String(), Alias: "alice", Network: "regtest", Peers: 1, Active: 1, Height: alice.Height()})
		edges := ask[graphResult](t, alice, "listchannels", named{"source": bob.ID()}).Channels
		if len(edges) != 1 || edges[0].Destination != alice.ID().String() || edges[0].SCID != got.SCID || !edges[0].Active || !edges[0].Public {
			t.Errorf("listchannels gives %+v", edges)
		}
		until(t, "both names are known", func() bool {
			nodes := ask[struct{ Nodes []struct{ Alias string } }](t, alice, "listnodes").Nodes
			return len(nodes) == 2 && nodes[0].Alias != "" && nodes[1].Alias != ""
		})
		equal(t, "channels of the peer", ask[peersResult](t, alice, "listpeers").Peers[0].Channels, 1)
		equal(t, "channels with another", len(ask[struct{ Channels []channelResult }](t, alice, "listpeerchannels", w.carol.ID()).Channels), 0)
	})

	t.Run("it closes by agreement", func(t *testing.T) {
		for _, wrong := range []string{"", "1x1x1", w.carol.ID().String(), strings.Repeat("00", 32), strings.Repeat("x", 1000)} {
			if e := refused(t, alice, command.InvalidParams, "close", wrong); len(e.Message) > 200 {
				t.Errorf("the refusal repeats %d bytes", len(e.Message))
			}
		}
		scid := channels(t, alice)[0].SCID
		for _, wrong := range []any{[]any{}, []any{"slow"}, []any{"1000perkw", "999perkw"}, []any{"slow", "fast"}, "slow", 7} {
			refused(t, alice, command.InvalidParams, "close", named{"id": scid, "feerange": wrong})
		}
		refused(t, alice, command.InvalidParams, "close", named{"id": scid, "feerange": []any{"1000perkw", "2000perkw"}, "feerate": "2001perkw"})
		closed := ask[struct{ Type, Txid, Tx string }](t, alice, "close", named{"id": scid, "feerange": []any{"1000perkw", 8000}})
		from, err := hex.DecodeString(closed.Tx)
		if err != nil {
			t.Fatal(err)
		}
		tx := new(btcwire.MsgTx)
		if err := tx.Deserialize(bytes.NewReader(from)); err != nil {
			t.Fatal(err)
		}
		fee, weight := int64(1_000_000), int64(blockchain.GetTransactionWeight(btcutil.NewTx(tx)))
		for _, o := range tx.TxOut {
			fee -= o.Value
		}
		if perKw := fee * 1000 / weight; perKw < 1000 || perKw > 2010 { // signatures are shorter now and then
			t.Errorf("a feerate of %d is not within 1000 and 2000", perKw)
		}
		if closed.Type != "mutual" || len(closed.Txid) != 64 || closed.Tx == "" {
			t.Errorf("close gives %+v", closed)
		}
		raised := ask[struct{ Type, Txid, Tx string }](t, alice, "close", named{"id": channels(t, alice)[0].SCID, "feerate": "5000perkw"})
		if raised.Type != "mutual" || raised.Txid == closed.Txid {
			t.Errorf("close at a higher feerate gives %+v", raised)
		}
		txid, err := chainhash.NewHashFromStr(raised.Txid)
		if err != nil {
			t.Fatal(err)
		}
		until(t, "it has taken the other ones' place", func() bool {
			_, err := w.chain.Transaction(*txid)
			return err == nil && w.chain.Waiting() == 1
		})
		w.mine(t, 1)
		until(t, "Bob's part is on-chain", func() bool {
			o := ask[fundsResult](t, bob, "listfunds").Outputs
			return len(o) == 1 && o[0].Amount == 1_000_000 && o[0].Status == "confirmed"
		})
	})

	t.Run("it is closed for good", func(t *testing.T) {
		type closing struct {
			channelResult
			OnChain []struct {
				Amount amount.MilliSatoshi `json:"amount_msat"`
				Type   string              `json:"output_type"`
				State  string
			} `json:"onchain"`
		}
		var seen closing
		until(t, "the closing transaction is seen", func() bool {
			list := ask[struct{ Channels []closing }](t, alice, "listpeerchannels").Channels
			if len(list) == 1 {
				seen = list[0]
			}
			return seen.State == "ONCHAIN" && len(seen.OnChain) > 0
		})
		if len(seen.OnChain) != 2 || seen.OnChain[0].State == seen.OnChain[1].State {
			t.Errorf("its outputs are %+v", seen.OnChain)
		}
		equal(t, "closed for good", len(ask[struct {
			Channels []json.RawMessage `json:"closedchannels"`
		}](t, alice, "listclosedchannels").Channels), 0)
		w.mine(t, 99)
		until(t, "it is gone", func() bool { return len(channels(t, alice)) == 0 })
		closed := ask[struct {
			Channels []struct {
				PeerID string              `json:"peer_id"`
				Final  amount.MilliSatoshi `json:"final_to_us_msat"`
				Least  amount.MilliSatoshi `json:"min_to_us_msat"`
				Most   amount.MilliSatoshi `json:"max_to_us_msat"`
				Cause  string              `json:"close_cause"`
			} `json:"closedchannels"`
		}](t, alice, "listclosedchannels").Channels
		if len(closed) != 1 || closed[0].PeerID != bob.ID().String() || closed[0].Final != 999_000_000 || closed[0].Least != 999_000_000 || closed[0].Most != 999_000_000 || closed[0].Cause != "local" {
			t.Errorf("listclosedchannels gives %+v", closed)
		}
	})

	t.Run("it stops", func(t *testing.T) {
		select {
		case <-alice.Stopping():
			t.Fatal("it stops before it was asked to")
		default:
		}
		for range 2 {
			equal(t, "stop", ask[struct{ Result string }](t, alice, "stop").Result, "Shutdown in progress")
		}
		<-alice.Stopping()
	})
}
