package web

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/web/channels"
	"github.com/leyden-ln/leyden/web/newest"
	"github.com/leyden-ln/leyden/web/office"
	"github.com/leyden-ln/leyden/web/tokens"
	"github.com/leyden-ln/leyden/web/words"
)

// pageChannels is the channels and their sums.
type pageChannels struct {
	channels.Funds
	Channels []channelRow
	Forwards int // whose fees are counted
	Assets   map[amount.Property]tokens.Asset
	InTokens tokens.Sums              // ours
	Wrong    map[string]*office.Fault // why a channel could not be closed, by its id
}

func (v *visit) channels() error {
	rows, err := v.listChannels()
	if err != nil {
		return err
	}
	page := pageChannels{Funds: channels.Sums(rows), Channels: rows, Wrong: map[string]*office.Fault{}}
	for i := range rows {
		c := &rows[i]
		c.Alias = v.alias(v.ctx(), c.PeerID)
		if it := v.s.errands.Find(closing(c.ID)); it != nil && it.Over() && it.Err != nil {
			page.Wrong[c.ID] = office.Reason(it.Err)
		}
	}
	if err := v.uptimes(rows); err != nil {
		return err
	}
	if page.Forwards, err = v.earned(rows); err != nil {
		return err
	}
	held := v.held(rows)
	page.Assets = held.Assets()
	for i := range rows { // those that are opened or closed too
		if c := rows[i].Asset; c != nil {
			if _, known := page.Assets[c.Property]; !known {
				page.Assets[c.Property] = v.token(c.Property)
			}
		}
	}
	for _, t := range held.Tokens {
		if t.InChannels > 0 {
			page.InTokens.Add(tokens.Of(t.Asset, t.InChannels))
		}
	}
	return v.show("channels", page)
}

// uptimes says of each channel for how long its peer was connected.
func (v *visit) uptimes(rows []channelRow) error {
	var found struct{ Peers []channels.Uptime }
	if err := v.run(v.ctx(), &found, "listuptimes"); err != nil && !refused(err) {
		return err
	}
	for i := range rows {
		if k := slices.IndexFunc(found.Peers, func(u channels.Uptime) bool { return u.ID == rows[i].PeerID }); k >= 0 {
			rows[i].Uptime = found.Peers[k]
		}
	}
	return nil
}

// forwardsCounted is how many of the newest forwards say what a channel earned.
const forwardsCounted = 1000

// earned says of each channel how old it is, and what the newest forwards out of it
// earned.
func (v *visit) earned(rows []channelRow) (counted int, err error) {
	var info struct {
		Height uint64 `json:"blockheight"`
	}
	if err := v.run(v.ctx(), &info, "getinfo"); err != nil {
		return 0, err
	}
	forwards, _, err := forwardsList.Older(v.Lister(), "settled", "", forwardsCounted)
	if err != nil {
		return 0, err
	}
	fees := map[string]amount.MilliSatoshi{}
	for i := range forwards {
		fees[forwards[i].Out] += forwards[i].Fee // no more than there are bitcoins
	}
	for i := range rows {
		c := &rows[i]
		c.Earned = fees[c.SCID]
		block, _, _ := strings.Cut(c.SCID, "x")
		if at, err := strconv.ParseUint(block, 10, 32); err == nil && at <= info.Height {
			c.Age = v.words.Lasting(time.Duration(info.Height-at+1) * blockTime) //nolint:gosec // 32 bits
		}
	}
	return len(forwards), nil
}

// closing is the errand that closes a channel.
func closing(id string) string { return "close " + id }

// channel is the one that the page's address names.
func (v *visit) channel() (row channelRow, err error) {
	id, err := v.hash()
	if err != nil {
		return row, err
	}
	rows, err := v.listChannels()
	if err != nil {
		return row, err
	}
	for _, c := range rows {
		if c.ID == id {
			c.Alias = v.alias(v.ctx(), c.PeerID)
			return c, nil
		}
	}
	return row, errNotFound
}

