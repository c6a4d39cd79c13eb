package tokens

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/ledger"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// ErrCarry means that channels of this node do not carry a property.
var ErrCarry = errors.New("channels do not carry it")

// Carries says whether channels can carry tokens: there is a ledger, on a chain of one's
// own. Elsewhere sending to many is not known to be active.
func (s *Service) Carries() bool { return s.cfg.On && s.cfg.Network == bolt11.Regtest }

// MayCarry says whether a channel may carry a property: it exists, the ledger can be
// relied on for it, and nobody can freeze it, which would keep a channel from being closed,
// unless the operator trusts who could.
// Errors: [ErrOff], [ErrBehind], [ErrUnknown], [ErrCarry].
func (s *Service) MayCarry(ctx context.Context, id amount.Property) error {
	if !s.Carries() {
		return fmt.Errorf("%w: on this network, or without --assets", ErrCarry)
	}
	return s.ask(ctx, func(l *ledger.Ledger) error {
		p, ok := l.Property(id)
		switch {
		case !ok:
			return ErrUnknown
		case p.Tainted != "":
			return fmt.Errorf("%w: its balances cannot be relied on: %s", ErrCarry, p.Tainted)
		case p.Halted != "":
			return fmt.Errorf("%w: it is halted: %s", ErrCarry, p.Halted)
		case p.Unique:
			return fmt.Errorf("%w: no unit of it is like another", ErrCarry)
		case p.Managed && !slices.Contains(s.cfg.Freezable, id):
			return fmt.Errorf("%w: it is managed, and its issuer may freeze the channel's address: then nobody could close it. Who trusts the issuer starts the node with --assets-freezable %d", ErrCarry, id)
		case !s.params.SendToMany(id, l.Seen().Height+1):
			return fmt.Errorf("%w: it cannot be sent to many", ErrCarry)
		}
		return nil
	})
}

// Receivers is how many outputs with tokens a commitment may have for the source to relay
// it. Errors: [ErrCarry], and those of the source.
func (s *Service) Receivers(ctx context.Context) (uint8, error) {
	bytes, err := s.cfg.Source.DataCarrier(ctx)
	if err != nil {
		return 0, err
	}
	n := script.Receivers(bytes)
	if n < script.MinReceivers {
		return 0, fmt.Errorf("%w: bitcoind relays OP_RETURN outputs of %d bytes, and %d are needed: start it with -datacarriersize=%d or more", ErrCarry, bytes, chain.DataCarrier, chain.DataCarrier)
	}
	return n, nil
}

// Risk says what the issuer of a property can do to a channel that carries it; empty:
// nothing. Errors: [ErrOff], [ErrBehind].
func (s *Service) Risk(ctx context.Context, id amount.Property) (why string, err error) {
	err = s.ask(ctx, func(l *ledger.Ledger) error {
		if p, ok := l.Property(id); ok && p.Managed {
			why = fmt.Sprintf("the issuer of property %d can freeze addresses: once it freezes this channel's, no transaction moves the tokens in it, neither yours nor "+
				"the peer's nor a penalty, until the issuer lets them go; and it can make as many new ones as it likes", id)
		}
		return nil
	})
	return why, err
}

// Funding asks for the transaction that funds a channel with tokens.
type Funding struct {
	Order
	Value amount.Satoshi // of the funding output
	Keep  amount.Satoshi // what must stay in the wallet
	For   string         // what the coins are kept for
}

// Fund makes the transaction that funds a channel, without broadcasting it: its first
// input is a coin of the address that has the tokens, and its last output, the only one
// that gets any, is the channel's. Errors: those of [Service.Send].
func (s *Service) Fund(ctx context.Context, f Funding) (wallet.Funded, error) {
	s.making.Lock()
	defer s.making.Unlock()
	p, err := s.sending(ctx, f.Order)
	if err != nil {
		return wallet.Funded{}, err
	}
	p.value, p.keep = f.Value, &f.Keep
	_, funded, err := s.prepare(ctx, p, f.For)
	if err == nil {
		funded.Index = []uint32{uint32(len(funded.Tx.TxOut) - 1)} //nolint:gosec // a few
	}
	return funded, err
}

