package web

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/web/channels"
	"github.com/leyden-ln/leyden/web/office"
	"github.com/leyden-ln/leyden/web/tokens"
	"github.com/leyden-ln/leyden/web/words"
)

// pageHome is how the node is, at a glance.
type pageHome struct {
	channels.Funds
	OnChain, Unconfirmed amount.MilliSatoshi
	ID, Network, Address string
	Height               uint64
	Peers                int
	Channels             int
	Held                 tokens.Held
	Recent               []happened
	Attention            []attention
	Mode                 stepMode
}

// happened is a payment in or out.
type happened struct {
	In     bool
	Text   string
	Amount tokens.Sum
	Fee    tokens.Sum
	At     uint64
	Path   string
	Status string
}

// attention is what its owner should look at.
type attention struct{ Text, Path string }

const recently = 8

func (v *visit) readHome() (page pageHome, err error) {
	var info struct {
		ID      string
		Network string
		Height  uint64 `json:"blockheight"`
		Peers   int    `json:"num_peers"`
		Address []place
		Binding []place
	}
	if err := v.run(v.ctx(), &info, "getinfo"); err != nil {
		return page, err
	}
	page.ID, page.Network, page.Height, page.Peers = info.ID, info.Network, info.Height, info.Peers
	if at := slices.Concat(info.Address, info.Binding); len(at) > 0 {
		page.Address = info.ID + "@" + at[0].String()
	}
	coins, err := office.ReadCoins(v)
	if err != nil {
		return page, err
	}
	page.OnChain, page.Unconfirmed = coins.Confirmed, coins.Unconfirmed
	rows, err := v.listChannels()
	if err != nil {
		return page, err
	}
	page.Funds, page.Channels, page.Held = channels.Sums(rows), len(rows), v.held(rows)
	for i := range rows {
		if c := &rows[i]; !c.Well() {
			name := cmp.Or(v.alias(v.ctx(), c.PeerID), words.Short(c.PeerID))
			page.Attention = append(page.Attention, attention{v.Text("home.channel", words.Plain(name), channelWord(v.words, c)), "/channels"})
		}
	}
	if b := office.ReadBackups(v); b.ChannelsAt != 0 {
		if n := b.Lacks(rows); n > 0 {
			page.Attention = append(page.Attention, attention{v.Text("home.backup", n), "/settings"})
		}
	}
	if page.Mode, err = v.readSteps(""); err != nil {
		return page, err
	}
	for i := range page.Mode.Held {
		h := &page.Mode.Held[i]
		page.Attention = append(page.Attention, attention{v.Text("home.step", h.Step), "/inside/" + h.Hash})
	}
	return page, v.readRecent(&page)
}

// place is where a node listens.
type place struct {
	Type    string
	Address string
	Port    int
}

func (p place) String() string {
	if p.Type == "ipv6" {
		return fmt.Sprintf("[%s]:%d", p.Address, p.Port)
	}
	return fmt.Sprintf("%s:%d", p.Address, p.Port)
}

// readRecent adds what happened last, and held payments that wait for an answer.
func (v *visit) readRecent(page *pageHome) error {
	var held, paid struct{ Invoices []invoiceRow }
	limit := arg{"limit", fmt.Sprint(recently)}
	if err := v.run(v.ctx(), &held, "searchinvoices", arg{"status", "accepted"}, limit); err != nil {
		return err
	}
	for _, i := range held.Invoices {
		why := v.Text("home.held", words.Plain(i.Label))
		if left := v.blocksLeft(i.PaymentHash); left != 0 {
			why = v.Text("home.blocks", words.Plain(i.Label), left)
		}
		page.Attention = append(page.Attention, attention{why, "/invoices/" + i.PaymentHash})
	}
	if err := v.run(v.ctx(), &paid, "searchinvoices", arg{"status", "paid"}, limit); err != nil {
		return err
	}
	for _, i := range paid.Invoices {
		if i.PaidAt > i.ExpiresAt {
			page.Attention = append(page.Attention, attention{v.Text("home.late", words.Plain(i.Label)), "/invoices/" + i.PaymentHash})
		}
		page.Recent = append(page.Recent, happened{
			In: true, Text: cmp.Or(i.Description, i.Label), Amount: i.Gotten(), At: i.PaidAt, Path: "/invoices/" + i.PaymentHash, Status: i.Status,
		})
	}
	pays, _, err := paysList.Older(v.Lister(), "", "", recently)
	if err != nil {
		return err
	}
	for i := range pays {
		p := &pays[i]
		page.Recent = append(page.Recent, happened{
			Text: cmp.Or(p.Description, p.Label, words.Short(p.Destination)), Amount: p.Arrives(), Fee: p.Fee(), At: max(p.CompletedAt, p.CreatedAt),
			Path: "/payments/" + p.PaymentHash, Status: p.Status,
		})
	}
	slices.SortStableFunc(page.Recent, func(a, b happened) int { return cmp.Compare(b.At, a.At) })
	page.Recent = page.Recent[:min(len(page.Recent), recently)]
	return nil
}

func (v *visit) home() error {
	page, err := v.readHome()
	if err != nil {
		return err
	}
	return v.show("home", &page)
}

func (v *visit) homeLive() error {
	changes := v.changes()
	var page pageHome
	return v.stream(func() (b []byte, last bool, err error) {
		if err := changes.look(v.ctx(), "invoices", "sendpays"); err != nil {
			return nil, false, err
		}
		if page, err = v.readHome(); err == nil {
			b, err = v.fragment("home", "home-now", &page)
		}
		return b, false, err
	}, func(ctx context.Context) error { return either(ctx, changes.wait, page.Mode.wait(v)) })
}
