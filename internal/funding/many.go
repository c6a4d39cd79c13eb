package funding

import (
	"context"
	"errors"
	"slices"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// Wish is a channel to open with a peer. The feerate of the funding transaction, its
// coins and their age are those of the first wish.
type Wish struct {
	Peer Peer
	Request
}

// PeerError is why the channel with one of several peers was not opened, and the
// others therefore neither.
type PeerError struct {
	Peer     wire.NodeID
	Accepted bool // whether it had sent accept_channel
	Err      error
}

// Error names the peer.
func (e *PeerError) Error() string { return e.Peer.String() + ": " + e.Err.Error() }

// Unwrap is the error without the peer.
func (e *PeerError) Unwrap() error { return e.Err }

// OpenMany opens channels with several peers by one funding transaction, which is
// broadcast when all of them have signed and all is on disk. When one of them fails
// nothing is spent, and the others are asked anew without it as long as at least so
// many are left: failed are those. Errors: as [Manager.Open], that of a peer as a
// [*PeerError].
func (m *Manager) OpenMany(ctx context.Context, wishes []Wish, least int) (opened []Opened, failed []*PeerError, err error) {
	for {
		b, err := m.start(ctx, wishes)
		if err == nil {
			opened, err = m.wait(ctx, b)
		}
		of, ofPeer := errors.AsType[*PeerError](err)
		if !ofPeer || errors.Is(err, errFault) || len(wishes) <= max(least, 1) {
			return opened, failed, err
		}
		failed = append(failed, of)
		wishes = slices.DeleteFunc(slices.Clone(wishes), func(w Wish) bool { return w.Peer.ID() == of.Peer })
	}
}