// pageTerms is what we ask of those who use a channel, as it was filled in.
type pageTerms struct {
	Channel             channelRow
	Base, PPM, Min, Max string
	Wrong               *office.Fault
}

func (v *visit) terms() error {
	c, err := v.channel()
	if err != nil {
		return err
	}
	return v.show("terms", pageTerms{
		Channel: c, Base: fmt.Sprint(c.FeeBase), PPM: fmt.Sprint(c.FeePPM), Min: plainSat(c.Updates.Local.Min), Max: plainSat(c.Updates.Local.Max),
	})
}

func (v *visit) setTerms() error {
	c, err := v.channel()
	if err != nil {
		return err
	}
	page := pageTerms{Channel: c, Base: v.field("base"), PPM: v.field("ppm"), Min: v.field("min"), Max: v.field("max")}
	// An amount without a unit is millisatoshi; the limits are filled in as satoshi.
	args := given(arg{"feebase", page.Base}, arg{"feeppm", page.PPM}, arg{"htlcmin", v.satoshis(page.Min)}, arg{"htlcmax", v.satoshis(page.Max)})
	if err := v.run(v.ctx(), nil, "setchannel", append([]arg{{"id", c.ID}}, args...)...); err != nil {
		page.Wrong = office.Reason(err)
		return v.write(422, "terms", page)
	}
	return v.see("/channels#" + c.ID)
}

// plainSat is an amount as the form takes it; empty when it is no whole satoshi.
func plainSat(m amount.MilliSatoshi) string {
	if m == 0 || m%1000 != 0 {
		return ""
	}
	return fmt.Sprint(uint64(m / 1000))
}

// satoshis is an amount as commands take it, of a number of satoshi.
func (v *visit) satoshis(number string) string {
	if number == "" {
		return ""
	}
	return v.words.Amount(number, "sat")
}

// patience is how long a request waits for what a peer or the chain does. The errand
// goes on after it.
const patience = 15 * time.Second

// outcome waits for an errand, for a while.
func (v *visit) outcome(name string) error {
	it := v.s.errands.Find(name)
	if it == nil {
		return nil
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-it.Done:
		return it.Err
	case <-t.C:
	case <-v.ctx().Done():
	}
	return nil
}

// pageClose asks whether to close a channel, and says what that costs.
type pageClose struct {
	Channel channelRow
	Force   bool
	Fee     amount.MilliSatoshi // of our commitment
	Ours    bool                // whether we pay it
	Wait    string              // until our money can be spent
	Blocks  uint64
	Command string
	Tokens  *tokens.Sum // ours
}

// Weights of a commitment with anchors. BOLT 3, "Expected Weight of the Commitment
// Transaction"
const (
	commitmentWeight = 1124
	htlcWeight       = 172
	anchors          = 2 * 330_000 // millisatoshi
	blockTime        = 10 * time.Minute
)

func (v *visit) askClose() error {
	c, err := v.channel()
	if err != nil {
		return err
	}
	page := pageClose{Channel: c, Force: v.r.URL.Query().Get("force") == "yes", Ours: c.Opener == "local", Blocks: c.Delay}
	weight := commitmentWeight + htlcWeight*uint64(len(c.HTLCs))
	page.Fee = amount.MilliSatoshi(weight*min(c.FeeRate.PerKw, 1<<32)) + anchors
	page.Wait = v.words.Lasting(time.Duration(min(c.Delay, 1<<16)) * blockTime) //nolint:gosec // bounded
	if c.Asset != nil {
		ours := tokens.Of(v.token(c.Asset.Property), c.Asset.ToUs)
		page.Tokens = &ours
	}
	page.Command = v.s.line("close", closeArgs(c.ID, page.Force))
	return v.show("close", page)
}

func closeArgs(id string, force bool) []arg {
	if force {
		return []arg{{"id", id}, {"unilateraltimeout", "1"}}
	}
	return []arg{{"id", id}, {"unilateraltimeout", "0"}}
}

