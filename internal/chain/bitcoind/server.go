package bitcoind

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leyden-ln/leyden/internal/chain"
)

// state is what keeps a server from answering. Each change is one line in the log.
type state int

const (
	ready   state = iota
	away          // no connection, no answer, or no entry
	warming       // started, and not answering yet: loading, verifying
	behind        // answering, with less of the chain than we have seen, or need
)

// note tells the log that the server is in a state, once.
func (s *Source) note(now state, why string) {
	s.mu.Lock()
	before := s.state
	s.state = now
	s.mu.Unlock()
	if before == now {
		return
	}
	switch now {
	case away:
		s.cfg.Log.Warn("bitcoind does not answer; waiting for it", "url", s.url, "why", why)
	case warming:
		s.cfg.Log.Info("bitcoind is starting; waiting for it", "url", s.url, "why", why)
	case behind:
		s.cfg.Log.Warn("bitcoind has not the whole chain; waiting for it", "url", s.url, "why", why)
	case ready:
		s.cfg.Log.Info("bitcoind is back", "url", s.url)
	}
}

// answered notes that the server is there. Whether it has the chain is for those
// to say who noted that it has not.
func (s *Source) answered() {
	s.mu.Lock()
	waiting := s.state == away || s.state == warming
	s.mu.Unlock()
	if waiting {
		s.note(ready, "")
	}
}

// info is what getblockchaininfo tells.
type info struct {
	Chain       string `json:"chain"`
	Blocks      uint32 `json:"blocks"`
	Headers     uint32 `json:"headers"`
	Best        string `json:"bestblockhash"`
	Downloading bool   `json:"initialblockdownload"`
	Time        int64  `json:"time"`       // of the newest block; zero: an older server
	MedianTime  int64  `json:"mediantime"` // in the middle of the newest eleven
}

func (s *Source) info(ctx context.Context) (i info, err error) {
	err = s.patient(ctx, &i, "getblockchaininfo")
	return i, err
}

// Best implements [chain.Source]. A server says that it downloads when its newest block
// is a day old, and when it starts; the block's time tells of less.
func (s *Source) Best(ctx context.Context) (chain.Best, error) {
	var i info
	if err := s.call(ctx, &i, "getblockchaininfo"); err != nil {
		return chain.Best{}, err
	}
	best := chain.Best{Height: max(i.Blocks, i.Headers)}
	if i.Downloading && i.Chain != "regtest" {
		return chain.Best{}, fmt.Errorf("%w: bitcoind has %d blocks of at least %d", chain.ErrBehind, i.Blocks, i.Headers)
	}
	switch {
	case chain.Timeless(i.Chain):
	case i.Time > 0:
		best.Time = time.Unix(i.Time, 0)
	case i.MedianTime > 0:
		best.Time = time.Unix(i.MedianTime, 0).Add(time.Hour) // five blocks later, or so
	}
	return best, nil
}

// Ready waits until the server answers and has the chain, and says which chain it
// is: main, test, testnet4, signet or regtest. A regtest's is whole at any age.
func (s *Source) Ready(ctx context.Context) (network string, err error) {
	for {
		i, err := s.info(ctx)
		if err != nil {
			return "", err
		}
		if !i.Downloading || i.Chain == "regtest" {
			s.caughtUp()
			return i.Chain, nil
		}
		s.note(behind, fmt.Sprintf("it has %d blocks of at least %d", i.Blocks, i.Headers))
		if err := pause(ctx); err != nil {
			return "", err
		}
	}
}

func (s *Source) caughtUp() {
	s.mu.Lock()
	waiting := s.state == behind
	s.mu.Unlock()
	if waiting {
		s.note(ready, "")
	}
}

// headerOf asks for a block's header until the server can know whether it is in
// the best chain. A server that reindexes, or downloads the chain again, has fewer
// blocks than we have seen: the missing ones are not gone. Error:
// [chain.ErrUnknownBlock].
func (s *Source) headerOf(ctx context.Context, at chain.BlockRef) (h header, err error) {
	for {
		h = header{}
		err := s.patient(ctx, &h, "getblockheader", at.Hash.String())
		var said *Error
		unknown := errors.As(err, &said) && said.Code == codeNotFound
		if err != nil && !unknown {
			return h, err
		}
		if err == nil && h.Confirmations >= 0 {
			s.caughtUp()
			return h, nil
		}
		i, err := s.info(ctx)
		if err != nil {
			return h, err
		}
		switch {
		case unknown && i.Blocks >= at.Height && (!i.Downloading || i.Chain == "regtest"):
			return h, fmt.Errorf("%w: bitcoind has no block %s", chain.ErrUnknownBlock, at.Hash)
		case !unknown && (i.Blocks >= at.Height || i.Headers < at.Height):
			s.caughtUp()
			return h, nil // a branch with more work has taken its place
		}
		s.note(behind, fmt.Sprintf("it has %d blocks; the last one processed here is %d", i.Blocks, at.Height))
		if err := pause(ctx); err != nil {
			return h, err
		}
	}
}
