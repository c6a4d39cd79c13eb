package backing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/pay"
)

// Ledger says why the tokens of a channel cannot be moved; empty: they can. Known: it could
// be asked.
type Ledger interface {
	Standing(ctx context.Context, p channel.ParamsRow) (why string, known bool)
}

// Config is what a judge needs.
type Config struct {
	Links  func() []*link.Link
	Place  func(id wire.ChannelID) (scid wire.ShortChannelID, placed bool) // of a funding output
	Height func() uint32
	Ledger Ledger
	Log    *slog.Logger
}

// Judge holds channels.
type Judge struct{ cfg Config }

// New makes a judge.
func New(cfg Config) *Judge { return &Judge{cfg} }

// Look holds the channels with tokens that are not backed any more, with an alarm, and lets
// those go on that are again.
func (j *Judge) Look(ctx context.Context) {
	for _, l := range j.cfg.Links() {
		if l.Params().Property == 0 {
			continue
		}
		why, known := j.unbacked(ctx, l)
		if !known {
			continue // it stays as it is until the ledger says more
		}
		switch before := l.Hold(why); {
		case before == why:
		case why == "":
			j.cfg.Log.Info("a channel with tokens goes on", "channel", l.ID())
		default:
			j.cfg.Log.Error("tokens", "alarm", "nothing goes over a channel any more: "+why, "channel", l.ID())
		}
	}
}

// unbacked says why the tokens of a channel in use cannot be relied on; empty: they can.
func (j *Judge) unbacked(ctx context.Context, l *link.Link) (why string, known bool) {
	p, s := l.Params(), l.Status()
	if s.Status != channel.Open || !s.ReadySent {
		return "", true
	}
	scid, placed := j.cfg.Place(p.Channel)
	switch {
	case !placed:
		return "a reorganization has taken its funding transaction out of the chain", true
	case s.SCID != scid, l.Held() != "" && j.cfg.Height()+1 < scid.Height()+p.MinimumDepth:
		return "a reorganization has moved its funding transaction, which is not deep enough yet", true
	}
	return j.cfg.Ledger.Standing(ctx, p)
}

// Explain adds to the error of a search for ways which of our channels carry nothing, and why.
func (j *Judge) Explain(property amount.Property, err error) error {
	var e *pay.Error
	if !errors.As(err, &e) {
		return err
	}
	out := *e
	for _, l := range j.cfg.Links() {
		if why := l.Held(); why != "" && l.Params().Property == property {
			out.Message += fmt.Sprintf("; nothing goes over channel %s: %s", l.ID(), why)
		}
	}
	return &out
}