func (v *visit) closeChannel() error {
	c, err := v.channel()
	if err != nil {
		return err
	}
	force := v.field("force") == "yes"
	name := closing(c.ID)
	if force {
		name += " by force" // one by agreement may wait for the peer
	}
	started := v.s.errands.Start(name, func(ctx context.Context) error {
		return v.call(ctx, nil, "close", closeArgs(c.ID, force)...)
	})
	if !started {
		return v.busy()
	}
	if err := v.outcome(name); err != nil {
		v.status(422, "failed", page500{office.Reason(err)})
		return nil
	}
	return v.see("/channels")
}

// busy says that too much is under way.
func (v *visit) busy() error {
	v.status(503, "failed", page500{office.Say(v.Text("pay.many"))})
	return nil
}

// pageOpen is a channel that somebody wants to open.
type pageOpen struct {
	Peer, Amount, Unit, Rate, Announce string
	Units, Rates                       []string
	Token, Sum                         string // what it is to carry beside bitcoin, and how much
	Tokens                             []choice
	Have                               tokens.Sums // on-chain
	OnChain                            amount.MilliSatoshi
	Fee                                amount.MilliSatoshi // of a funding transaction now
	Wrong                              *office.Fault
}

// fundingSize is of a transaction with two inputs that funds a channel and has
// change, in virtual bytes.
const fundingSize = 210

func (v *visit) openForm() error {
	return v.showOpen(200, pageOpen{Peer: v.r.URL.Query().Get("peer"), Unit: "sat", Rate: office.Rates[0], Announce: "yes"})
}

func (v *visit) showOpen(status int, page pageOpen) error {
	c, err := office.ReadCoins(v)
	if err != nil {
		return err
	}
	var fees struct {
		PerKb struct{ Opening uint64 } `json:"perkb"`
	}
	if err := v.run(v.ctx(), &fees, "feerates", arg{"style", "perkb"}); err != nil {
		return err
	}
	held := v.held(nil)
	for _, t := range held.Tokens {
		page.Have = append(page.Have, tokens.Of(t.Asset, t.OnChain))
	}
	page.Tokens = choices(v.words, &held)
	page.Units, page.Rates, page.OnChain = words.AmountUnits, office.Rates, c.Confirmed
	page.Fee = amount.MilliSatoshi(min(fees.PerKb.Opening, 1<<32) * fundingSize)
	return v.write(status, "open", page)
}

func (v *visit) open() error {
	page := pageOpen{
		Peer: v.field("peer"), Amount: v.field("amount"), Unit: v.field("unit"), Rate: v.field("rate"), Announce: v.field("announce"),
		Token: v.field("token"), Sum: v.field("sum"),
	}
	sum := v.words.Amount(page.Amount, page.Unit)
	if page.Unit == "msat" || sum == "any" {
		page.Wrong = office.Say(v.Text("open.amount.wrong"))
		return v.showOpen(422, page)
	}
	id, _, _ := strings.Cut(page.Peer, "@")
	args := []arg{{"id", id}, {"amount", sum}, {"feerate", cmp.Or(page.Rate, office.Rates[0])}}
	name := "open " + id + " " + sum
	switch token := tokens.OfUnit(page.Token); {
	case token != 0:
		asked := v.words.Amount(page.Sum, "")
		if asked == "any" {
			page.Wrong = office.Say(v.Text("open.sum.wrong"))
			return v.showOpen(422, page)
		}
		args = append(args, arg{"asset", tokens.Unit(token)}, arg{"asset_amount", asked})
		name += " " + asked + " " + page.Token
	case page.Announce != "":
		args = append(args, arg{"announce", "true"})
	default:
		args = append(args, arg{"announce", "false"})
	}
	started := v.s.errands.Start(name, func(ctx context.Context) error {
		if strings.Contains(page.Peer, "@") {
			if err := v.call(ctx, nil, "connect", arg{"id", page.Peer}); err != nil {
				return err
			}
		}
		return v.call(ctx, nil, "fundchannel", args...)
	})
	if !started {
		return v.busy()
	}
	if err := v.outcome(name); err != nil {
		page.Wrong = office.Reason(err)
		return v.showOpen(422, page)
	}
	return v.see("/channels")
}

