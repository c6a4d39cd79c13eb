package tokens

import (
	"context"
	"errors"
	"fmt"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
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
// relied on for it, and nobody can freeze it, which would keep a channel from being closed.
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
		case p.Managed:
			return fmt.Errorf("%w: it is managed, and its issuer may freeze the channel's address: then nobody could close it", ErrCarry)
		case !s.params.SendToMany(id, l.Seen().Height+1):
			return fmt.Errorf("%w: it cannot be sent to many", ErrCarry)
		}
		return nil
	})
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
// address of a channel has its tokens and can send them.
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
			backed = ok && l.Balance(address, p.Property) >= p.Tokens && !l.Frozen(address, p.Property)
			return nil
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

// tell wakes who waits for the ledger.
func (s *Service) tell() {
	next := make(chan struct{})
	close(*s.moved.Swap(&next))
}