// FundingAddress is the address at which a channel's tokens are while it is open. Errors:
// [ErrOff], [ErrAddress], and the store's.
func (s *Service) FundingAddress(ctx context.Context, p channel.ParamsRow) (string, error) {
	if !s.cfg.On {
		return "", ErrOff
	}
	height, _, err := s.cfg.Store.AssetHeight(ctx)
	if err != nil {
		return "", err
	}
	_, pkScript := p.Format.FundingScript(p.LocalKeys.Funding, p.RemoteKeys.Funding)
	address, ok := s.params.Address(height, pkScript)
	if !ok {
		return "", ErrAddress
	}
	return address, nil
}

// Backed waits until the ledger has come to a height, and says then whether the funding
// transaction of a channel brought its tokens to the funding address, which has them and
// can send them. What came there by another transaction does not count: it may be in the
// newest block, and the next one that replaces it would take it away.
func (s *Service) Backed(ctx context.Context, p channel.ParamsRow, height uint32) (bool, error) {
	_, pkScript := p.Format.FundingScript(p.LocalKeys.Funding, p.RemoteKeys.Funding)
	for {
		moved := s.moved.Load()
		backed, there := false, false
		err := s.ask(ctx, func(l *ledger.Ledger) error {
			if there = l.Seen().Height >= height; !there {
				return nil
			}
			address, ok := s.params.Address(height, pkScript)
			if !ok || l.Balance(address, p.Property) < p.Tokens || l.Frozen(address, p.Property) {
				return nil
			}
			e, _, err := s.cfg.Store.AssetEntry(ctx, p.Funding.Hash)
			backed = brought(e, asset.Key{Address: address, Property: p.Property}) >= p.Tokens
			return err
		})
		if err != nil && !errors.Is(err, ErrBehind) || there {
			return backed, err
		}
		select {
		case <-*moved:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// brought is how many units a transaction gave an address.
func brought(e ledger.Entry, to asset.Key) (units amount.Units) {
	for _, m := range e.Moves {
		if m.Key == to && m.After > m.Before {
			units += m.After - m.Before
		}
	}
	return units
}

// Standing says why the tokens of a channel that is in use cannot be moved now; empty:
// they can. Known says whether the ledger could be asked.
func (s *Service) Standing(ctx context.Context, p channel.ParamsRow) (why string, known bool) {
	_, pkScript := p.Format.FundingScript(p.LocalKeys.Funding, p.RemoteKeys.Funding)
	err := s.ask(ctx, func(l *ledger.Ledger) error {
		property, there := l.Property(p.Property)
		address, ok := s.params.Address(l.Seen().Height, pkScript)
		has := amount.Units(0)
		if ok {
			has = l.Balance(address, p.Property)
		}
		switch {
		case !there:
			why = "its token does not exist any more"
		case property.Tainted != "":
			why = "the balances of its token cannot be relied on: " + property.Tainted
		case property.Halted != "":
			why = "its token is halted: " + property.Halted
		case l.Frozen(address, p.Property):
			why = "the issuer of its token has frozen the channel's address"
		case has < p.Tokens:
			why = fmt.Sprintf("its address has %d units of %d", has, p.Tokens)
		}
		return nil
	})
	if errors.Is(err, ErrOff) {
		return err.Error(), true
	}
	return why, err == nil
}

// tell wakes who waits for the ledger.
func (s *Service) tell() {
	next := make(chan struct{})
	close(*s.moved.Swap(&next))
}

// Claim is tokens that somebody says are at the address of a script.
type Claim struct {
	Property amount.Property
	Script   []byte
	Units    amount.Units
}

// Refute says of each claim why it is not true; empty: it is, as far as the ledger knows,
// which has come to a height at least. Errors: [ErrOff], [ErrBehind].
func (s *Service) Refute(ctx context.Context, height uint32, claims ...Claim) ([]string, error) {
	why := make([]string, len(claims))
	err := s.ask(ctx, func(l *ledger.Ledger) error {
		seen := l.Seen().Height
		if seen < height {
			return ErrBehind
		}
		for i, c := range claims {
			property, there := l.Property(c.Property)
			address, ok := s.params.Address(seen, c.Script)
			has := amount.Units(0)
			if ok {
				has = l.Balance(address, c.Property)
			}
			switch {
			case !there:
				why[i] = fmt.Sprintf("property %d does not exist", c.Property)
			case property.Tainted != "" || property.Halted != "":
				why[i] = fmt.Sprintf("the balances of property %d cannot be relied on", c.Property)
			case has < c.Units:
				why[i] = fmt.Sprintf("its address has %d units of %d", has, c.Units)
			}
		}
		return nil
	})
	return why, err
}