// forwardRow is an HTLC that we forwarded.
type forwardRow struct {
	In       string              `json:"in_channel"`
	HTLC     uint64              `json:"in_htlc_id"`
	InMsat   amount.MilliSatoshi `json:"in_msat"`
	Out      string              `json:"out_channel"`
	OutMsat  amount.MilliSatoshi `json:"out_msat"`
	Fee      amount.MilliSatoshi `json:"fee_msat"`
	InToken  amount.Property     `json:"in_property_id"`
	InUnits  amount.Units        `json:"in_units"`
	OutToken amount.Property     `json:"out_property_id"`
	OutUnits amount.Units        `json:"out_units"`
	FeeUnits amount.Units        `json:"fee_units"`
	Status   string              `json:"status"`
	Received float64             `json:"received_time"`
	Created  uint64              `json:"created_index"`

	Came, Went tokens.Sum  // Went is nothing while nothing went on
	Earned     tokens.Sums // empty where bitcoin and tokens were exchanged
}

var forwardsList = newest.List[forwardRow]{Command: "listforwards", Key: "forwards", Index: func(r *forwardRow) uint64 { return r.Created }}

// At is when it came, in unix seconds.
func (r *forwardRow) At() uint64 { return uint64(max(r.Received, 0)) }

// Exchanged says whether bitcoin came and tokens went on, or the other way round.
func (r *forwardRow) Exchanged() bool { return r.Out != "" && r.InToken != r.OutToken }

// moved is what an HTLC carries: tokens, which bitcoin only goes along with, or bitcoin.
// It looks each token up once.
func (v *visit) moved(known map[amount.Property]tokens.Asset, id amount.Property, units amount.Units, m amount.MilliSatoshi) tokens.Sum {
	if id == 0 {
		return tokens.Bitcoin(m)
	}
	if _, ok := known[id]; !ok {
		known[id] = v.token(id)
	}
	return tokens.Of(known[id], units)
}

// pageForwards is a page of the forwards, the newest first.
type pageForwards struct {
	Status   string
	Statuses []string
	Forwards []forwardRow
	Moved    tokens.Sums // by those that are shown and settled
	Fees     tokens.Sums
	Older    string
	First    bool
	Files    files
}

func (v *visit) forwards() error {
	q := v.r.URL.Query()
	page := pageForwards{Status: q.Get("status"), Statuses: []string{"", "offered", "settled", "failed", "local_failed"}, First: q.Get("before") == "", Files: v.files()}
	var next uint64
	var err error
	if page.Forwards, next, err = forwardsList.Older(v.Lister(), page.Status, q.Get("before"), rowsOfPage); err != nil {
		return err
	}
	known := map[amount.Property]tokens.Asset{}
	for i := range page.Forwards {
		f := &page.Forwards[i]
		f.Came, f.Went = v.moved(known, f.InToken, f.InUnits, f.InMsat), v.moved(known, f.OutToken, f.OutUnits, f.OutMsat)
		if f.Status != "settled" {
			continue
		}
		page.Moved.Add(f.Went)
		if !f.Exchanged() {
			if f.Earned.Add(tokens.Bitcoin(f.Fee)); f.OutToken != 0 { // bitcoin only goes along
				f.Earned = tokens.Sums{v.moved(known, f.OutToken, f.FeeUnits, 0), f.Earned[0]}
			}
			for _, x := range f.Earned {
				page.Fees.Add(x)
			}
		}
	}
	if next > 0 {
		q.Set("before", fmt.Sprint(next))
		page.Older = "/forwards?" + q.Encode()
	}
	return v.show("forwards", &page)
}
